"""Sharing: independent work is done in several processes, and comes back in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["shared"]

One = TypeVar("One")


def shared(work: Callable[..., One], lots: Sequence[tuple[object, ...]], processes: int) -> list[One]:
    """Return what some work gives for each lot of arguments; the processes that share it are begun anew.

    Parameters
    ----------
    work
        A function of a module.
    lots
        Its arguments, each time.
    processes
        1 to do it in this one.

    Examples
    --------
    >>> shared(pow, [(2, 3), (3, 2)], 1)
    [8, 9]
    """
    if processes == 1 or len(lots) == 1:
        return [work(*lot) for lot in lots]
    with ProcessPoolExecutor(min(processes, len(lots)), mp_context=get_context("spawn")) as pool:
        return [one.result() for one in [pool.submit(work, *lot) for lot in lots]]
