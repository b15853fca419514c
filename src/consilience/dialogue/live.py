"""A run of many elements on the terminal: what is done, what runs, what it cost, how far it is to the end.

Made from the transcript. A display on a terminal, a plain line now and then elsewhere, nothing when quiet; all of it
goes to standard error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live as Display
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from consilience.dialogue.prices import money
from consilience.dialogue.transcript import Event, OpenCalls, Transcript
from consilience.ground.wording import many

__all__ = ["Live"]

_EVERY_S = 5.0


class Live:
    """Shows a run while it goes on, as a context manager.

    Parameters
    ----------
    title
        What is being done, in a few words.
    elements
        How many elements there are to be done.
    remaining
        For every element, how long the longest way from its start to the end of the run is, say in turns: tells how far
        it still is.
    unit
        What `remaining` counts.
    resume
        The command that goes on with this run, told when it is interrupted.
    quiet
        Show nothing.
    console
        Where to; standard error unless given.
    every_s
        Seconds between plain lines where there is no terminal.
    beneath
        What a display shows beneath, drawn anew each time.
    counted
        How many are done, of how many, and what they are called, where it is not elements that are counted.

    Examples
    --------
    >>> import sys
    >>> console = Console(file=sys.stdout, width=200)
    >>> with Transcript() as transcript, Live("mesh", 2, remaining={"0": 2, "1": 1}, console=console) as live:
    ...     live.follow(transcript)
    ...     replied = transcript.add("replied", "0", input_tokens=8, output_tokens=4, usd=0.25)
    ...     committed = transcript.add("committed", "0", after=(replied,))
    ...     print(live.line())
    mesh: 1 of 2 done, 0 running, 1 waiting; 1 call; 12 tokens; $0.25; 1 turn to go
    mesh: 1 of 2 done, 0 running, 1 waiting; 1 call; 12 tokens; $0.25; 1 turn to go
    """

    def __init__(
        self,
        title: str,
        elements: int,
        *,
        remaining: Mapping[str, float] | None = None,
        unit: str = "turn",
        resume: str = "",
        quiet: bool = False,
        console: Console | None = None,
        every_s: float = _EVERY_S,
        beneath: Callable[[], RenderableType] | None = None,
        counted: Callable[[], tuple[int, int, str]] | None = None,
    ) -> None:
        self.title, self.elements, self.resume = title, elements, resume
        self.calls = self.replayed = self.tokens = 0
        self.usd = 0.0
        self.unpriced = 0
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()
        self.running: set[str] = set()
        self._retried = 0
        self._open = OpenCalls()
        self._remaining = dict(remaining or {})
        self._longest = sorted(self._remaining, key=self._remaining.__getitem__)
        self._unit, self._quiet, self._every_s = unit, quiet, every_s
        self._beneath, self._counted = beneath, counted
        self._console = console or Console(stderr=True, highlight=False)
        self._spinner = Spinner("dots")
        self._start = self._told = time.monotonic()
        self._display = (
            Display(get_renderable=self._render, console=self._console, refresh_per_second=6, transient=True)
            if self._console.is_terminal and not quiet
            else None
        )

    def __enter__(self) -> Live:
        """Show the display, where there is one."""
        self._start = self._told = time.monotonic()
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Take the display away and say in a line how it stands, and after an interruption how to go on."""
        if self._display is not None:
            self._display.stop()
        self._say(self.line())
        if kind is not None and issubclass(kind, KeyboardInterrupt | asyncio.CancelledError):
            how = f"; go on with: {self.resume}" if self.resume else "; run it again to go on"
            self._say(f"{self.title}: interrupted, and what was answered is kept{how}")

    def follow(self, transcript: Transcript) -> None:
        """Listen to a transcript."""
        transcript.listen(self)

    def __call__(self, event: Event) -> None:
        """Count `event`."""
        self._count(event)
        if self._display is None and time.monotonic() - self._told >= self._every_s:
            self._told = time.monotonic()
            self._say(self.line())

    @property
    def to_go(self) -> float | None:
        """How long the longest way from an element that is not done to the end is; None where that was not told."""
        if not self._remaining:
            return None
        over = (self.done, self.skipped, self.failed)
        while self._longest and any(self._longest[-1] in some for some in over):
            self._longest.pop()
        return self._remaining[self._longest[-1]] if self._longest else 0.0

    def line(self) -> str:
        """Return how it stands, in a line."""
        return f"{self.title}: {', '.join(self._states())}; {'; '.join(self._costs())}"

    def _count(self, event: Event) -> None:
        call = self._open.of(event)
        facts = event.facts
        if event.kind in ("replied", "replayed"):
            self.calls += 1
            self.replayed += event.kind == "replayed"
            self.tokens += int(facts.get("input_tokens") or 0) + int(facts.get("output_tokens") or 0)
            if event.kind == "replied":
                usd = facts.get("usd")
                self.unpriced += usd is None
                self.usd += float(usd or 0.0)
        elif event.kind == "retried":
            self._retried += 1
        if not event.element:
            return
        if event.kind == "asked":
            self._move(event.element, self.running)
        elif event.kind == "committed":
            self._move(event.element, self.done)
        elif event.kind == "skipped":
            self._move(event.element, self.skipped)
        elif event.kind == "failed" and call is None:
            self._move(event.element, self.failed)

    def _move(self, element: str, to: set[str]) -> None:
        for some in (self.running, self.done, self.skipped, self.failed):
            some.discard(element)
        to.add(element)

    def _states(self) -> Iterable[str]:
        if self._counted is not None:
            done, count, called = self._counted()
            yield f"{done:,} of {count:,} {called} done"
            return
        over = len(self.done) + len(self.skipped) + len(self.failed)
        yield f"{len(self.done):,} of {self.elements:,} done"
        yield f"{len(self.running):,} running"
        yield f"{max(0, self.elements - over - len(self.running)):,} waiting"
        if self.skipped:
            yield f"{len(self.skipped):,} skipped"
        if self.failed:
            yield f"{len(self.failed):,} failed"

    def _costs(self) -> Iterable[str]:
        yield many(self.calls, "call") + (f", {self.replayed:,} from the journal" if self.replayed else "")
        if self._retried:
            yield f"{self._retried:,} retried"
        yield f"{self.tokens:,} tokens"
        if self.unpriced and self.usd:
            yield f"at least {money(self.usd)}, the price of some calls not known"
        else:
            yield money(None if self.unpriced else self.usd)
        if self.to_go is not None:
            yield f"{many(self.to_go, self._unit)} to go"

    def _render(self) -> RenderableType:
        over, count = len(self.done) + len(self.skipped) + len(self.failed), self.elements
        if self._counted is not None:
            over, count, _ = self._counted()
        seconds = int(time.monotonic() - self._start)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            self._spinner,
            Text(self.title, style="bold"),
            ProgressBar(total=max(count, 1), completed=over, width=28),
            Text(", ".join(self._states()), style="red" if self.failed else ""),
            Text(f"{seconds // 60}:{seconds % 60:02d}", style="dim"),
        )
        costs = Text(f"  {' · '.join(self._costs())} · ctrl-C stops, and what was answered is kept", "dim")
        return Group(head, costs, *([] if self._beneath is None else [self._beneath()]))

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
