"""The record of a talk: how long it may last, its state after each turn, what a person sees, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.consensus import Consensus
from consilience.methods.social_agents.rationale import Board, Change, Rule
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.speech import Spent, Utterance
from consilience.methods.social_agents.task import Assignment

__all__ = ["Ending", "OnTurn", "State", "Talk", "TalkLimits", "TurnSeen"]

Ending = Literal[
    "known",
    "nothing new",
    "nobody knows",
    "done",
    "turns",
    "calls",
    "tokens",
    "seconds",
    "budget",
    "stopped",
    "failed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkLimits:
    """How long a talk may go on.

    Raises
    ------
    InvalidInput
        When a limit is below 1, or below 0 for `seconds`.
    """

    turns: int = 30
    """Utterances of both sides together."""
    calls: int = 61
    """Replies of models, plan and answer included."""
    tokens: int | None = None
    """Of prompts and replies."""
    seconds: float | None = None
    """From the first call on, pauses included."""
    silent_turns: int = 6
    """Utterances in a row after which neither board has changed."""
    support: int = 2
    """By how many readings of its own messages a value has to lead."""
    rule: Rule = "lead"
    """How several readings become one value; plain unions are for comparison."""
    accept_weak: bool = True
    """Whether, in the end, a value counts that was read less often than that and is not contested."""

    def __post_init__(self) -> None:
        for name in ("turns", "calls", "tokens", "seconds", "silent_turns", "support"):
            value, least = getattr(self, name), 0 if name == "seconds" else 1
            if value is not None and not value >= least:
                raise InvalidInput(f"`{name}` of a talk must be at least {least}; got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that a talk has to remember."""

    a: Board
    b: Board
    utterances: tuple[Utterance, ...] = ()
    shared: tuple[str, ...] = ()
    """Slots that the other side was told of."""
    misses_a: dict[str, int] = field(default_factory=dict)
    misses_b: dict[str, int] = field(default_factory=dict)
    look_for_a: tuple[str, ...] = ()
    look_for_b: tuple[str, ...] = ()
    shown_a: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Episodes that side a saw, by what it looked for."""
    shown_b: dict[str, tuple[int, ...]] = field(default_factory=dict)
    calls_a: int = 0
    calls_b: int = 0
    planned: bool = False
    silent: int = 0
    done: tuple[bool, ...] = ()
    """Whether the last two who spoke said that they were done."""
    withheld: int = 0
    calls: int = 0
    prompt_characters: int = 0
    tokens: int = 0
    ending: Ending | None = None
    answered: bool = False
    """Whether the model was asked for the answer."""
    answer: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class TurnSeen:
    """What a person may watch of a turn of their own agent, or, with the last three empty, of the other one."""

    utterance: Utterance
    owner: str
    """Handle of the person whom this is for."""
    board: Board
    """Their own."""
    changes: tuple[Change, ...]
    """Of it."""
    found: Found
    """What their agent had in view; nothing in the other's turns."""
    withheld: str = ""
    """Why something was not said."""


OnTurn = Callable[[TurnSeen], None]
"""Is given every turn twice, once for each of the two people, with their own side only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What became of a talk, from the side that asked."""

    name: str
    asker: str
    partner: str
    task: Assignment
    ending: Ending
    answer: str
    """Empty where the agent abstains."""
    reasons: tuple[str, ...]
    """Why it abstains."""
    utterances: tuple[Utterance, ...]
    consensus: Consensus
    spent: Spent
    seconds: float
    """From begin to end, pauses included; of a talk that went on, of the last part."""
    state: State
    """For going on; holds both boards, and is for neither person."""
    withheld: int = 0
    """Texts that the wire did not let pass."""

    @property
    def own_s(self) -> float:
        """Seconds that were not spent waiting for a model."""
        return max(0.0, self.seconds - self.spent.model_s)

    @property
    def open(self) -> tuple[str, ...]:
        """Slots of the asking side that are not known."""
        return tuple(one.slot for one in self.state.a.open)
