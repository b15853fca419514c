"""A pursuit: a task over many talks, and how far it may go.

A talk that ends with something open may grow a branch: one of its two sides asks a contact of theirs for one slot, by
its text alone and for the same purpose; a slot that the wire did not let cross to the other side, nobody is asked for.
That talk may grow branches of its own. What comes back says from whom it is and whether it may be passed on; then the
talk goes on.

It ends whatever agents want: nobody is asked the same thing by the same person twice, nobody on the way to a talk is
asked in it, and there are a depth, a number of contacts for each slot, a number of talks, and one budget for all.

Source: recursive communication of arXiv:2406.14928, of depth 1 and without a budget in the released code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.rationale import Board, Rationale, Reading
from consilience.methods.social_agents.record import State, Talk, TalkLimits
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.values import slot_key

__all__ = ["Branch", "Finding", "Pursuit", "PursuitLimits", "Reaches", "Walk"]

MORE_TURNS = 6
"""Utterances that a talk may have at least when it goes on with what others said."""

_OVER = frozenset({"stopped", "budget", "failed", "calls", "tokens", "seconds"})
"""Endings after which nobody else is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PursuitLimits:
    """How far a task may go, over all its talks.

    Raises
    ------
    InvalidInput
        When a limit is below what makes sense.
    """

    depth: int = 2
    """Talks that may lie below the first one; 0 asks nobody else."""
    fan_out: int = 2
    """Contacts whom one side asks for a slot."""
    talks: int = 16
    """Talks in all, the first one included."""
    calls: int = 200
    """Replies of models in all."""
    tokens: int | None = None
    """Of prompts and replies in all; only the reply after which they are spent can go over it."""
    seconds: float | None = None
    """In all."""
    rounds: int = 2
    """How often a talk goes on with what others said."""
    talk: TalkLimits = field(default_factory=TalkLimits)
    """Of each talk."""

    def __post_init__(self) -> None:
        for name, least in (("depth", 0), ("fan_out", 0), ("talks", 1), ("calls", 1), ("rounds", 0)):
            if getattr(self, name) < least:
                raise InvalidInput(f"`{name}` of a pursuit must be at least {least}; got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Branch:
    """A talk of a pursuit and those that grew out of it."""

    talk: Talk
    """As it ended."""
    depth: int
    """0 for the first."""
    slot: str
    """What it is about; empty for the first."""
    parts: tuple[Branch, ...] = ()
    """Talks below it."""

    def __iter__(self) -> Iterator[Branch]:
        yield self
        for part in self.parts:
            yield from part


@dataclass(frozen=True, slots=True)
class Pursuit:
    """What became of a task."""

    root: Branch
    answer: str
    reasons: tuple[str, ...]
    talks: int
    calls: int
    prompt_characters: int
    tokens: int
    seconds: float
    own_s: float
    """Seconds that were not spent waiting for a model."""


@runtime_checkable
class Finding(Protocol):
    """Somebody who may know."""

    @property
    def person(self) -> Person:
        """Who."""


@runtime_checkable
class Reaches(Protocol):
    """What a pursuit needs of a network."""

    def find(self, owner: str, text: str, *, without: Sequence[str] = ()) -> Sequence[Finding]:
        """Return whom a person might ask, the likeliest first."""

    async def asks_contact(self, asker: str, to: str, purpose: str, text: str) -> bool:
        """Return whether somebody agrees to be asked."""

    async def run(
        self,
        task: Assignment,
        asker: str,
        partner: str,
        *,
        name: str,
        limits: TalkLimits,
        control: Control,
        begun: State | None,
        conclude: bool,
    ) -> Talk:
        """Let two people's agents talk."""


@dataclass
class Walk:
    """A pursuit on its way.

    Parameters
    ----------
    network
        Who is there.
    limits
        How far it may go.
    control
        The hand of the people on it.
    """

    network: Reaches
    limits: PursuitLimits
    control: Control
    talks: int = 0
    """Talks so far."""
    calls: int = 0
    prompt_characters: int = 0
    tokens: int = 0
    model_s: float = 0.0
    _asked: set[tuple[str, str, str]] = field(default_factory=set)
    _begun_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def branch(
        self,
        task: Assignment,
        asker: str,
        partner: str,
        path: tuple[str, ...],
        *,
        name: str,
        slot: str = "",
    ) -> Branch:
        """Have two people's agents talk, and go on with what others say where they do not know."""
        depth = len(path) - 2
        self.talks += 1
        ended = await self._run(task, asker, partner, name)
        parts: list[Branch] = []
        for number in range(1, self.limits.rounds + 1):
            if depth >= self.limits.depth or ended.ending in _OVER or not ended.open or not task.may_ask_others:
                break
            state, grown = await self._grow(task, ended, path, f"{name}/{number}")
            parts += grown
            if state is None:
                break
            ended = await self._run(task, asker, partner, f"{name}+{number}", state)
        return Branch(ended, depth, slot, tuple(parts))

    async def conclude(self, ended: Talk) -> Talk:
        """Have the asking side do the task with what is known in the end."""
        if ended.ending in _OVER:
            return ended
        return await self._run(
            ended.task, ended.asker, ended.partner, f"{ended.name}=", ended.state, conclude=True, anew=False
        )

    async def _grow(
        self, task: Assignment, ended: Talk, path: tuple[str, ...], name: str
    ) -> tuple[State | None, list[Branch]]:
        """Ask others for what is open, each side its own contacts; return a state that has what they said."""
        state, grown, learned = ended.state, list[Branch](), False
        for one in state.a.open:
            if one.text not in state.shared:  # the wire did not let it cross: nobody else reads it either
                continue
            for mine in (False, True):
                side = ended.asker if mine else ended.partner
                found = await self._ask_around(task, one, side, path, f"{name}/{len(grown)}")
                grown += found
                value = _brought(found[-1].talk, one.slot) if found else None
                if value is not None:
                    state, learned = _learned(state, value, one.slot, mine=mine), True
                    break
        return (state if learned else None), grown

    async def _ask_around(
        self, task: Assignment, one: Rationale, side: str, path: tuple[str, ...], name: str
    ) -> list[Branch]:
        """Ask contacts of one side for a slot, one after the other, until one knows."""
        grown: list[Branch] = []
        if self._spent():
            return grown
        for candidate in list(self.network.find(side, one.text, without=path))[: self.limits.fan_out]:
            other = candidate.person.handle
            key = (side, other, slot_key(one.text))
            if key in self._asked or self._spent() or not await self.control.checkpoint():
                continue
            self._asked.add(key)
            if not await self.network.asks_contact(side, other, task.purpose, one.text):
                continue
            part = task.part(one.slot, one.text)
            grown.append(
                await self.branch(part, side, other, (*path, other), name=f"{name}.{len(grown)}", slot=one.slot)
            )
            if _brought(grown[-1].talk, one.slot) is not None:
                break
        return grown

    async def _run(
        self,
        task: Assignment,
        asker: str,
        partner: str,
        name: str,
        begun: State | None = None,
        *,
        conclude: bool = False,
        anew: bool = True,
    ) -> Talk:
        """Run a talk within what is left for all, and count what it cost."""
        before = (begun.calls, begun.prompt_characters, begun.tokens) if begun is not None else (0, 0, 0)
        if begun is not None and anew:
            begun = replace(begun, ending=None, silent=0, done=(), why="")
        ended = await self.network.run(
            task,
            asker,
            partner,
            name=name,
            limits=self._left(before, len(begun.utterances) if begun is not None else 0, conclude=conclude),
            control=self.control,
            begun=begun,
            conclude=conclude,
        )
        self.calls += ended.spent.calls - before[0]
        self.prompt_characters += ended.spent.prompt_characters - before[1]
        self.tokens += ended.spent.tokens - before[2]
        self.model_s += ended.spent.model_s
        return ended

    def _left(self, before: tuple[int, int, int], said: int, *, conclude: bool) -> TalkLimits:
        """Return the limits of the next talk: its own, or what is left of those of all, if that is less."""
        limits, each = self.limits, self.limits.talk
        tokens = [one for one in (each.tokens, _less(limits.tokens, self.tokens)) if one is not None]
        gone_s = asyncio.get_running_loop().time() - self._begun_s
        seconds = [one for one in (each.seconds, _less(limits.seconds, gone_s)) if one is not None]
        return replace(
            each,
            # One call is left for the answer to the whole.
            calls=max(1, before[0] + min(each.calls, limits.calls - self.calls - (not conclude))),
            # What is left is to conclude: nobody speaks again.
            turns=max(1, said) if conclude else max(each.turns, said + MORE_TURNS if said else 1),
            tokens=max(1, before[2] + int(min(tokens))) if tokens else None,
            seconds=max(0.0, min(seconds)) if seconds else None,
        )

    def _spent(self) -> bool:
        """Whether no other talk may begin."""
        limits = self.limits
        gone_s = asyncio.get_running_loop().time() - self._begun_s
        return (
            self.talks >= limits.talks
            or self.calls + 1 >= limits.calls
            or (limits.tokens is not None and self.tokens >= limits.tokens)
            or (limits.seconds is not None and gone_s >= limits.seconds)
        )


def _brought(ended: Talk, slot: str) -> Rationale | None:
    """Return what a talk brought of a slot to the side that asked, if it is settled."""
    one = ended.state.a.find(slot)
    settled = one is not None and any(each.slot == one.slot and each.settled for each in ended.consensus.slots)
    return one if settled else None


def _learned(state: State, found: Rationale, slot: str, *, mine: bool) -> State:
    """Return a state in which one side has what a third party told it, and may be asked for it again."""
    reading = Reading(
        value=found.value,
        source=found.source,
        confidence=found.confidence,
        turn=len(state.utterances),
        may_forward=found.may_forward,
        vouched=True,
    )

    def told(board: Board) -> Board:
        return board.read(slot, reading)

    if mine:
        return replace(state, a=told(state.a))
    return replace(state, b=told(state.b), misses_a={one: n for one, n in state.misses_a.items() if one != slot})


def _less(limit: float | None, gone: float) -> float | None:
    return None if limit is None else limit - gone
