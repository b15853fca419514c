"""Tasks: what people have asked for, how each stands, and the state of its talks after each turn.

What is kept of a talk holds both boards. It is read to go on after a restart, and to show each of the two their own
side (`views`); nobody is ever shown it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    Update,
    delete,
    insert,
    select,
)
from sqlalchemy import update as updated

from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.rationale import Board, Rationale
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.records import Person, from_us, to_us
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.values import contains

__all__ = ["Standing", "Task", "TaskOver", "Tasks", "talk_of"]

Standing = Literal["invited", "running", "paused", "ended", "declined"]
"""How a task stands: its partner has not agreed yet, it goes on, a person has stopped it for a while, it is over, or
the partner did not agree."""
FORGOTTEN = "(forgotten)"
"""Stands for what was said of messages that were forgotten."""
MOST_OPEN = 20
"""Tasks of one person that are not over."""
MOST_LISTED = 200
"""Tasks of one person that pages list."""

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_task = Table(
    "task",
    _METADATA,
    Column("id", _Whole, primary_key=True),
    Column("parent", _Whole),
    Column("name", Text, nullable=False),
    Column("asker", _Whole, nullable=False, index=True),
    Column("partner", _Whole, nullable=False, index=True),
    Column("question", Text, nullable=False),
    Column("standing", String(16), nullable=False),
    Column("ending", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
_kept = Table(
    "task_state",
    _METADATA,
    Column("element", String(400), primary_key=True),
    Column("talk", String(400), nullable=False, index=True),
    Column("number", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)
_STATE = TypeAdapter(State)
_OVER: tuple[Standing, ...] = ("ended", "declined")
_AGAIN = re.compile(r"(?:\+\d+)?=?\Z")


class TaskOver(ConsilienceError):
    """A task was ended by somebody who is not at work on it, so that nothing more is kept of it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that one person asked for and another's agent is to help with."""

    id: int
    parent: int | None
    """The task that it is a part of, where a third party is asked."""
    name: str
    """Of its talk."""
    asker: int
    partner: int
    question: str
    standing: Standing
    ending: str
    """Why it ended."""
    answer: str
    reasons: str
    """Why there is no answer."""
    at: datetime
    """When it was asked."""

    @property
    def root(self) -> int:
        """The task that it belongs to; itself, mostly."""
        return self.id if self.parent is None else self.parent

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.standing in _OVER


