"""Resuming: the whole state of a talk, as it is kept after each turn and as a talk of the same name begins with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from pydantic import TypeAdapter, ValidationError

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.speech import Spent

__all__ = ["Keeps", "Kept", "keep", "kept", "restore", "snapshot"]


@runtime_checkable
class Kept(Protocol):
    """What was kept."""

    @property
    def text(self) -> str:
        """As it was given."""


@runtime_checkable
class Keeps(Protocol):
    """What a talk needs of a journal: the last state that was put is safe once `put_artifact` returns."""

    @property
    def replay_only(self) -> bool:
        """Whether nothing may be written."""

    def artifact(self, element: str) -> Kept | None:
        """Return what was kept last under a name."""

    async def put_artifact(self, element: str, text: str, *, kind: str = "text") -> object:
        """Keep a text, and return when it is safe."""


def snapshot(state: State, a: Agent, b: Agent, spent: Spent) -> State:
    """Return a state with what both agents and the count of costs have now; costs are added to those of before."""
    return replace(
        state,
        a=a.board,
        b=b.board,
        misses_a=dict(a.misses),
        misses_b=dict(b.misses),
        look_for_a=a.look_for,
        look_for_b=b.look_for,
        shown_a=a.shown,
        shown_b=b.shown,
        calls_a=a.calls,
        calls_b=b.calls,
        calls=state.calls + spent.calls,
        prompt_characters=state.prompt_characters + spent.prompt_characters,
        tokens=state.tokens + spent.tokens,
    )


def restore(state: State, a: Agent, b: Agent) -> None:
    """Give two agents what they had in a state."""
    a.board, a.look_for, a.calls, a.shown = state.a, state.look_for_a, state.calls_a, state.shown_a
    b.board, b.look_for, b.calls, b.shown = state.b, state.look_for_b, state.calls_b, state.shown_b
    a.misses.update(state.misses_a)
    b.misses.update(state.misses_b)
    a.shared = b.shared = frozenset(state.shared)


def kept(journal: Keeps | None, name: str) -> State | None:
    """Return the last state of a talk, None where there is none.

    Raises
    ------
    InvalidInput
        When what is kept under its name is no state as this version writes it.
    """
    found = None if journal is None else journal.artifact(_element(name))
    if found is None:
        return None
    try:
        return _STATE.validate_json(found.text)
    except ValidationError as error:
        raise InvalidInput(
            f"the journal must hold the state of {name!r} as this version writes it; it holds another: "
            "give the talk another name"
        ) from error


async def keep(journal: Keeps | None, name: str, state: State) -> None:
    """Keep the state of a talk, and return when it is safe."""
    if journal is not None and not journal.replay_only:
        await journal.put_artifact(_element(name), _STATE.dump_json(state).decode(), kind="talk")


_STATE = TypeAdapter(State)


def _element(name: str) -> str:
    return f"{name}/state"
