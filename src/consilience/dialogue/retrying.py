"""What happens after a call that failed: another attempt after a pause, and a breaker when nothing gets through."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from consilience.dialogue.clock import now
from consilience.dialogue.models import ModelError
from consilience.ground.errors import InvalidInput

__all__ = ["Breaker", "CircuitOpen", "Pauses", "Retry"]


class CircuitOpen(ModelError):
    """A model has failed many times in a row, and once more when it was tried again after a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a call is tried, and how long to wait in between.

    Pauses are drawn evenly between 0 and `first_s`, doubled at every attempt up to `most_s`, so that calls which
    failed together do not come back together. Where the provider says how long to wait, that is waited at least.

    Raises
    ------
    InvalidInput
        When a number is out of range.
    """

    attempts: int = 6
    """Times that a question is sent at most. A refusal (429) counts only if nothing got through since the last one."""
    first_s: float = 0.5
    """Longest pause after the first failure."""
    most_s: float = 30.0
    """Longest pause after any failure."""
    patience_s: float = 600.0
    """If a provider asks to wait longer than that, the refusal is handed on at once, and nobody else is held up."""
    breaker_failures: int = 20
    """Failures in a row, of any questions, after which nothing is sent for a while."""
    breaker_pause_s: float = 30.0
    """How long that is; then one call tries, and the others wait for it."""
    seed: int = 0
    """Of the pauses."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        for name in ("attempts", "breaker_failures"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"`{name}` must be at least 1; got {getattr(self, name)!r}")
        for name in ("first_s", "most_s", "patience_s", "breaker_pause_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InvalidInput(f"`{name}` must be a finite time of at least 0; got {getattr(self, name)!r}")

    def waits(self, wished_s: float | None) -> bool:
        """Whether a provider is waited for that asks for so long, or does not say for how long."""
        return wished_s is None or wished_s <= self.patience_s


class Pauses:
    """Draws the pauses between attempts.

    Examples
    --------
    >>> pauses = Pauses(Retry(first_s=1.0, most_s=4.0))
    >>> all(pauses.after(attempt) <= min(4.0, 2.0**attempt) for attempt in range(10))
    True
    >>> pauses.after(0, at_least_s=7.0)
    7.0
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._generator = np.random.default_rng(retry.seed)

    def after(self, attempt: int, at_least_s: float | None = None) -> float:
        """Return how long to wait after an attempt, from 0, that failed."""
        longest_s = min(self._retry.most_s, self._retry.first_s * 2.0 ** min(attempt, 60))
        return max(at_least_s or 0.0, float(self._generator.random()) * longest_s)


class Breaker:
    """Keeps calls back when a model fails again and again: after a pause one of them tries, the others wait for it.

    Parameters
    ----------
    retry
        After how many failures, and how long the pause is.
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._failures = 0
        self._reason = ""
        self._since = ""
        self._until: float | None = None
        self._probing = False
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def closed(self) -> bool:
        """Whether calls may be sent."""
        return self._until is None

    @property
    def calm(self) -> bool:
        """Whether calls may be sent and the last one was answered."""
        return not self._failures

    async def admit(self) -> bool:
        """Wait until a call may be sent; return whether it is the one that tries for all.

        Whoever gets True must say how it went: `succeeded`, `failed` or `abandoned`.

        Raises
        ------
        CircuitOpen
            When the one that tried has failed.
        """
        while self._until is not None:
            if self._probing:
                await self._outcome()
                continue
            pause_s = self._until - now()
            if pause_s <= 0:
                self._probing = True
                return True
            await asyncio.sleep(pause_s)
        return False

    def succeeded(self) -> None:
        """Take note that the model answered, if only to refuse."""
        self._failures = 0
        if self._until is not None:
            self._until, self._probing = None, False
            self._tell(None)

    def failed(self, error: ModelError, *, probe: bool) -> None:
        """Take note of a failure; `probe` says whether the call was the one that tries for all."""
        self._failures += 1
        self._reason = str(error)
        if self._failures == 1:
            self._since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        if probe:
            self._until, self._probing = now() + self._retry.breaker_pause_s, False
            self._tell(self.error())
        elif self._until is None and self._failures >= self._retry.breaker_failures:
            self._until = now() + self._retry.breaker_pause_s

    def abandoned(self) -> None:
        """Take note that the one that tries was given up: another one will."""
        self._probing = False
        self._tell(None)

    def error(self) -> CircuitOpen:
        """Return what is to be said: since when, how often and why."""
        return CircuitOpen(
            f"no answer since {self._since}, {self._failures} failures in a row; the last: {self._reason}. "
            "What was answered is in the journal: run again when the model is back"
        )

    async def _outcome(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():
                future.exception()  # told and cancelled at once: nobody else will look at it
            raise

    def _tell(self, error: CircuitOpen | None) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
