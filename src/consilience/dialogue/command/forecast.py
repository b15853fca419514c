"""A forecast: the least and the most that a run will take, how long answers take, which caps may not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput

__all__ = ["Forecast", "Pace", "Span", "counted", "lacking", "row", "rows", "seconds_with", "short"]


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


@runtime_checkable
class Forecast(Protocol):
    """What a run will take, whatever kind of run it is."""

    @property
    def calls(self) -> Span:
        """All calls."""
        ...

    @property
    def input_tokens(self) -> Span:
        """Tokens of all questions."""
        ...

    @property
    def output_tokens(self) -> Span:
        """Tokens of all answers."""
        ...

    @property
    def usd(self) -> Span | None:
        """Money; None where no price is known."""
        ...

    @property
    def turns(self) -> Span:
        """Calls on the slowest path."""
        ...

    @property
    def seconds(self) -> Span:
        """Time of the slowest path."""
        ...

    @property
    def work_s(self) -> Span:
        """Time of all answers, one after the other."""
        ...

    @property
    def largest_prompt(self) -> int:
        """Tokens of the longest question."""
        ...


def seconds_with(found: Forecast, at_once: int | None) -> Span:
    r"""Return how long a run takes at least with so many calls at once: :math:`\max(path, work / at\_once)`.

    Raises
    ------
    InvalidInput
        With none at once.
    """
    if at_once is None:
        return found.seconds
    if at_once < 1:
        raise InvalidInput(f"`at_once` must be at least 1; got {at_once}.")
    return Span(*(max(path, work / at_once) for path, work in zip(found.seconds, found.work_s, strict=True)))


def counted(found: Forecast, means: Means) -> dict[str, Any]:
    """Return what a run will take under some means, as JSON takes it."""
    return {
        "input_tokens": found.input_tokens._asdict(),
        "output_tokens": found.output_tokens._asdict(),
        "usd": None if found.usd is None else found.usd._asdict(),
        "turns": found.turns._asdict(),
        "seconds": seconds_with(found, means.concurrency)._asdict(),
        "one_after_the_other_s": found.work_s._asdict(),
        "at_once": means.concurrency,
        "largest_prompt_tokens": found.largest_prompt,
    }


def lacking(found: Forecast, means: Means) -> list[str]:
    """Return the caps of the budget that may not suffice for a run, in words."""
    needs = {
        "budget_calls": found.calls.most,
        "budget_tokens": found.input_tokens.most + found.output_tokens.most,
        "budget_usd": None if found.usd is None else found.usd.most,
        "budget_wall_s": seconds_with(found, means.concurrency).most,
    }
    return short(needs, means)


def rows(found: Forecast, means: Means) -> Iterator[str]:
    """Iterate over the lines of a table with tokens, money and time."""
    yield row("input tokens", found.input_tokens)
    yield row("output tokens", found.output_tokens)
    yield f"{'usd':<16}{'no price known':>28}" if found.usd is None else row("usd", found.usd, ",.4g")
    yield row("turns in a row", found.turns)
    yield row("seconds", seconds_with(found, means.concurrency), ",.0f")
    yield row("  one by one", found.work_s, ",.0f")


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
