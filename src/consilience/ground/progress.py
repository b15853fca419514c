"""Progress of long work: a live display on a terminal, plain lines elsewhere, nothing when quiet.

Everything goes to standard error, so that standard output stays clean for results.
"""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display


class Progress:
    """Reports the stages of one piece of work, as a context manager.

    Parameters
    ----------
    title
        What is being done, in a few words.
    total
        How many stages there will be.
    quiet
        Report nothing at all.
    console
        Where to write; standard error unless given.

    Examples
    --------
    >>> import sys
    >>> with Progress("convex_networks", total=1, console=Console(file=sys.stdout)) as progress:
    ...     progress.begin("convex.cross")
    ...     progress.end("convex.cross", "holds")
    convex_networks 1/1: convex.cross ...
    convex_networks 1/1: convex.cross: holds
    """

    def __init__(self, title: str, total: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._quiet = quiet
        self._console = console or Console(stderr=True, highlight=False)
        self._display: Display | None = None
        if self._console.is_terminal and not quiet:
            self._display = Display(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._display.add_task(title, total=total)

    def __enter__(self) -> "Progress":
        """Show the display, where there is one."""
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the display away, whatever happened."""
        if self._display is not None:
            self._display.stop()

    def begin(self, stage: str) -> None:
        """Say that `stage` begins."""
        if self._display is not None:
            self._display.update(self._task, description=f"{self._title}: {stage}")
        else:
            self._say(f"{self._title} {self._done + 1}/{self._total}: {stage} ...")

    def end(self, stage: str, outcome: str) -> None:
        """Say how `stage` ended and count it."""
        self._done += 1
        self._say(f"{self._title} {self._done}/{self._total}: {stage}: {outcome}")
        if self._display is not None:
            self._display.update(self._task, advance=1)

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line, markup=False, soft_wrap=True)
