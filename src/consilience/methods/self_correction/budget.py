"""Budgets that hold: what a call may take is set aside before it is made, and refused where it does not fit.

The length of a reply is not known beforehand, so a limit on tokens or money needs a promise: `longest_reply`, which a
model keeps by its own limit on new tokens. With it no call can lead over the limit, however many are under way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.progress import LoopEnded, Spent

_ROUNDING = 1 + 1e-9
"""Sums of prices may miss their decimal value by this factor."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a call costs, in any currency.

    Examples
    --------
    >>> Price(per_input_token=1e-6, per_output_token=4e-6).of(calls=1, tokens_in=1000, tokens_out=500)
    0.003
    """

    per_call: float = 0.0
    """For the call itself."""
    per_input_token: float = 0.0
    """For each token sent."""
    per_output_token: float = 0.0
    """For each token received."""

    def __post_init__(self) -> None:
        """Refuse negative prices."""
        for entry in fields(self):
            if not getattr(self, entry.name) >= 0:
                raise InvalidInput(f"`{entry.name}` must be at least 0; got {getattr(self, entry.name)!r}")

    def of(self, *, calls: int, tokens_in: int, tokens_out: int) -> float:
        """Return what so many calls with so many tokens cost."""
        return calls * self.per_call + tokens_in * self.per_input_token + tokens_out * self.per_output_token


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits that no call may lead over; at least one of them.

    Raises
    ------
    InvalidInput
        If nothing is limited, a limit is not positive, tokens or money are limited without `longest_reply`, or money
        without a price.

    Examples
    --------
    >>> Budget(calls=7)
    Budget(calls=7, tokens=None, seconds=None, money=None, price=None, longest_reply=None)
    >>> Budget(tokens=1000)
    Traceback (most recent call last):
    ...
    consilience.ground.errors.InvalidInput: a limit on tokens or money needs `longest_reply`, the most tokens that a \
reply may have: set it to the limit on new tokens that your model runs with
    """

    calls: int | None = None
    """Calls of models, critics that are models included."""
    tokens: int | None = None
    """Tokens sent and received."""
    seconds: float | None = None
    """For one question: time in its calls; a critic that waits for anything else is cut off with it. For a whole batch:
    time on the clock since this session began."""
    money: float | None = None
    """In the currency of `price`."""
    price: Price | None = None
    """What calls cost; needed with `money`."""
    longest_reply: int | None = None
    """Most tokens that a reply can have, as promised by whoever set up the model; needed with `tokens` and `money`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        limits = {name: getattr(self, name) for name in ("calls", "tokens", "seconds", "money")}
        if not any(value is not None for value in limits.values()):
            raise InvalidInput("a budget must limit calls, tokens, seconds or money; got none of them")
        for name, value in {**limits, "longest_reply": self.longest_reply}.items():
            _require_limit(name, value, whole=name not in ("seconds", "money"))
        if (self.tokens is not None or self.money is not None) and self.longest_reply is None:
            raise InvalidInput(
                "a limit on tokens or money needs `longest_reply`, the most tokens that a reply may have: "
                "set it to the limit on new tokens that your model runs with"
            )
        if self.money is not None and self.price is None:
            raise InvalidInput("a limit on money needs `price`, such as Price(per_call=0.002); got none")


def _require_limit(name: str, value: Any, *, whole: bool) -> None:
    number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if value is not None and not (number and 0 < value < math.inf):
        what = "a positive whole number" if whole else "positive and finite"
        raise InvalidInput(f"`{name}` must be {what}; got {value!r}")


class Meter:
    """Counts what calls take, under one budget and at will under another above it.

    Everything happens between two awaits, so that concurrent calls cannot slip past one another.

    Parameters
    ----------
    budget
        What must not be exceeded.
    above
        The meter of the whole batch, whose budget must hold as well.

    Examples
    --------
    >>> meter = Meter(Budget(calls=1))
    >>> meter.reserve(5)
    >>> meter.settle(5, 7, seconds=0.1)
    >>> meter.reserve(5)
    Traceback (most recent call last):
    ...
    consilience.methods.self_correction.progress.LoopEnded: budget: calls: 1 of 1 made
    """

    __slots__ = (
        "_above",
        "_budget",
        "_calls",
        "_held_in",
        "_held_out",
        "_price",
        "_seconds",
        "_tokens_in",
        "_tokens_out",
    )

    def __init__(self, budget: Budget, above: Meter | None = None) -> None:
        self._budget = budget
        self._above = above
        self._price = budget.price or (Price() if above is None else above.price)
        self._calls = self._tokens_in = self._tokens_out = self._held_in = self._held_out = 0
        self._seconds = 0.0

    @property
    def price(self) -> Price:
        """What calls cost: by this budget, or by the one above."""
        return self._price

    @property
    def spent(self) -> Spent:
        """What was taken so far; calls under way count as calls."""
        money = self._price.of(calls=self._calls, tokens_in=self._tokens_in, tokens_out=self._tokens_out)
        return Spent(self._calls, self._tokens_in, self._tokens_out, self._seconds, money)

    @property
    def seconds_left(self) -> float | None:
        """Time that is left for the next call of this question; None without a limit."""
        return None if self._budget.seconds is None else self._budget.seconds - self._seconds

    @property
    def longest_reply(self) -> int | None:
        """The shortest promise on replies, over this budget and the one above."""
        mine = self._budget.longest_reply
        theirs = None if self._above is None else self._above.longest_reply
        return min((promise for promise in (mine, theirs) if promise is not None), default=None)

    def reserve(self, tokens_in: int, *, made_before: bool = False) -> None:
        """Set aside what a call may take at most.

        Parameters
        ----------
        tokens_in
            Tokens that will be sent.
        made_before
            Whether an earlier session made the call: the batch above has counted it already.

        Raises
        ------
        LoopEnded
            If it does not fit; nothing is set aside then.
        """
        above = None if made_before else self._above
        self._refuse(tokens_in)
        if above is not None:
            above._refuse(tokens_in, " for the whole batch")  # noqa: SLF001
            above._hold(tokens_in)  # noqa: SLF001
        self._hold(tokens_in)

    def settle(self, tokens_in: int, tokens_out: int, *, seconds: float, made_before: bool = False) -> None:
        """Replace what was set aside for a call of `tokens_in` by what it took."""
        self._held_in -= tokens_in
        self._held_out -= self._budget.longest_reply or 0
        self.charge(Spent(0, tokens_in, tokens_out, seconds))
        if self._above is not None and not made_before:
            self._above.settle(tokens_in, tokens_out, seconds=seconds)

    def charge(self, spent: Spent) -> None:
        """Count what was taken without having been set aside, as by an earlier session."""
        self._calls += spent.calls
        self._tokens_in += spent.tokens_in
        self._tokens_out += spent.tokens_out
        self._seconds += spent.seconds

    def _hold(self, tokens_in: int) -> None:
        self._calls += 1
        self._held_in += tokens_in
        self._held_out += self._budget.longest_reply or 0

    def _refuse(self, tokens_in: int, whose: str = "") -> None:
        """End the loop if one more call of so many tokens could lead over a limit."""
        budget = self._budget
        if budget.calls is not None and self._calls >= budget.calls:
            raise LoopEnded("budget", f"calls: {self._calls} of {budget.calls} made{whose}")
        if budget.seconds is not None and self._seconds >= budget.seconds and not whose:
            raise LoopEnded("budget", f"seconds: {self._seconds:.3g} of {budget.seconds:g} gone")
        if budget.longest_reply is not None:
            self._refuse_tokens(tokens_in, budget.longest_reply, whose)

    def _refuse_tokens(self, tokens_in: int, longest: int, whose: str) -> None:
        budget = self._budget
        sent = self._tokens_in + self._held_in + tokens_in
        received = self._tokens_out + self._held_out + longest
        if budget.tokens is not None and sent + received > budget.tokens:
            need = f"the next call may take {tokens_in + longest}"
            raise LoopEnded("budget", f"tokens: {self.spent.tokens} of {budget.tokens} gone, {need}{whose}")
        if budget.money is not None:
            cost = self._price.of(calls=self._calls + 1, tokens_in=sent, tokens_out=received)
            if cost > budget.money * _ROUNDING:
                need = f"the next call may lead to {cost:.4g}"
                raise LoopEnded("budget", f"money: {self.spent.money:.4g} of {budget.money:g} gone, {need}{whose}")
