"""What was said: the runs, calls and artifacts that a journal keeps, opened only to read."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from consilience.dialogue.history import Artifact, Call, RunFacts
from consilience.dialogue.journal import Journal
from consilience.ground.late import late_module

__all__ = ["CALLS_A_PAGE", "Said", "journals", "look", "runs_of", "whole"]

CALLS_A_PAGE = 50
"""Calls that one page shows."""
MOST_DRAWN = 5_000
"""Calls that are put behind a graph; of a run with more, the journal's own pages tell."""
MOST_JOURNALS = 100
"""Journals of one folder."""
_ABSENT = "journals need {missing}; install consilience[agents]"


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of a run in a journal."""

    runs: tuple[RunFacts, ...]
    """Every run of the journal."""
    run: RunFacts | None
    """The one that is looked at; None where the journal has none."""
    calls: tuple[Call, ...] = ()
    """Calls of it, in the order they were answered."""
    artifacts: tuple[Artifact, ...] = ()
    """What stands at last, as far as it was made by the element that is looked at."""
    start: int = 0
    """How many calls come before."""
    more: bool = False
    """Whether calls come after."""


def journals(folder: Path) -> tuple[str, ...]:
    """Return every journal below a folder, by its path from there."""
    found = []
    for above, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            (Path(above) / name).relative_to(folder).as_posix() for name in sorted(files) if name.endswith(".sqlite")
        ]
        if len(found) >= MOST_JOURNALS:
            break
    return tuple(found[:MOST_JOURNALS])


def look(path: Path, run: str = "", element: str = "", start: int = 0, most: int = CALLS_A_PAGE) -> Said:
    """Read a stretch of a journal.

    Parameters
    ----------
    path
        The journal, a file.
    run
        Name of the run; the first one unless given.
    element
        Whose calls; everybody's unless given.
    start
        Calls to pass over.
    most
        Calls to return.

    Raises
    ------
    InvalidInput
        If the file is no journal.
    UnknownName
        If the journal has no such run.
    """
    runs = runs_of(path)
    if not runs:
        return Said((), None)
    with Journal.open(path, run or runs[0].name, replay_only=True) as journal:
        facts = next((one for one in runs if one.name == journal.run), None)
        calls = (call for call in journal.calls() if not element or call.question.element == element)
        found = tuple(islice(calls, start, start + most + 1))
        made = tuple(one for one in journal.artifacts() if not element or one.element == element) if start == 0 else ()
        return Said(runs, facts, found[:most], made, start, len(found) > most)


def runs_of(path: Path) -> tuple[RunFacts, ...]:
    """Return every run of a journal, in the order they began.

    Raises
    ------
    InvalidInput
        If the file is no journal.
    MissingDependency
        Without SQLAlchemy.
    """
    module = late_module("consilience.dialogue.sqlite_store", _ABSENT, usually="sqlalchemy")
    with closing(module.SqliteStore(path.absolute(), replay_only=True)) as store:
        found: tuple[RunFacts, ...] = store.runs()
        return found


def whole(path: Path, run: str) -> Said:
    """Read all of a run that a graph can have behind it; more calls than that are left out."""
    return look(path, run, most=MOST_DRAWN)
