"""What a user sees of a long run: a display with the time left on a terminal, a line a round elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType

from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from torch import Tensor

from consilience.methods.em_diffusion.held_out import PartlySeen
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.sampling import Sampling

__all__ = ["Watch", "watched"]

FEW_S = 90


class Watch:
    """Shows where a run is and how long it will take, as a context manager; everything goes to standard error.

    Work is counted in kinds, each of which has its own pace; what is left of a kind that has not begun is not known.

    Parameters
    ----------
    title
        What is being done.
    quiet
        Show nothing at all.
    console
        Where to write; standard error unless given.

    Examples
    --------
    >>> import sys
    >>> with Watch("em-diffusion", console=Console(file=sys.stdout)) as watch:
    ...     watch.plan({"steps": 10})
    ...     watch.advance("training", "steps", 10, 10)
    ...     watch.say("done")
    em-diffusion: done
    """

    def __init__(self, title: str, *, quiet: bool = False, console: Console | None = None) -> None:
        self._title = title
        self._quiet = quiet
        self._console = console or Console(stderr=True, highlight=False)
        self._display: Progress | None = None
        if self._console.is_terminal and not quiet:
            self._display = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TextColumn("{task.fields[figure]}"),
                TextColumn("{task.fields[left]}"),
                console=self._console,
                transient=True,
            )
            self._task = self._display.add_task(title, total=None, figure="", left="")
        self._stage = self._figure = ""
        self._planned: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._spent: dict[str, float] = {}
        self._last = time.monotonic()

    def __enter__(self) -> Watch:
        """Show the display, where there is one."""
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away, whatever happened."""
        if self._display is not None:
            self._display.stop()

    def plan(self, work: Mapping[str, float]) -> None:
        """Say how much of each kind of work is left from here."""
        self._planned = dict(work)
        self._last = time.monotonic()

    def advance(self, stage: str, kind: str, amount: float, of: float, figure: str = "") -> None:
        """Count work that was just done.

        Parameters
        ----------
        stage
            What is going on, in a few words.
        kind
            Of the work.
        amount
            How much was done since the last call.
        of
            How much the whole stage is.
        figure
            The number to look at.
        """
        now = time.monotonic()
        self._spent[kind] = self._spent.get(kind, 0.0) + now - self._last
        self._done[kind] = self._done.get(kind, 0.0) + amount
        self._planned[kind] = max(self._planned.get(kind, 0.0) - amount, 0.0)
        self._last = now
        if self._display is None:
            return
        if stage != self._stage:
            self._stage, self._figure = stage, ""
            self._display.reset(self._task, total=of, description=f"{self._title}: {stage}", figure="", left="")
        self._figure = figure or self._figure
        self._display.update(self._task, advance=amount, figure=self._figure, left=self.time_left())

    def say(self, line: str) -> None:
        """Write a line that stays."""
        if not self._quiet:
            self._console.print(f"{self._title}: {line}", markup=False, soft_wrap=True)

    def time_left(self) -> str:
        """Return the time left in words; nothing while some kind of work has not begun."""
        left = 0.0
        for kind, amount in self._planned.items():
            if amount and not self._done.get(kind):
                return ""
            if amount:
                left += amount * self._spent[kind] / self._done[kind]
        return f"about {left:.0f} s left" if left < FEW_S else f"about {left / 60:.0f} min left"


def watched(sampling: Sampling, notice: Callable[[int, bool], None]) -> Sampling:
    """Return the same settings of sampling, which tell of every evaluation of a posterior.

    Parameters
    ----------
    sampling
        What it equals in all but that.
    notice
        Told how many images were evaluated, and whether some of their measurements were hidden to be predicted.
    """

    class Watched(Sampling):
        def guide(self, prior: Denoiser, observations: Observations) -> Denoiser:
            posterior = super().guide(prior, observations)
            partly = isinstance(observations.physics, PartlySeen)

            def counted(
                noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
            ) -> Float[Tensor, "image channel row column"]:
                expected = posterior(noisy, sigma)
                notice(len(noisy), partly)
                return expected

            return counted

    return Watched(**asdict(sampling))
