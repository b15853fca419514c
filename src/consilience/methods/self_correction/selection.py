"""Selection: which of the answers is returned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consilience.methods.self_correction.message import plain
from consilience.methods.self_correction.progress import Attempt


class Select(ABC):
    """Chooses among answers."""

    needs_scores = False
    """Whether every answer must have been looked at by the critic, also the last one."""

    @abstractmethod
    def choose(self, attempts: Sequence[Attempt]) -> int:
        """Return the position of the chosen one among at least one attempt."""


@dataclass(frozen=True)
class Last(Select):
    """The last answer: what the paper returns."""

    def choose(self, attempts: Sequence[Attempt]) -> int:
        """Return the last position."""
        return len(attempts) - 1


@dataclass(frozen=True)
class Best(Select):
    """The answer with the highest score, among equals the earliest; the last one where no answer has a score."""

    needs_scores = True

    def choose(self, attempts: Sequence[Attempt]) -> int:
        """Return the position of the highest score.

        Examples
        --------
        >>> from consilience.methods.self_correction.progress import Verdict
        >>> Best().choose([Attempt("a", Verdict(score=0.4)), Attempt("b", Verdict(score=0.9)), Attempt("c")])
        1
        """
        scored = [place for place, attempt in enumerate(attempts) if _score(attempt) is not None]
        if not scored:
            return len(attempts) - 1
        return max(scored, key=lambda place: (_score(attempts[place]) or 0.0, -place))


@dataclass(frozen=True)
class Revert(Select):
    """The last answer with a score if that is higher than the first answer's by more than a margin, else the first."""

    margin: float = 0.0
    """What the score must gain."""

    needs_scores = True

    def choose(self, attempts: Sequence[Attempt]) -> int:
        """Return the position of the last scored answer, or 0."""
        scored = [place for place, attempt in enumerate(attempts) if _score(attempt) is not None]
        if not scored:
            return 0
        last, first = _score(attempts[scored[-1]]) or 0.0, _score(attempts[0]) or 0.0
        return scored[-1] if last > first + self.margin else 0


@dataclass(frozen=True)
class Majority(Select):
    """The most frequent answer, among equals the one that came first."""

    same: Callable[[str], object] = plain
    """Answers with equal values of this function are the same answer; it might pick out the number at the end."""

    def choose(self, attempts: Sequence[Attempt]) -> int:
        """Return the position of the first answer of the largest group.

        Examples
        --------
        >>> Majority().choose([Attempt("6"), Attempt("Seven"), Attempt("seven ")])
        1
        """
        values = [self.same(attempt.answer) for attempt in attempts]
        winner = Counter(values).most_common(1)[0][0]  # equal counts keep the order of first appearance
        return values.index(winner)


def _score(attempt: Attempt) -> float | None:
    return None if attempt.verdict is None else attempt.verdict.score
