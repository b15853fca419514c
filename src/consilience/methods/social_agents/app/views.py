"""Views: what somebody is shown of a task. A view is of one side, made from that side's board and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.methods.social_agents.app.desk import Desk
from consilience.methods.social_agents.app.tasks import Task, Tasks
from consilience.methods.social_agents.rationale import Board, Status
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.speech import Utterance
from consilience.methods.social_agents.store import Store

__all__ = ["Line", "Row", "TaskView", "view"]

_ENDINGS = {
    "known": "everything that was needed is known",
    "nothing new": "nothing new came any more",
    "nobody knows": "nobody knows what is missing",
    "done": "both sides were done",
    "turns": "it took as many turns as it may",
    "calls": "it asked the model as often as it may",
    "tokens": "it used as much of the model as it may",
    "seconds": "it took as long as it may",
    "budget": "what all tasks may spend is spent",
    "stopped": "somebody stopped it",
    "failed": "it failed",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What was said in a talk."""

    number: int
    name: str
    """Of whose agent spoke."""
    text: str
    mine: bool
    by_person: bool
    withheld: str = ""
    """Why one's own agent did not say what it wanted to."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one's own side knows of one thing that is needed."""

    slot: str
    text: str
    status: Status
    value: str
    rivals: tuple[str, ...]
    """Other values that were read."""
    confidence: float
    source: str
    """Name of whose messages it comes from."""
    mine: bool
    """Whether it comes from one's own."""
    evidence: tuple[Message, ...]
    """One's own messages that say so."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as one of its two people sees it."""

    task: Task
    asker: Person
    partner: Person
    other: Person
    """Who is not the viewer."""
    mine: bool
    """Whether the viewer asked."""
    live: bool
    """Whether it can be steered."""
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]
    in_view: tuple[Message, ...]
    """Messages of the viewer's that their agent had before it last."""
    ending: str
    """Why it is over, in words."""
    parts: tuple[Task, ...]
    """Parts of it in which the viewer takes part."""

    @property
    def invites(self) -> bool:
        """Whether the viewer is asked to agree."""
        return self.task.standing == "invited" and not self.mine

    @property
    def known(self) -> int:
        """How many things are known."""
        return sum(row.status == "known" for row in self.rows)


def view(task: Task, viewer: Person, *, store: Store, tasks: Tasks, desk: Desk) -> TaskView:
    """Return what somebody who takes part in a task is shown of it."""
    asker, partner = store.person(task.asker), store.person(task.partner)
    state = tasks.state(task)
    seen = [one for one in desk.seen(task, viewer) if one.owner == viewer.handle]
    withheld = {(one.utterance.number, one.utterance.text): one.withheld for one in seen if one.withheld}
    board = None if state is None else state.a if state.a.owner == viewer.handle else state.b
    memory = store.memory(viewer)
    found = next((one.found.messages for one in reversed(seen) if one.found.messages), ())
    root = tasks.find(task.root)
    return TaskView(
        task=task,
        asker=asker,
        partner=partner,
        other=partner if viewer.id == asker.id else asker,
        mine=viewer.id == task.asker,
        live=desk.under_way(task),
        lines=() if state is None else _lines(state.utterances, viewer, withheld),
        rows=() if board is None or board.owner != viewer.handle else _rows(board, viewer, store),
        in_view=tuple(memory.messages([one.id for one in found])),
        ending=_ENDINGS.get(task.ending, task.ending),
        parts=tuple(
            one for one in (tasks.parts(task.id) if root is not None else ()) if viewer.id in (one.asker, one.partner)
        ),
    )


def _lines(said: Sequence[Utterance], viewer: Person, withheld: dict[tuple[int, str], str]) -> tuple[Line, ...]:
    return tuple(
        Line(
            one.number,
            one.speaker_name,
            one.text,
            one.speaker == viewer.handle,
            one.by_person,
            withheld.get((one.number, one.text), "") if one.speaker == viewer.handle else "",
        )
        for one in said
    )


def _rows(board: Board, viewer: Person, store: Store) -> tuple[Row, ...]:
    memory = store.memory(viewer)
    names = {one.handle: one.name for one in (viewer, *store.contacts_of(viewer))}
    return tuple(
        Row(
            one.slot,
            one.text,
            one.status,
            one.value,
            one.rivals[1:],
            one.confidence,
            names.get(one.source, one.source),
            one.source == viewer.handle,
            tuple(memory.messages(list(one.evidence))) if one.evidence else (),
        )
        for one in board
    )
