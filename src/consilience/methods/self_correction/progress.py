"""What the loop knows of one question: the attempts so far, what the critic made of them, and why it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.message import Message


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a critic says of an answer.

    Examples
    --------
    >>> Verdict(score=0.2).flagged
    True
    >>> Verdict(score=1.2)
    Traceback (most recent call last):
    ...
    consilience.ground.errors.InvalidInput: a critic's score must lie between 0 and 1; got 1.2
    """

    text: str = ""
    """In words, for whoever answers next."""
    score: float | None = None
    """Chance that the answer is right, 0 to 1; None where the critic gives none."""
    flagged: bool | None = None
    """Whether the critic objects; by the score, below one half, unless given; None where it cannot be told."""
    confidence: float | None = None
    """How sure the critic is of its objection or its consent, 0 to 1."""
    prompt: str = ""
    """What the critic was asked in the conversation itself; empty where it was not asked there."""

    def __post_init__(self) -> None:
        """Refuse what is no text and no chance, NaN among them, and let the score decide where nothing else does."""
        if not isinstance(self.text, str):
            raise InvalidInput(f"a critic's text must be a text; got {type(self.text).__name__}")
        for name, value in (("score", self.score), ("confidence", self.confidence)):
            if value is not None and not 0 <= value <= 1:
                raise InvalidInput(f"a critic's {name} must lie between 0 and 1; got {value!r}")
        flagged = self.flagged
        if flagged is None and self.score is not None:
            flagged = self.score < 0.5  # noqa: PLR2004
        object.__setattr__(self, "flagged", None if flagged is None else bool(flagged))  # NumPy's False is not False


class Attempt(NamedTuple):
    """One answer and what the critic made of it."""

    answer: str
    """The answer."""
    verdict: Verdict | None = None
    """The critic's word; None where it was not asked."""


class Reason(NamedTuple):
    """Why the loop ended."""

    rule: str
    """What ended it: the name of a stop rule, ``"budget"``, ``"strategy"``, or what failed."""
    words: str
    """The same with its numbers."""


class Spent(NamedTuple):
    """What calls have taken so far."""

    calls: int = 0
    """Calls, failed ones included."""
    tokens_in: int = 0
    """Tokens sent, by the counter that the loop was given."""
    tokens_out: int = 0
    """Tokens received."""
    seconds: float = 0.0
    """Time in calls."""
    money: float = 0.0
    """What they cost, by the prices of the budget."""

    @property
    def tokens(self) -> int:
        """Tokens in both directions."""
        return self.tokens_in + self.tokens_out


def _nothing() -> Spent:
    return Spent()


@dataclass(kw_only=True)
class Progress:
    """One question on its way, as strategies, critics and stop rules see it: they read, the loop writes."""

    item: str
    """Name of the question in its batch."""
    question: tuple[Message, ...]
    """What was asked."""
    attempts: list[Attempt] = field(default_factory=list)
    """Answers so far, the first one before any correction."""
    asked: list[Message] = field(default_factory=list)
    """The conversation that the last answer was given to."""
    spending: Callable[[], Spent] = _nothing
    """Asked for what was spent so far."""

    @property
    def rounds(self) -> int:
        """Corrections so far: one less than answers."""
        return len(self.attempts) - 1

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def spent(self) -> Spent:
        """What the calls for this question have taken so far."""
        return self.spending()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the loop made of one question."""

    item: str
    """Name of the question in its batch."""
    answer: str | None
    """The selected answer; None only where not even a first answer came."""
    chosen: int | None
    """Which attempt that is, 0 being the first."""
    attempts: tuple[Attempt, ...]
    """Every answer with its verdict."""
    stopped: Reason
    """Why the loop ended."""
    spent: Spent
    """What it took, calls that an earlier session made and the trace kept included."""


class LoopEnded(Exception):
    """Raised inside the loop to end it with a reason; the loop catches it, and callers never see it."""

    def __init__(self, rule: str, words: str) -> None:
        self.reason = Reason(rule, words)
        super().__init__(f"{rule}: {words}")
