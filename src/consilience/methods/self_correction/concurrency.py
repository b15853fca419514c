"""Several at once, and no more than so many: tasks for what is async, threads for what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from consilience.ground.errors import InvalidInput

_T = TypeVar("_T")
_R = TypeVar("_R")


async def side_by_side(work: Callable[[_T], Awaitable[_R]], items: Sequence[_T], at_once: int) -> list[_R]:
    """Do the work on every item, on so many at once, and return what came of each, in their order.

    Raises
    ------
    InvalidInput
        If `at_once` is not positive, or the work raised one: the first of them, when the others have been cancelled.
        Anything else that the work raises comes as a group.
    """
    if at_once < 1:
        raise InvalidInput(f"`concurrency` must be at least 1; got {at_once}")
    if at_once == 1 or len(items) <= 1:
        return [await work(item) for item in items]
    found: dict[int, _R] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for place, item in waiting:
            found[place] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(worker())
    except* InvalidInput as several:
        raise _first(several) from None
    return [found[place] for place in range(len(items))]


@contextmanager
def threads(most: int) -> Iterator[Executor]:
    """Lend threads for what is not async, each started when there is work and none is idle.

    A thread cannot be cut off: one that still waits when the block ends is left to its end.
    """
    executor = ThreadPoolExecutor(max_workers=max(most, 1), thread_name_prefix="respond")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _first(several: ExceptionGroup[InvalidInput]) -> InvalidInput:
    first = several.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
