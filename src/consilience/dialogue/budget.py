"""What a run may spend: reserved before anything is sent, settled when it is known, never overdrawn.

Money is counted in whole picodollars, so that what was reserved and came back is exactly what had been there.
A purse belongs to one event loop; nothing here is for several threads.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Literal

from consilience.dialogue.clock import now
from consilience.dialogue.messages import Usage
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["Budget", "BudgetExhausted", "Cap", "Hold", "Purse"]

Cap = Literal["calls", "tokens", "usd", "wall_s"]
_CAPS: tuple[Literal["calls", "tokens", "usd"], ...] = ("calls", "tokens", "usd")
_PICO = 10**12
_Amount = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent at most; None sets no cap. What the journal replays costs nothing.

    Raises
    ------
    InvalidInput
        When a cap is negative or not a number.
    """

    calls: int | None = None
    """Times that a question is sent: each attempt counts, whether it is answered, refused or fails."""
    tokens: int | None = None
    """Tokens of questions and replies together; of an attempt that the provider takes nothing for, none."""
    usd: float | None = None
    """Money, by the provider's list prices."""
    wall_s: float | None = None
    """Seconds from the first question on; what is still under way then is given up."""

    def __post_init__(self) -> None:
        """Refuse caps that are no amounts."""
        for name in (*_CAPS, "wall_s"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise InvalidInput(f"`{name}` of a budget must be a finite number from 0, or None; got {value!r}")


class BudgetExhausted(ConsilienceError):
    """The next call might cost more than is left.

    Parameters
    ----------
    cap
        Which cap stands in the way.
    limit, spent, reserved, asked
        Its value, what is gone, what calls under way may still take, what the next one may take; dollars for ``usd``.
    """

    def __init__(self, cap: Cap, limit: float, spent: float, reserved: float = 0.0, asked: float = 0.0) -> None:
        self.cap, self.limit, self.spent, self.reserved, self.asked = cap, limit, spent, reserved, asked
        if cap == "wall_s":
            facts = f"{spent:.1f} s are over"
        else:
            facts = f"{_shown(cap, spent)} spent, {_shown(cap, reserved)} reserved by calls under way"
            facts += f", and the next call may take {_shown(cap, asked)}"
        self._stands = f"the budget is exhausted: `{cap}` allows {_shown(cap, limit)}; {facts}"
        super().__init__(self._stands)

    def __str__(self) -> str:
        """Say as well what to do."""
        return (
            f"{self.told}. What was answered is in the journal: resume with a higher `{self.cap}` to go on from there"
        )

    @property
    def told(self) -> str:
        """What stands in the way, and what had failed before: attempts that fail use up a budget too."""
        return f"{self._stands}; the attempt before failed: {self.__cause__}" if self.__cause__ else self._stands

    def __reduce__(self) -> tuple[type[BudgetExhausted], tuple[Cap, float, float, float, float]]:
        """Pickle by the arguments, so that the error crosses a process boundary whole."""
        return type(self), (self.cap, self.limit, self.spent, self.reserved, self.asked)


class Hold:
    """An amount set aside for one call. It ends by `settle` or `release`; whatever comes after that does nothing."""

    __slots__ = ("_accounts", "_amount")

    def __init__(self, accounts: tuple[_Account, ...], amount: _Amount) -> None:
        self._accounts = accounts
        self._amount = amount
        for account in accounts:
            account.reserve(amount)

    def settle(self, usage: Usage | None) -> None:
        """Spend a call and what it cost, and give the rest back; None where that is not known spends all that was held.

        An attempt that the provider takes nothing for is a call of no tokens: ``settle(Usage())``.
        """
        if usage is None:
            self._end(self._amount)
        else:
            self._end((1, usage.input_tokens + usage.output_tokens, _pico(usage.usd)))

    def release(self) -> None:
        """Give everything back, the call too: nothing was sent."""
        self._end((0, 0, 0))

    def _end(self, actual: _Amount) -> None:
        accounts, self._accounts = self._accounts, ()
        for account in accounts:
            account.close(self._amount, actual)


class Purse:
    """Holds a budget, and knows what is spent and what is reserved.

    Parameters
    ----------
    budget
        The caps.
    clock
        Seconds that do not go back.

    Examples
    --------
    >>> purse = Purse(Budget(tokens=1000))
    >>> hold = purse.reserve(tokens=900)
    >>> hold.settle(Usage(input_tokens=100, output_tokens=50))
    >>> purse.tokens, purse.calls
    (150, 1)
    >>> purse.reserve(tokens=851)
    Traceback (most recent call last):
        ...
    consilience.dialogue.budget.BudgetExhausted: the budget is exhausted: `tokens` allows 1,000; 150 spent, ...
    """

    def __init__(
        self,
        budget: Budget = Budget(),
        *,
        clock: Callable[[], float] = now,
        _above: tuple[_Account, ...] = (),
    ) -> None:
        self.budget = budget
        """The caps."""
        self._clock = clock
        self._own = _Account(budget)
        self._accounts = (self._own, *_above)
        self._capped = any(account.capped for account in self._accounts)
        self._order = _above[-1].order if _above else self._own.order

    @property
    def calls(self) -> int:
        """Calls spent: attempts that were sent."""
        return self._own.spent[0]

    @property
    def tokens(self) -> int:
        """Tokens spent."""
        return self._own.spent[1]

    @property
    def usd(self) -> float:
        """Dollars spent, as far as prices are known."""
        return self._own.spent[2] / _PICO

    @property
    def reserved(self) -> tuple[int, int, float]:
        """Calls, tokens and dollars that are set aside for calls under way."""
        calls, tokens, pico = self._own.reserved
        return calls, tokens, pico / _PICO

    @property
    def capped(self) -> bool:
        """Whether there is any cap, here or above."""
        return self._capped

    @property
    def needs_prices(self) -> bool:
        """Whether money is capped, here or above, so that every call must have a price."""
        return any(account.budget.usd is not None for account in self._accounts)

    def begin(self) -> float | None:
        """Have the time run from now, if it does not yet; return the seconds that are left, None without a cap.

        Raises
        ------
        BudgetExhausted
            When none are left.
        """
        if self._own.began is None:
            moment = self._clock()
            for account in self._accounts:
                account.began = moment if account.began is None else account.began
        if not self._capped:
            return None
        left = self._time_left()
        if left is None:
            return None
        if left[0] <= 0:
            raise self.out_of_time()
        return left[0]

    def out_of_time(self) -> BudgetExhausted:
        """Return the error for a call that the end of the time cut off."""
        left_s, limit_s = self._time_left() or (0.0, 0.0)
        return BudgetExhausted("wall_s", limit_s, limit_s - left_s)

    def reserve(self, calls: int = 1, tokens: int = 0, usd: float = 0.0) -> Hold:
        """Set an upper bound of what a call costs aside, at once or not at all.

        Raises
        ------
        BudgetExhausted
            When some cap does not allow for it, what is reserved by others included.
        """
        amount = (calls, tokens, _pico(usd))
        self.begin()
        if self._capped:
            for account in self._accounts:
                short = account.short(amount, account.reserved)
                if short is not None:
                    raise account.exhausted(short, amount)
        return Hold(self._accounts, amount)

    async def hold(self, calls: int = 1, tokens: int = 0, usd: float = 0.0, *, priority: float = 0.0) -> Hold:
        """Set an upper bound aside; wait where only what others have reserved stands in the way, and may come back.

        Raises
        ------
        BudgetExhausted
            When no cap would allow for it even if everything reserved came back.
        """
        amount = (calls, tokens, _pico(usd))
        self.begin()
        if not self._capped:
            return Hold(self._accounts, amount)
        # Whoever comes while others wait goes behind them: small calls do not starve a large one.
        place = next((account for account in self._accounts if account.queue), None) or self._short_at(amount)
        number, waited_at = next(self._order), None
        try:
            while place is not None:
                if waited_at is not None and waited_at is not place:
                    waited_at.wake()
                waited_at = place
                await place.wait(priority, number)
                self.begin()
                place = self._short_at(amount)
            return Hold(self._accounts, amount)
        finally:
            if waited_at is not None:
                waited_at.wake()

    def share(self, parts: int) -> tuple[Purse, ...]:
        """Split what is left evenly into purses whose spending counts here too; time is the same for all.

        Examples
        --------
        >>> [part.budget.calls for part in Purse(Budget(calls=5)).share(2)]
        [3, 2]
        """
        if parts < 1:
            raise InvalidInput(f"`parts` must be at least 1; got {parts!r}")
        left = self._own.left()
        return tuple(self.child(_part(left, number, parts)) for number in range(parts))

    def child(self, budget: Budget) -> Purse:
        """Return a purse with caps of its own whose spending counts here too."""
        return Purse(budget, clock=self._clock, _above=self._accounts)

    def _time_left(self) -> tuple[float, float] | None:
        """Return the seconds left until the first end of time, and how many there were; None without an end."""
        moment = self._clock()
        return min(
            (
                (account.began + account.budget.wall_s - moment, account.budget.wall_s)
                for account in self._accounts
                if account.began is not None and account.budget.wall_s is not None
            ),
            default=None,
        )

    def _short_at(self, amount: _Amount) -> _Account | None:
        """Return the account that has to get something back first; None where there is enough."""
        for account in self._accounts:
            never = account.short(amount, (0, 0, 0))
            if never is not None:
                raise account.exhausted(never, amount)
        for account in self._accounts:
            if account.short(amount, account.reserved) is not None:
                return account
        return None


class _Account:
    """Caps, what is spent and reserved under them, and who waits for something to come back."""

    __slots__ = ("began", "budget", "capped", "caps", "order", "queue", "reserved", "spent")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.caps = (budget.calls, budget.tokens, None if budget.usd is None else math.floor(budget.usd * _PICO))
        self.capped = budget != Budget()
        self.spent: _Amount = (0, 0, 0)
        self.reserved: _Amount = (0, 0, 0)
        self.began: float | None = None
        self.order = count()
        self.queue: list[tuple[float, int, asyncio.Future[None]]] = []

    def short(self, amount: _Amount, reserved: _Amount) -> int | None:
        """Return which cap does not allow for an amount on top of what is spent and reserved."""
        spent = self.spent
        for index, cap in enumerate(self.caps):
            if cap is not None and amount[index] and spent[index] + reserved[index] + amount[index] > cap:
                return index
        return None

    def exhausted(self, index: int, amount: _Amount) -> BudgetExhausted:
        unit = _PICO if index == _CAPS.index("usd") else 1
        facts = (self.caps[index] or 0, self.spent[index], self.reserved[index], amount[index])
        return BudgetExhausted(_CAPS[index], *(fact / unit for fact in facts))

    def left(self) -> list[int | None]:
        rows = zip(self.caps, self.spent, self.reserved, strict=True)
        return [None if cap is None else max(0, cap - spent - reserved) for cap, spent, reserved in rows]

    def reserve(self, amount: _Amount) -> None:
        calls, tokens, pico = self.reserved
        self.reserved = (calls + amount[0], tokens + amount[1], pico + amount[2])

    def close(self, amount: _Amount, actual: _Amount) -> None:
        calls, tokens, pico = self.reserved
        self.reserved = (calls - amount[0], tokens - amount[1], pico - amount[2])
        calls, tokens, pico = self.spent
        self.spent = (calls + actual[0], tokens + actual[1], pico + actual[2])
        self.wake()

    async def wait(self, priority: float, number: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (-priority, number, future)
        heapq.heappush(self.queue, entry)
        try:
            await future
        except asyncio.CancelledError:
            if entry in self.queue:
                self.queue.remove(entry)
                heapq.heapify(self.queue)
            raise

    def wake(self) -> None:
        while self.queue:
            future = heapq.heappop(self.queue)[2]
            if not future.done():
                future.set_result(None)
                return


def _part(left: list[int | None], number: int, parts: int) -> Budget:
    calls, tokens, pico = (None if whole is None else (whole + parts - 1 - number) // parts for whole in left)
    return Budget(calls=calls, tokens=tokens, usd=None if pico is None else pico / _PICO)


def _pico(usd: float) -> int:
    return math.ceil(usd * _PICO) if usd else 0


def _shown(cap: Cap, amount: float) -> str:
    if cap == "usd":
        return f"${amount:,.4f}"
    return f"{amount:g} s" if cap == "wall_s" else f"{round(amount):,}"
