"""Stop rules: when enough is enough, and in which words that is recorded.

Rules combine: ``Threshold(0.9) | MaxRounds(3)`` stops when one of them does, ``CriticAgrees() & NoChange()`` when both
do. They are asked after every answer, and once more when the critic has spoken. Whatever they say, the budget ends the
loop, so that every loop is finite.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.message import plain
from consilience.methods.self_correction.progress import Progress, Reason
from consilience.methods.self_correction.rounds import Rounds


class StopRule(ABC):
    """Decides after each answer whether to stop."""

    @property
    def needs_verdict(self) -> bool:
        """Whether the rule asks for the critic's word."""
        return False

    @abstractmethod
    def reason(self, progress: Progress) -> Reason | None:
        """Return why to stop now, or None to go on; a verdict that is not there yet is no reason."""

    def __or__(self, other: StopRule) -> StopRule:
        """Stop when either rule does."""
        return AnyOf((self, other))

    def __and__(self, other: StopRule) -> StopRule:
        """Stop when both rules do."""
        return AllOf((self, other))


@dataclass(frozen=True, repr=False)
class AnyOf(StopRule):
    """Stops with the first of its rules that does."""

    rules: tuple[StopRule, ...]
    """Asked in this order."""

    def __repr__(self) -> str:
        """Return the rules as they were combined."""
        return f"({' | '.join(map(repr, self.rules))})"

    @property
    def needs_verdict(self) -> bool:
        """Whether one of the rules asks for the critic's word."""
        return any(rule.needs_verdict for rule in self.rules)

    def reason(self, progress: Progress) -> Reason | None:
        """Return the first reason."""
        for rule in self.rules:
            found = rule.reason(progress)
            if found is not None:
                return found
        return None


@dataclass(frozen=True, repr=False)
class AllOf(StopRule):
    """Stops when all of its rules do."""

    rules: tuple[StopRule, ...]
    """All of them must have a reason."""

    def __repr__(self) -> str:
        """Return the rules as they were combined."""
        return f"({' & '.join(map(repr, self.rules))})"

    @property
    def needs_verdict(self) -> bool:
        """Whether one of the rules asks for the critic's word."""
        return any(rule.needs_verdict for rule in self.rules)

    def reason(self, progress: Progress) -> Reason | None:
        """Return all reasons as one."""
        found = [rule.reason(progress) for rule in self.rules]
        reasons = [reason for reason in found if reason is not None]
        if not reasons or len(reasons) < len(found):
            return None
        return Reason(" & ".join(each.rule for each in reasons), "; ".join(each.words for each in reasons))


@dataclass(frozen=True)
class Never(StopRule):
    """Leaves the end to strategy and budget."""

    def reason(self, progress: Progress) -> None:
        """Return None."""


@dataclass(frozen=True)
class MaxRounds(StopRule):
    """Stops after so many corrections; 0 keeps the first answer."""

    rounds: int
    """Corrections."""

    def __post_init__(self) -> None:
        """Refuse a negative number."""
        if self.rounds < 0:
            raise InvalidInput(f"`rounds` must be at least 0; got {self.rounds}")

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the corrections are made."""
        if progress.rounds < self.rounds:
            return None
        return Reason("max rounds", f"{progress.rounds} of {self.rounds} rounds made")


@dataclass(frozen=True)
class Threshold(StopRule):
    """Stops at a score that is high enough."""

    score: float
    """The least score that is enough, 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse a score that no critic gives."""
        if not 0 <= self.score <= 1:
            raise InvalidInput(f"`score` must lie between 0 and 1; got {self.score!r}")

    @property
    def needs_verdict(self) -> bool:
        """It does."""
        return True

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the last answer's score reaches the threshold."""
        verdict = progress.last.verdict
        if verdict is None or verdict.score is None or verdict.score < self.score:
            return None
        return Reason("threshold", f"score {verdict.score:.3g}, {self.score:g} is enough")


@dataclass(frozen=True)
class CriticAgrees(StopRule):
    """Stops when the critic does not object."""

    @property
    def needs_verdict(self) -> bool:
        """It does."""
        return True

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the last answer was looked at and not flagged."""
        verdict = progress.last.verdict
        if verdict is None or verdict.flagged is not False:
            return None
        return Reason("critic agrees", f"no objection to the answer of round {progress.rounds}")


@dataclass(frozen=True)
class NoChange(StopRule):
    """Stops when a round leaves the answer as it was."""

    same: Callable[[str], object] = field(default=plain, repr=False)
    """Answers with equal values of this function are the same answer."""

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the last two answers are the same."""
        if progress.rounds < 1:
            return None
        before, after = (self.same(attempt.answer) for attempt in progress.attempts[-2:])
        return Reason("no change", f"round {progress.rounds} left the answer as it was") if before == after else None


@dataclass(frozen=True)
class Repeat(StopRule):
    """Stops when an answer comes back, at once or after others: the loop has begun to turn in a circle."""

    same: Callable[[str], object] = field(default=plain, repr=False)
    """Answers with equal values of this function are the same answer."""

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the last answer was given before."""
        *earlier, last = (self.same(attempt.answer) for attempt in progress.attempts)
        if last not in earlier:
            return None
        length = progress.rounds - max(place for place, answer in enumerate(earlier) if answer == last)
        return Reason("repeat", f"round {progress.rounds} repeats the answer of {length} before")


@dataclass(frozen=True)
class PredictedGain(StopRule):
    """Stops when the Markov model of rounds expects less from another round than it costs."""

    rounds: Rounds
    """What a round does, as `payoff` estimates it from a labelled table."""
    _: KW_ONLY
    start: float
    """Accuracy of first answers."""
    cost: float
    """What a round costs, as a share of what a right answer is worth."""

    def __post_init__(self) -> None:
        """Refuse an accuracy out of range and a negative cost."""
        if not 0 <= self.start <= 1 or not self.cost >= 0:
            raise InvalidInput(
                f"`start` must lie between 0 and 1 and `cost` be at least 0; got {self.start!r} and {self.cost!r}"
            )

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the next round's gain is not above its cost."""
        gain = self.rounds.gain(self.rounds.after(self.start, progress.rounds))
        if gain > self.cost:
            return None
        return Reason("predicted gain", f"round {progress.rounds + 1} would gain {gain:.3g} and cost {self.cost:g}")


@dataclass(frozen=True)
class Seconds(StopRule):
    """Stops when the calls have taken so long; unlike a budget of seconds it lets a call under way come to its end."""

    seconds: float
    """Time in calls."""

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the time has gone."""
        spent = progress.spent.seconds
        return (
            None if spent < self.seconds else Reason("seconds", f"{spent:.3g} s in calls, {self.seconds:g} are enough")
        )


@dataclass(frozen=True)
class Tokens(StopRule):
    """Stops when so many tokens were sent and received; unlike a budget it may be overshot by the last call."""

    tokens: int
    """Tokens in both directions."""

    def reason(self, progress: Progress) -> Reason | None:
        """Stop when the tokens have gone."""
        spent = progress.spent.tokens
        return None if spent < self.tokens else Reason("tokens", f"{spent} tokens, {self.tokens} are enough")
