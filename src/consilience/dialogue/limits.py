"""How fast a model is asked: requests and tokens a minute, calls at once; first come first served within a priority.

A limit is used to `USED_SHARE` and not to the last request, since what leaves here evenly arrives there less evenly. A
provider that refuses all the same is shared with others, or was given limits that are not its own: the pace goes down
at once and comes back by and by.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from dataclasses import dataclass, fields
from itertools import count

from consilience.dialogue.clock import now
from consilience.ground.errors import InvalidInput

__all__ = ["BURST_S", "USED_SHARE", "Limits", "Throttle", "Turn"]

USED_SHARE = 0.975
"""Part of a stated rate that is aimed at."""
BURST_S = 0.02
"""How much of the rate may go out at once, in seconds of it, when the loop was late; beside that one request."""

_MINUTE_S = 60.0
_SLOWER = 0.8
_A_LITTLE_SLOWER = 0.95
_SLOWEST = 0.01
_FASTER_A_SECOND = 0.02
_CALMEST_S = 1.0
_FORGETTING = 0.98
_BY_CHANCE = 0.0075
_FORGETTING_CALLS = 0.9975
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a provider lets through; None where it is not known or not limited.

    Raises
    ------
    InvalidInput
        When a limit is not a positive number.
    """

    requests_per_minute: float | None = None
    """Requests in a minute."""
    tokens_per_minute: float | None = None
    """Tokens of questions and replies in a minute."""
    concurrency: int | None = None
    """Calls under way at once."""

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InvalidInput(f"`{field.name}` must be a finite number above 0, or None; got {value!r}")
        if self.concurrency is not None and self.concurrency < 1:
            raise InvalidInput(f"`concurrency` must be at least 1, or None; got {self.concurrency!r}")


class Turn:
    """A place among the calls under way, until `Throttle.leave`."""

    __slots__ = ("expected", "tokens")

    def __init__(self, tokens: float, expected: float) -> None:
        self.tokens = tokens
        """What was said that the call takes at most."""
        self.expected = expected
        """What calls of that kind take as a rule."""


