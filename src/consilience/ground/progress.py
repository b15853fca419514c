"""Progress of long work: a live display on a terminal, plain lines elsewhere, nothing when quiet.

Everything goes to standard error, so that standard output stays clean for results.
"""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display


class Course:
    """Several pieces of work, one after the other under one display: how many are done, and how far the present one is.

    Parameters
    ----------
    title
        What the pieces are together, in a few words.
    total
        How many pieces there will be; where it is one, only that piece is shown.
    quiet
        Report nothing at all.
    console
        Where to write; standard error unless given.

    Examples
    --------
    >>> import sys
    >>> with Course("all methods", total=2, console=Console(file=sys.stdout)) as course:
    ...     for room in ("rank_collapse", "self_correction"):
    ...         with Progress(room, total=1, course=course) as progress:
    ...             progress.end("a claim", "holds")
    [1/2] rank_collapse 1/1: a claim: holds
    [2/2] self_correction 1/1: a claim: holds
    """

    def __init__(self, title: str, total: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self._total = total
        self._done = 0
        self._quiet = quiet
        self._console = console or Console(stderr=True, highlight=False)
        self._display = _display(self._console) if self._console.is_terminal and not quiet else None
        self._whole = self._display.add_task(title, total=total) if self._display is not None and total > 1 else None
        self._piece: TaskID | None = None

    def __enter__(self) -> "Course":
        """Show the display, where there is one."""
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the display away, whatever happened."""
        if self._display is not None:
            self._display.stop()

    @property
    def live(self) -> bool:
        """Whether there is a display, so that what begins need not be said in a line."""
        return self._display is not None

    def enter(self, piece: str, stages: int) -> None:
        """Begin a piece of work that has so many stages."""
        if self._display is not None:
            self._piece = self._display.add_task(piece, total=stages)

    def leave(self) -> None:
        """Count the piece at work as done, and take it from the display."""
        self._done += 1
        if self._display is not None and self._piece is not None:
            self._display.remove_task(self._piece)
            self._piece = None
        if self._display is not None and self._whole is not None:
            self._display.update(self._whole, completed=self._done)

    def show(self, description: str, stages_done: int) -> None:
        """Show where the piece at work is."""
        if self._display is not None and self._piece is not None:
            self._display.update(self._piece, description=description, completed=stages_done)

    def say(self, line: str) -> None:
        """Write a line that stays, led by which piece is at work where there are several."""
        if not self._quiet:
            place = f"[{min(self._done + 1, self._total)}/{self._total}] " if self._total > 1 else ""
            self._console.print(place + line, markup=False, soft_wrap=True)


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
    course
        The course that this is a piece of, in place of `quiet` and `console`: it shows everything.

    Examples
    --------
    >>> import sys
    >>> with Progress("convex_networks", total=1, console=Console(file=sys.stdout)) as progress:
    ...     progress.begin("convex.cross")
    ...     progress.end("convex.cross", "holds")
    convex_networks 1/1: convex.cross ...
    convex_networks 1/1: convex.cross: holds
    """

    def __init__(
        self,
        title: str,
        total: int,
        *,
        quiet: bool = False,
        console: Console | None = None,
        course: Course | None = None,
    ) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._course = course or Course(title, 1, quiet=quiet, console=console)
        self._alone = course is None

    def __enter__(self) -> "Progress":
        """Show the stages, where there is a display."""
        self._course.enter(self._title, self._total)
        if self._alone:
            self._course.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the stages away, whatever happened."""
        self._course.leave()
        if self._alone:
            self._course.__exit__()

    def begin(self, stage: str) -> None:
        """Say that `stage` begins."""
        if self._course.live:
            self._course.show(f"{self._title}: {stage}", self._done)
        else:
            self._course.say(f"{self._title} {self._done + 1}/{self._total}: {stage} ...")

    def end(self, stage: str, outcome: str) -> None:
        """Say how `stage` ended and count it."""
        self._done += 1
        self._course.say(f"{self._title} {self._done}/{self._total}: {stage}: {outcome}")
        self._course.show(f"{self._title}: {stage}", self._done)


def _display(console: Console) -> Display:
    """Return a display that leaves nothing behind."""
    return Display(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
