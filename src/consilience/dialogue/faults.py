"""What goes wrong with a model that is far away, and how long it takes: drawn from hashes, so that it happens again.

Nothing here looks at a clock or keeps a generator: chance belongs to a question and to the attempt at it. What a
run meets is therefore the same whatever the order in which its questions are asked.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Literal, get_args

from consilience.ground.errors import InvalidInput

__all__ = ["Fault", "Faults", "Gate", "Latency", "RateLimit", "Slots", "chances", "malformed"]

Fault = Literal["rate_limited", "server_error", "stall", "half_json", "empty", "disconnect"]
"""Ways in which a call gets no reply, in the order in which `Faults` lays them out between 0 and 1."""

_FAULTS: tuple[Fault, ...] = get_args(Fault)
_STANDARD = NormalDist()
_MINUTE_S = 60.0
_BRACKETS = str.maketrans("", "", "{}[]()`\"'<>")


def chances(purpose: str, seed: int, key: bytes, attempt: int = 0) -> tuple[float, float, float, float]:
    """Return four independent numbers strictly between 0 and 1 that belong to the arguments, in every process.

    Examples
    --------
    >>> chances("latency", 0, b"key") == chances("latency", 0, b"key")
    True
    >>> chances("latency", 0, b"key") == chances("latency", 0, b"key", attempt=1)
    False
    """
    digest = hashlib.blake2b(f"{purpose}\0{seed}\0{attempt}\0".encode() + key, digest_size=32).digest()
    first, second, third, fourth = (
        ((int.from_bytes(digest[at : at + 8], "little") >> 12) + 0.5) / 2.0**52 for at in (0, 8, 16, 24)
    )
    return first, second, third, fourth


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long replies take: always the same, lognormal, or lognormal with a queue before a few places.

    Parameters
    ----------
    mean_s
        Mean time of service, in seconds.
    sigma
        Standard deviation of the logarithm of that time; 0 makes all calls equally long.
    slots
        How many calls are served at once, first come first served; None for all of them.
    seed
        Another seed deals the times out anew and leaves every reply as it is.

    Raises
    ------
    InvalidInput
        If a number is out of range.

    Examples
    --------
    >>> Latency.const(0.1).seconds(b"key")
    0.1
    >>> slow = Latency.lognormal(0.1, 0.8)
    >>> slow.seconds(b"key") == slow.seconds(b"key") != slow.seconds(b"other key")
    True
    """

    mean_s: float = 0.0
    sigma: float = 0.0
    slots: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse times that are no times."""
        for name, value in (("mean_s", self.mean_s), ("sigma", self.sigma)):
            if not (math.isfinite(value) and value >= 0):
                raise InvalidInput(f"`{name}` must be a finite number of at least 0; got {value!r}")
        if self.slots is not None and self.slots < 1:
            raise InvalidInput(f"`slots` must be at least 1, or None for no queue; got {self.slots!r}")

    @classmethod
    def const(cls, seconds: float) -> Latency:
        """Return the latency that is the same for all calls."""
        return cls(mean_s=seconds)

    @classmethod
    def lognormal(cls, mean_s: float, sigma: float, *, seed: int = 0) -> Latency:
        """Return lognormal times of that mean; `sigma` is the deviation of their logarithm."""
        return cls(mean_s=mean_s, sigma=sigma, seed=seed)

    @classmethod
    def queueing(cls, slots: int, mean_s: float, sigma: float = 0.0, *, seed: int = 0) -> Latency:
        """Return times of a server with so many places: whoever comes when all are taken waits for one."""
        return cls(mean_s=mean_s, sigma=sigma, slots=slots, seed=seed)

    def seconds(self, key: bytes, attempt: int = 0) -> float:
        """Return the time of service of a question's attempt, without any waiting for a place."""
        if not self.mean_s or not self.sigma:
            return self.mean_s
        normal = _STANDARD.inv_cdf(chances("latency", self.seed, key, attempt)[0])
        return self.mean_s * math.exp(self.sigma * (normal - self.sigma / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong, as probabilities.

    All but `malformed_text` leave a call without a reply and are drawn anew at every attempt; they exclude one another,
    so their sum is at most 1. `malformed_text` spoils what a reply says, and belongs to the question alone: however
    often a run is broken off and resumed, a question that is answered is answered in the same words.

    Raises
    ------
    InvalidInput
        If a probability, their sum, or a time is out of range.

    Examples
    --------
    >>> Faults(server_error=1.0).strike(0, b"key", 0)
    'server_error'
    >>> Faults().strike(0, b"key", 0) is None
    True
    """

    rate_limited: float = 0.0
    """Status 429 although no limit was reached."""
    server_error: float = 0.0
    """Status 500."""
    stall: float = 0.0
    """No byte for `stall_s`, then the connection closes."""
    half_json: float = 0.0
    """Status 200 with the first half of the reply."""
    empty: float = 0.0
    """Status 200 with an empty body."""
    disconnect: float = 0.0
    """Connection cut within the reply."""
    malformed_text: float = 0.0
    """A reply that arrives well, and says it in a broken form."""
    stall_s: float = 3600.0
    """How long a stall lasts."""
    retry_after_s: float = 0.1
    """What ``rate_limited`` asks for."""

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        for field in fields(self):
            value = getattr(self, field.name)
            most = math.inf if field.name.endswith("_s") else 1.0
            if not (math.isfinite(value) and 0 <= value <= most):
                wanted = "a finite time of at least 0" if most > 1 else "a probability from 0 to 1"
                raise InvalidInput(f"`{field.name}` must be {wanted}; got {value!r}")
        if self.without_reply > 1 + 1e-12:
            raise InvalidInput(
                f"probabilities of calls without a reply must sum to 1 at most; got {self.without_reply}"
            )

    @property
    def without_reply(self) -> float:
        """Probability that an attempt gets no reply."""
        return math.fsum(getattr(self, fault) for fault in _FAULTS)

    def strike(self, seed: int, key: bytes, attempt: int) -> Fault | None:
        """Return what goes wrong at an attempt, from 0, at a question; None if nothing does.

        A higher probability of the only fault adds calls that it strikes and takes none away.
        """
        if not self.without_reply:
            return None
        left = chances("fault", seed, key, attempt)[0]
        for fault in _FAULTS:
            left -= getattr(self, fault)
            if left < 0:
                return fault
        return None

    def spoils(self, seed: int, key: bytes) -> bool:
        """Whether the reply to a question comes in a broken form."""
        return bool(self.malformed_text) and chances("malformed", seed, key)[0] < self.malformed_text


def malformed(text: str, chance: float) -> str:
    """Return the text in a form that no parser was promised: cut short, without its brackets and quotes, or excused.

    Parameters
    ----------
    text
        What would have been said.
    chance
        A number between 0 and 1 that decides what happens to it.

    Examples
    --------
    >>> malformed('{"answer": "yes"}', 0.25)
    '{"answer'
    >>> malformed('{"answer": "yes"}', 0.6)
    'answer: yes'
    """
    excuse = "I am sorry, but I cannot help with that."
    if chance < 0.5:  # noqa: PLR2004  a half of the spoiled texts is cut, between a fifth and four fifths of them
        spoiled = text[: round(len(text) * (0.2 + 1.2 * chance))]
    else:
        spoiled = text.translate(_BRACKETS) if chance < 0.85 else excuse  # noqa: PLR2004  shares of the other half
    return spoiled if spoiled not in ("", text) else excuse


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """What a provider lets through in a minute.

    Parameters
    ----------
    requests_per_minute, tokens_per_minute
        The rates; None for no limit. Tokens are those of question and reply.
    enforced
        "window": never more than the rate allows in any stretch of `window_s`. "bucket": a bucket that holds as much
        as the rate brings in `window_s`, full at the beginning, refilled all the time.
    window_s
        Length of the window in seconds. Many providers enforce a rate a minute over a second or so.

    Raises
    ------
    InvalidInput
        If a number is out of range, or no request would ever be let through.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    enforced: Literal["bucket", "window"] = "bucket"
    window_s: float = _MINUTE_S

    def __post_init__(self) -> None:
        """Refuse a limit that lets nothing through."""
        if not (math.isfinite(self.window_s) and self.window_s > 0):
            raise InvalidInput(f"`window_s` must be a finite time above 0; got {self.window_s!r}")
        if self.enforced not in ("bucket", "window"):
            raise InvalidInput(f"`enforced` must be 'bucket' or 'window'; got {self.enforced!r}")
        for name in ("requests_per_minute", "tokens_per_minute"):
            rate = getattr(self, name)
            if rate is not None and not (math.isfinite(rate) and rate * self.window_s / _MINUTE_S >= 1):
                raise InvalidInput(
                    f"`{name}` must be finite and let at least 1 through in `window_s` = {self.window_s}; got {rate!r}"
                )


class Gate:
    """Enforces a rate limit: whoever comes too early is told how long to wait, and is not counted.

    Examples
    --------
    >>> gate = Gate(RateLimit(requests_per_minute=60, enforced="window", window_s=1))
    >>> gate.admit(10, now=0.0) is None, gate.admit(10, now=0.25), gate.admit(10, now=1.0) is None
    (True, 0.75, True)
    """

    def __init__(self, limit: RateLimit) -> None:
        meter = _Bucket if limit.enforced == "bucket" else _Window
        self._requests, self._tokens = (
            None if rate is None else meter(rate / _MINUTE_S, limit.window_s)
            for rate in (limit.requests_per_minute, limit.tokens_per_minute)
        )
        self._now = -math.inf

    def admit(self, tokens: int, now: float) -> float | None:
        """Let a request through and return None, or return the seconds after which it would be let through.

        A request that is larger than the limit itself is never let through: infinity.
        """
        self._now = now = max(now, self._now)
        asked = [(meter, amount) for meter, amount in ((self._requests, 1), (self._tokens, tokens)) if meter]
        wait_s = max((meter.wait_s(amount, now) for meter, amount in asked), default=0.0)
        if wait_s > 0:
            return wait_s
        for meter, amount in asked:
            meter.take(amount, now)
        return None


class _Bucket:
    """Holds what a rate brings in a window; refilled all the time."""

    def __init__(self, rate: float, window_s: float) -> None:
        self._rate = rate
        self._capacity = self._level = rate * window_s
        self._at = -math.inf

    def wait_s(self, amount: float, now: float) -> float:
        if amount > self._capacity:
            return math.inf
        if self._at < now:
            since = now - self._at
            self._level = min(self._capacity, self._level + self._rate * since)
            self._at = now
        return max(0.0, (amount - self._level) / self._rate)

    def take(self, amount: float, now: float) -> None:  # noqa: ARG002  a window needs to know when
        self._level -= amount


class _Window:
    """Remembers what came in the last stretch of time."""

    def __init__(self, rate: float, window_s: float) -> None:
        self._capacity = rate * window_s
        self._window_s = window_s
        self._taken: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def wait_s(self, amount: float, now: float) -> float:
        while self._taken and self._taken[0][0] <= now:
            self._sum -= self._taken.popleft()[1]
        if amount > self._capacity:
            return math.inf
        left = self._sum + amount
        wait_s = 0.0
        for until, past in self._taken:
            if left <= self._capacity:
                break
            left -= past
            wait_s = until - now
        return wait_s

    def take(self, amount: float, now: float) -> None:
        self._taken.append((now + self._window_s, amount))
        self._sum += amount


class Slots:
    """Places at which calls are served, first come first served.

    Parameters
    ----------
    count
        How many there are; None for as many as come.

    Examples
    --------
    >>> slots = Slots(1)
    >>> slots.enter("a", lambda: print("a is served")), slots.enter("b", lambda: print("b is served"))
    a is served
    (None, None)
    >>> slots.leave("a")
    b is served
    """

    def __init__(self, count: int | None) -> None:
        self._free = math.inf if count is None else count
        self._served: set[object] = set()
        self._waiting: dict[object, Callable[[], object]] = {}
        self._calling = False

    def enter(self, who: object, begin: Callable[[], object]) -> None:
        """Call `begin` at once if a place is free, or else when it is the turn of `who`."""
        self._waiting[who] = begin
        self._call_in()

    def leave(self, who: object) -> None:
        """Give up the place or the wait for it; the next in line begins. Nothing happens if `who` has neither."""
        if self._waiting.pop(who, None) is None and who in self._served:
            self._served.remove(who)
            self._free += 1
            self._call_in()

    def _call_in(self) -> None:
        # Whoever begins may leave at once: a loop and no recursion, however many wait.
        if self._calling:
            return
        self._calling = True
        try:
            while self._waiting and self._free > 0:
                who = next(iter(self._waiting))
                begin = self._waiting.pop(who)
                self._free -= 1
                self._served.add(who)
                begin()
        finally:
            self._calling = False
