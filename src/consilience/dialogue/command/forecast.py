"""A forecast: the least and the most that a run will take, how long answers take, which caps may not suffice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput

__all__ = ["Pace", "Span", "row", "short"]


class Span(NamedTuple):
    """From the least to the most."""

    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a model is taken to answer."""

    first_s: float = 0.8
    """Seconds until an answer begins, 0 and above."""
    tokens_per_s: float = 60.0
    """Tokens a second from there on, above 0."""

    def __post_init__(self) -> None:
        if not (self.first_s >= 0 and self.tokens_per_s > 0):
            raise InvalidInput(
                f"a pace must have `first_s` of at least 0 and `tokens_per_s` above 0; got {self.first_s} and "
                f"{self.tokens_per_s}."
            )

    def seconds(self, tokens: float) -> float:
        """Return how long an answer of that length takes.

        Examples
        --------
        >>> Pace(first_s=1, tokens_per_s=50).seconds(100)
        3.0
        """
        return self.first_s + tokens / self.tokens_per_s


def short(needs: Mapping[str, float | None], means: Means) -> list[str]:
    """Return the caps of the budget that may not suffice, in words.

    Parameters
    ----------
    needs
        The most that may be needed, by the name of the cap; None where that is not known.
    means
        What a run may cost.

    Examples
    --------
    >>> short({"budget_calls": 12, "budget_usd": None}, Means(budget_calls=10, budget_usd=1.0))
    ['--budget-calls 10 may not suffice: up to 12 may be needed']
    """
    return [
        f"--{name.replace('_', '-')} {cap:g} may not suffice: up to {need:,.6g} may be needed"
        for name, need in needs.items()
        if (cap := getattr(means, name)) is not None and need is not None and need > cap
    ]


def row(name: str, span: Span, form: str = ",.0f") -> str:
    """Return a line of a table with the least and the most.

    Examples
    --------
    >>> row("calls", Span(3, 1200))
    'calls                        3         1,200'
    """
    return f"{name:<16}{span.least:>14{form}}{span.most:>14{form}}"
