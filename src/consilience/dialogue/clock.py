"""The clock that everything in a session goes by."""

from __future__ import annotations

import asyncio
import time

__all__ = ["now"]


def now() -> float:
    """Return seconds that do not go back: those of the event loop, which without one are the machine's.

    Examples
    --------
    >>> now() <= now()
    True
    """
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
