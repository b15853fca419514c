"""Waiting: what waits for the database is done in a thread, so that all else that the loop serves goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["waited"]

P = ParamSpec("P")
T = TypeVar("T")


async def waited(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Return what some work gives, done in a thread; whoever is cancelled meanwhile still waits for its end.

    So a task that has ended writes nothing any more, and who wants to be forgotten can rely on that.

    Examples
    --------
    >>> asyncio.run(waited(sorted, [2, 1]))
    [1, 2]
    """
    doing = asyncio.ensure_future(asyncio.to_thread(work, *given, **named))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.gather(doing, return_exceptions=True)
        raise
