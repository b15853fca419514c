"""Speech: what one side says to the other, what it wanted to say before any gate, and what the talk cost so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from consilience.ground.errors import ConsilienceError
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.retrieval import Found

__all__ = ["CallsSpent", "Move", "Spent", "TokensSpent", "Told", "Utterance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A fact that crossed from one side to the other, by way of the gate."""

    slot: str
    value: str
    source: str
    """Handle of the person whose messages it comes from: the teller's, or a third party's."""
    may_forward: bool = True
    """Whether the one who hears it may pass it on."""
    confidence: float = 1.0
    """Of the teller, from 0 to 1."""
    vouched: bool = False
    """Whether the teller's board knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What one side said to the other: all that crosses."""

    number: int
    """Its place in the talk, from 1."""
    speaker: str
    """Handle of whose agent spoke."""
    speaker_name: str
    text: str
    tells: tuple[Told, ...] = ()
    """Facts of the text, as data."""
    asks: str = ""
    """Slot that it asks for."""
    lacks: str = ""
    """Slot that was asked for and that it does not know."""
    declines: str = ""
    """Slot that was asked for and that it will not tell."""
    by_person: bool = False
    """Whether the person spoke, and not the agent."""


class CallsSpent(ConsilienceError):
    """A talk has asked its models as often as it may."""


class TokensSpent(ConsilienceError):
    """A talk has had as many tokens as it may; only the last reply can have gone over it."""


@dataclass(slots=True)
class Spent:
    """What a talk cost so far."""

    calls: int = 0
    """Replies of models, those of a journal included."""
    prompt_characters: int = 0
    """Of all prompts together."""
    tokens: int = 0
    """Of prompts and replies, as the model counts."""
    model_s: float = 0.0
    """Waiting for replies."""
    most_calls: int | None = None
    """Calls that there may be."""
    most_tokens: int | None = None
    """Tokens after which there is no call."""


class Move(NamedTuple):
    """What one side wants to say, before any gate."""

    say: str
    tells: tuple[Told, ...]
    asks: str
    lacks: str
    asked: str
    """Slot that the other side asked for last."""
    declared: tuple[int, ...]
    """Messages that the facts come from."""
    found: Found
    """What the prompt showed."""
    behind: tuple[Message, ...]
    """All that it showed, and the messages declared."""
    done: bool
    plainly: str
    """The same, put by code: the facts and the question, and no other word."""
