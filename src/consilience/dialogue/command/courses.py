"""Courses: how each element of a run fared and when, read from the events of all its sittings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from consilience.dialogue.graph_run import State
from consilience.dialogue.transcript import Event, OpenCalls

__all__ = ["Course", "followed"]

_STATES: dict[str, State] = {"committed": "done", "skipped": "skipped", "failed": "failed"}
_STANDING = ("done", "skipped", "failed")


@dataclass(slots=True)
class Course:
    """How an element fared."""

    state: State = "waiting"
    """How it stands."""
    note: str = ""
    """Why it failed, or what stands in its place."""
    started_s: float | None = None
    """When it first asked, in seconds of all sittings laid end to end."""
    finished_s: float | None = None
    """When it first stood, likewise."""


def followed(
    events: Iterable[Event],
    names: Iterable[str],
    *,
    owner: Callable[[str], str] = lambda element: element,
    asks: Iterable[str] = (),
    over: bool = True,
) -> dict[str, Course]:
    """Read the events; the clock of each sitting begins at 0, so they are laid end to end.

    Parameters
    ----------
    events
        Of all sittings.
    names
        Elements whose courses are wanted.
    owner
        To which of these an element belongs that is none of them, such as a merge.
    asks
        Elements that wait for somebody's word.
    over
        Whether nobody works on the run any more: what had begun then waits.

    Examples
    --------
    >>> followed([Event("0", 1.0, "asked", "a"), Event("1", 3.0, "committed", "a")], "a")
    {'a': Course(state='done', note='', started_s=1.0, finished_s=3.0)}
    """
    courses = {name: Course() for name in names}
    base = latest = 0.0
    open_calls = OpenCalls()
    for event in events:
        if event.kind == "run.begins":
            base = latest
        latest = base + event.at
        call = open_calls.of(event)  # the failure of a call is not yet that of its element
        course = courses.get(owner(event.element))
        if course is None:
            continue
        if event.kind == "asked" and course.state not in _STANDING:
            course.state = "running"
            course.started_s = latest if course.started_s is None else course.started_s
        elif event.element in courses and event.kind in _STATES and call is None:
            course.state = _STATES[event.kind]
            course.note = str(event.facts.get("instead") or event.facts.get("reason") or "")
            course.finished_s = latest if course.finished_s is None else course.finished_s
        elif event.kind == "approved" and event.facts.get("edited"):
            course.note = "edited by hand"
    _stand(courses, asks, over=over)
    return courses


def _stand(courses: Mapping[str, Course], asks: Iterable[str], *, over: bool) -> None:
    """Note who waits when all events were read: for somebody's word, or for the run to go on."""
    for name in set(asks) & courses.keys():
        courses[name].state = "asks"
        courses[name].finished_s = None
    for course in courses.values():
        if over and course.state == "running":
            course.state = "waiting"