class Throttle:
    """Lets calls through at the pace that the limits allow; one for all who ask the same model.

    Parameters
    ----------
    limits
        What the provider lets through.

    Examples
    --------
    >>> async def two_calls():
    ...     throttle = Throttle(Limits(concurrency=1))
    ...     first = await throttle.enter()
    ...     second = asyncio.ensure_future(throttle.enter())
    ...     await asyncio.sleep(0)
    ...     before = second.done()
    ...     throttle.leave(first)
    ...     await second
    ...     return before
    >>> asyncio.run(two_calls())
    False
    """

    def __init__(
        self,
        limits: Limits = Limits(),
    ) -> None:
        self.limits = limits
        """What was stated."""
        self._most = math.inf if limits.concurrency is None else limits.concurrency
        self._requests = _meter(limits.requests_per_minute)
        self._tokens = _meter(limits.tokens_per_minute)
        self._busy = 0
        self._queue: list[tuple[float, int, float, asyncio.Future[Turn]]] = []
        self._number = count()
        self._timer: asyncio.TimerHandle | None = None
        self._pace = _Pace()
        self._answered = 0
        self._answering_since: float | None = None
        self._estimated = self._actual = 1.0
        self._recent, self._recently_refused = 1.0 / (1.0 - _FORGETTING_CALLS), 0.0

    @property
    def free(self) -> bool:
        """Whether calls need not enter: no limit is stated, and none was met so far."""
        return self._requests is None and self._tokens is None and self._most == math.inf

    @property
    def busy(self) -> int:
        """Calls under way that have entered."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Calls that wait to be let through."""
        return sum(not entry[3].done() for entry in self._queue)

    @property
    def counts_tokens(self) -> bool:
        """Whether estimates of tokens are looked at."""
        return self._tokens is not None

    @property
    def requests_per_minute(self) -> float | None:
        """The pace of requests at this time; None while there is no limit."""
        return None if self._requests is None else self._requests.rate * self._pace.factor * _MINUTE_S

    def number(self) -> int:
        """Return a place in the order of arrival, to be kept through all attempts at one question."""
        return next(self._number)

    async def enter(self, tokens: float = 0.0, *, priority: float = 0.0, number: int | None = None) -> Turn:
        """Wait for one's turn, and take it.

        Parameters
        ----------
        tokens
            What the call takes at most; how much of that it is as a rule is learned.
        priority
            Higher goes first.
        number
            From `number`; later than everybody else if None.
        """
        if not self._queue and self._busy < self._most and self._wait_s(tokens) <= 0:
            return self._take(tokens)
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (-priority, self.number() if number is None else number, tokens, future))
        self._pump()
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled():  # let through and cancelled at once
                self.leave(future.result(), 0.0)
            self._pump()
            raise

    def leave(self, turn: Turn, actual: float | None = None) -> None:
        """Give the place back.

        Parameters
        ----------
        turn
            From `enter`.
        actual
            Tokens that it took; None if that is not known, 0 if it was refused or not sent.
        """
        self._busy -= 1
        if actual is not None and self._tokens is not None:
            if actual:
                self._estimated = self._estimated * _FORGETTING + turn.tokens
                self._actual = self._actual * _FORGETTING + actual
                # What was set aside before anything was known is not given back: all at once, it would be too much.
                self._tokens.give(min(turn.expected, self._expected(turn.tokens)) - actual)
            else:
                self._tokens.give(turn.expected)
        if self._queue:
            self._pump()

    def answered(self) -> None:
        """Take note that a call was answered."""
        if self._answering_since is None:
            self._answering_since = now()
        self._answered += 1
        self._count(refused=False)

    def refused(self, retry_after_s: float | None, sent_at: float) -> None:
        """Take note that the provider refused a call that was sent then: nothing goes out while it asks to wait.

        Parameters
        ----------
        retry_after_s
            How long it asks to wait; a second if it does not say.
        sent_at
            On the event loop's clock; calls that were under way when the pace was lowered do not lower it again.
        """
        moment = now()
        self._refill(moment)
        self._count(refused=True)
        if self._requests is None and self._tokens is None:
            since_s = _CALMEST_S if self._answering_since is None else max(moment - self._answering_since, _CALMEST_S)
            self._requests = _Meter(max(self._answered / since_s, 1.0))
            self._pace.learn(moment)
        elif sent_at >= self._pace.slowed_at and not self._by_chance(retry_after_s):
            # Who says when to come again counts precisely: a little slower is enough.
            self._pace.slow_down(moment, _SLOWER if retry_after_s is None else _A_LITTLE_SLOWER)
        self._pace.pause(moment + (_CALMEST_S if retry_after_s is None else retry_after_s))

    def _by_chance(self, retry_after_s: float | None) -> bool:
        """Whether a call just missed the edge of a stated window, as few others did: to go slower would cost more."""
        stated = self.limits.requests_per_minute is not None or self.limits.tokens_per_minute is not None
        soon = retry_after_s is not None and retry_after_s < _CALMEST_S
        return stated and soon and self._recently_refused <= _BY_CHANCE * self._recent

    def _count(self, *, refused: bool) -> None:
        self._recent = self._recent * _FORGETTING_CALLS + 1.0
        self._recently_refused = self._recently_refused * _FORGETTING_CALLS + refused

    def _refill(self, moment: float) -> None:
        for meter in (self._requests, self._tokens):
            if meter is not None:
                meter.refill(moment, self._pace.factor)
        self._pace.recover(moment)

    def _expected(self, tokens: float) -> float:
        return tokens * self._actual / self._estimated

    def _wait_s(self, tokens: float) -> float:
        if self.free:
            return 0.0
        moment = now()
        self._refill(moment)
        wait_s = self._pace.paused_until - moment
        if self._requests is not None:
            wait_s = max(wait_s, self._requests.wait_s(1.0, self._pace.factor))
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(self._expected(tokens), self._pace.factor))
        return wait_s

    def _take(self, tokens: float) -> Turn:
        self._busy += 1
        turn = Turn(tokens, self._expected(tokens))
        if self._requests is not None:
            self._requests.level -= 1.0
        if self._tokens is not None:
            self._tokens.level -= turn.expected
        return turn

    def _pump(self) -> None:
        """Let through whoever may go, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            _, _, tokens, future = self._queue[0]
            if not future.done():
                if self._busy >= self._most:
                    return
                wait_s = self._wait_s(tokens)
                if wait_s > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait_s, self._pump)
                    return
                future.set_result(self._take(tokens))
            heapq.heappop(self._queue)


class _Pace:
    """A factor on all rates: lowered by refusals, raised in calm times, beyond 1 where the rate was a guess."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.slowed_at = -math.inf
        self.paused_until = -math.inf
        self._recovered_at = -math.inf
        self._growth = _FASTER_A_SECOND
        self._most = 1.0

    def learn(self, moment: float) -> None:
        """Take the rate for a guess that doubles every second until it is refused again."""
        self._growth, self._most = 1.0, math.inf
        self.slowed_at = moment

    def slow_down(self, moment: float, by: float) -> None:
        """Go slower, but never stop."""
        self.factor = max(self.factor * by, _SLOWEST)
        self._growth = _FASTER_A_SECOND
        self.slowed_at = moment

    def pause(self, until: float) -> None:
        """Stand still until then."""
        self.paused_until = max(self.paused_until, until)

    def recover(self, moment: float) -> None:
        """Go faster for the time that was calm."""
        calm_s = moment - max(self.slowed_at, self.paused_until, self._recovered_at)
        if calm_s > 0 and self.factor < self._most:
            self.factor = min(self._most, self.factor * (1.0 + self._growth * calm_s))
        self._recovered_at = moment


class _Meter:
    """A bucket that fills at a rate a second; a call may take it below zero, and the next one waits for that."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.level = 1.0
        self._at: float | None = None

    @property
    def burst(self) -> float:
        return 1.0 + self.rate * BURST_S

    def refill(self, moment: float, pace: float) -> None:
        since_s = 0.0 if self._at is None else max(0.0, moment - self._at)
        self.level = min(self.burst, self.level + self.rate * pace * since_s)
        self._at = moment

    def wait_s(self, amount: float, pace: float) -> float:
        lacking = min(amount, 1.0) - self.level
        # Without the tolerance, the last wait may be shorter than the clock can tell.
        return lacking / (self.rate * pace) if lacking > _ROUNDING else 0.0

    def give(self, amount: float) -> None:
        self.level = min(self.burst, self.level + amount)


def _meter(per_minute: float | None) -> _Meter | None:
    return None if per_minute is None else _Meter(per_minute * USED_SHARE / _MINUTE_S)
