"""A crew: a bounded number of workers who take the most urgent of what is ready, until nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from itertools import count

from consilience.ground.errors import ConsilienceError

__all__ = ["Crew", "Stopped"]

_BREATH = 64


class Stopped(ConsilienceError):
    """The crew is to stop: whoever is about to begin something leaves it."""


class Crew:
    """Workers on jobs that bring forth jobs.

    There is no task for a job that nobody works on. When one of them meets trouble that a caller can mend, nothing
    new is begun, and what the others have begun comes to its end first: it may have been paid.

    Parameters
    ----------
    width
        Workers at most.

    Examples
    --------
    >>> crew, order = Crew(1), []
    >>> async def job(name):
    ...     order.append(name)
    ...     if name == "first":
    ...         crew.push(1, job, "minor")
    ...         crew.push(2, job, "urgent")
    >>> crew.push(0, job, "first")
    >>> asyncio.run(crew.work())
    >>> order
    ['first', 'urgent', 'minor']
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._ready: list[tuple[float, int, Callable[..., Awaitable[None]], tuple[object, ...]]] = []
        self._ticket = count()
        self._working = 0
        self._trouble: ConsilienceError | None = None

    def push(self, priority: float, job: Callable[..., Awaitable[None]], *of: object) -> None:
        """Have a job done, sooner the higher its priority; of equals, the earlier."""
        heappush(self._ready, (-priority, next(self._ticket), job, of))

    def proceed(self) -> None:
        """Let whoever asks go on.

        Raises
        ------
        Stopped
            When there was trouble; a job passes it on.
        """
        if self._trouble is not None:
            raise Stopped("the crew stopped")

    async def work(self) -> None:
        """Work until no job is left, or in trouble until what was begun is done.

        Raises
        ------
        ConsilienceError
            The first trouble that a job met.
        """
        try:
            async with asyncio.TaskGroup() as self._workers:
                self._call(len(self._ready))
        except BaseExceptionGroup as group:  # a bug: the rest was cancelled
            raise group.exceptions[0] from None
        if self._trouble is not None:
            raise self._trouble

    def _call(self, wanted: int) -> None:
        for _ in range(min(wanted, self._width - self._working)):
            self._working += 1
            self._workers.create_task(self._take_jobs())

    async def _take_jobs(self) -> None:
        ready, taken = self._ready, 0
        while ready and self._trouble is None:
            _, _, job, of = heappop(ready)
            try:
                await job(*of)
            except Stopped:
                break
            except ConsilienceError as error:
                if self._trouble is None:
                    self._trouble = error
                break
            if len(ready) > 1:
                self._call(len(ready) - 1)
            taken += 1
            if not taken % _BREATH:  # jobs that never wait must not keep the loop from everybody else
                await asyncio.sleep(0)
        self._working -= 1