class Tasks:
    """The tasks of a store.

    Parameters
    ----------
    store
        Where they are kept.
    clock
        Gives the time.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def add(
        self, asker: Person, partner: Person, question: str, *, standing: Standing, parent: int | None = None
    ) -> Task:
        """Keep a new task.

        Raises
        ------
        InvalidInput
            When the asker has too many that are not over.
        """
        if parent is None and self._open(asker) >= MOST_OPEN:
            raise InvalidInput(f"{MOST_OPEN} tasks at once are the most; let one end, or stop one")
        row: dict[str, Any] = {
            "parent": parent,
            "name": "",
            "asker": asker.id,
            "partner": partner.id,
            "question": question,
            "standing": standing,
            "ending": "",
            "answer": "",
            "reasons": "",
            "at": to_us(self._clock()),
        }
        with self._store.writing() as connection:
            number = connection.execute(insert(_task).values(row)).inserted_primary_key
            key = number[0] if number else 0
            if parent is None:
                row["name"] = f"task-{key}"
                connection.execute(updated(_task).where(_task.c.id == key).values(name=row["name"]))
        return _task_of({"id": key, **row})

    def find(self, number: int) -> Task | None:
        """Return a task; None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(_task).where(_task.c.id == number)).first()
        return None if row is None else _task_of(row._mapping)  # noqa: SLF001  a public attribute of rows

    def of(self, person: Person, other: Person | None = None) -> list[Task]:
        """Return the tasks that somebody takes part in, with one other where one is given, the latest first.

        No more than `MOST_LISTED`: it is for pages. `not_over` gives all that are under way or wait.
        """
        return self._all(_with(person, other).order_by(_task.c.id.desc()).limit(MOST_LISTED))

    def not_over(self, person: Person, other: Person | None = None) -> list[Task]:
        """Return all tasks of somebody, with one other where one is given, that are not over; the latest first."""
        wanted = _with(person, other).where(_task.c.standing.not_in(_OVER))
        return self._all(wanted.order_by(_task.c.id.desc()))

    def parts(self, root: int) -> list[Task]:
        """Return the parts of a task that third parties are asked for."""
        return self._all(select(_task).where(_task.c.parent == root).order_by(_task.c.id))

    def named(self, talk: str, person: Person) -> Task | None:
        """Return the task whose talk has a name, if somebody takes part in it."""
        wanted = select(_task).where(
            _task.c.name == talk_of(talk), (_task.c.asker == person.id) | (_task.c.partner == person.id)
        )
        return next(iter(self._all(wanted)), None) if talk else None

    def unfinished(self) -> list[Task]:
        """Return what was under way when the server stopped."""
        under_way = (_task.c.standing.in_(("running", "paused")), _task.c.parent.is_(None))
        return self._all(select(_task).where(*under_way).order_by(_task.c.id))

    def put(self, task: Task) -> None:
        """Keep how a task stands now, unless it is over."""
        values = {
            "name": task.name,
            "standing": task.standing,
            "ending": task.ending,
            "answer": task.answer,
            "reasons": task.reasons,
        }
        with self._store.writing() as connection:
            connection.execute(_going(_task.c.id == task.id).values(values))

    def move(self, task: Task, standing: Standing, *, out_of: Iterable[Standing]) -> bool:
        """Let a task stand otherwise, if it stands as one thought; return whether it did."""
        change = updated(_task).where(_task.c.id == task.id, _task.c.standing.in_(tuple(out_of)))
        with self._store.writing() as connection:
            return connection.execute(change.values(standing=standing)).rowcount == 1

    def end(self, task: Task, reasons: str) -> bool:
        """End a task with its parts, whatever process is at work on it; return whether it was not over yet."""
        values = {"standing": "ended", "ending": "stopped"}
        with self._store.writing() as connection:
            ended = connection.execute(_going(_task.c.id == task.root).values(reasons=reasons, **values)).rowcount == 1
            if ended:
                connection.execute(_going(_task.c.parent == task.root).values(values))
        return ended

    # States of talks.

    def keep(self, element: str, text: str) -> None:
        """Keep the state of a talk after a turn.

        Raises
        ------
        TaskOver
            When its task was ended meanwhile: what was forgotten after that must not come back.
        """
        talk = talk_of(element)
        root = select(_task.c.standing).where(_task.c.name == _root(element))
        with self._store.writing() as connection:
            # Locked, so that who ends it waits until this is kept, and forgets it then.
            if connection.execute(root.with_for_update(read=True)).scalar() in _OVER:
                raise TaskOver("somebody stopped it")
            last = select(_kept.c.number).where(_kept.c.talk == talk).order_by(_kept.c.number.desc()).limit(1)
            number = (connection.execute(last).scalar() or 0) + 1
            connection.execute(delete(_kept).where(_kept.c.element == element))
            connection.execute(insert(_kept).values(element=element, talk=talk, number=number, state=text))

    def kept(self, element: str) -> str | None:
        """Return what was kept of an element."""
        with self._store.reading() as connection:
            found: str | None = connection.execute(select(_kept.c.state).where(_kept.c.element == element)).scalar()
        return found

    def state(self, task: Task) -> State | None:
        """Return the last state of a task's talk; None before the first."""
        wanted = select(_kept.c.state).where(_kept.c.talk == task.name).order_by(_kept.c.number.desc()).limit(1)
        if not task.name:
            return None
        with self._store.reading() as connection:
            text = connection.execute(wanted).scalar()
        return None if text is None else _STATE.validate_json(text)

    def forget(self, person: Person) -> int:
        """Take what somebody's side read and looked for out of all states, and return out of how many.

        What was said to the other side stays: they have it.
        """
        names = _with(person).where(_task.c.name != "").with_only_columns(_task.c.name)
        count = 0
        with self._store.writing() as connection:
            rows = connection.execute(select(_kept.c.element, _kept.c.state).where(_kept.c.talk.in_(names))).all()
            for row in rows:
                state = _STATE.validate_json(row.state)
                blank = Board(person.handle)
                if state.a.owner == person.handle:
                    state = replace(state, a=blank, look_for_a=(), answer="", why="")
                if state.b.owner == person.handle:
                    state = replace(state, b=blank, look_for_b=())
                text = _STATE.dump_json(state).decode()
                connection.execute(updated(_kept).where(_kept.c.element == row.element).values(state=text))
                count += 1
            mine = _task.c.asker == person.id
            connection.execute(updated(_task).where(mine).values(answer="", reasons=""))
        return count

    def forget_messages(self, numbers: Iterable[int]) -> int:
        """Take what was read from some messages, and what was said of it, out of all states; return of how many.

        They are forgotten for everybody, so that it goes from the other side's board, from what was said, and from the
        answers of the same task too.
        """
        gone, count = frozenset(numbers), 0
        with self._store.writing() as connection:
            rows = connection.execute(select(_kept.c.element, _kept.c.state)).all()
            states = {row.element: _STATE.validate_json(row.state) for row in rows}
            values: dict[str, set[str]] = {}
            for element, state in states.items():
                values.setdefault(_root(element), set()).update(_read_from(state, gone))
            for element, state in states.items():
                blank = _without_values(state, frozenset(values[_root(element)]))
                if blank != state:
                    text = _STATE.dump_json(blank).decode()
                    connection.execute(updated(_kept).where(_kept.c.element == element).values(state=text))
                    count += 1
            for row in connection.execute(select(_task)).all():
                said = values.get(row.name.partition("/")[0], set())
                if any(contains(f"{row.answer} {row.reasons}", value) for value in said):
                    connection.execute(updated(_task).where(_task.c.id == row.id).values(answer="", reasons=""))
        return count

    def _open(self, asker: Person) -> int:
        return sum(one.asker == asker.id and one.parent is None for one in self.not_over(asker))

    def _all(self, wanted: Any) -> list[Task]:
        with self._store.reading() as connection:
            return [_task_of(row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001  as above


def talk_of(element: str) -> str:
    """Return the talk that a state is of; one that goes on under another name is the same.

    Examples
    --------
    >>> talk_of("task-7/state"), talk_of("task-7+1/state"), talk_of("task-7=/state"), talk_of("task-7/1/0.0+2=/state")
    ('task-7', 'task-7', 'task-7', 'task-7/1/0.0')
    """
    return _AGAIN.sub("", element.removesuffix("/state"))


def _with(person: Person, other: Person | None = None) -> Select[Any]:
    wanted = select(_task).where((_task.c.asker == person.id) | (_task.c.partner == person.id))
    if other is not None:
        wanted = wanted.where((_task.c.asker == other.id) | (_task.c.partner == other.id))
    return wanted


def _going(which: ColumnElement[bool]) -> Update:
    """Return a change of tasks that are not over."""
    return updated(_task).where(which, _task.c.standing.not_in(_OVER))


def _root(element: str) -> str:
    return talk_of(element).partition("/")[0]


def _read_from(state: State, gone: frozenset[int]) -> set[str]:
    """Return the values of both boards that were read from messages that are gone."""
    return {
        reading.value
        for board in (state.a, state.b)
        for one in board
        for reading in one.readings
        if not gone.isdisjoint(reading.evidence)
    }


def _without_values(state: State, values: frozenset[str]) -> State:
    """Return a state without some values: neither on boards, nor in what was said."""
    if not values:
        return state

    def board(old: Board) -> Board:
        kept = [
            Rationale(slot=one.slot, text=one.text, asked_of=one.asked_of)
            if any(contains(reading.value, value) for reading in one.readings for value in values)
            else one
            for one in old
        ]
        return replace(old, rationales=tuple(kept))

    said = tuple(
        replace(one, text=FORGOTTEN, tells=()) if any(contains(one.text, value) for value in values) else one
        for one in state.utterances
    )
    told = any(contains(f"{state.answer} {state.why}", value) for value in values)
    return replace(
        state,
        a=board(state.a),
        b=board(state.b),
        utterances=said,
        look_for_a=(),
        look_for_b=(),
        answer="" if told else state.answer,
        why="" if told else state.why,
    )


def _task_of(row: Any) -> Task:
    return Task(
        row["id"],
        row["parent"],
        row["name"],
        row["asker"],
        row["partner"],
        row["question"],
        cast("Standing", row["standing"]),
        row["ending"],
        row["answer"],
        row["reasons"],
        from_us(row["at"]),
    )
