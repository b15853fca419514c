"""Work on one thread, here or in several processes, so that times and results do not depend on how it is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from consilience.ground import sharing

__all__ = ["one_thread", "shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def shared(
    job: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    processes: int,
    *,
    seen: Callable[[_Result], None] = lambda _: None,
) -> list[_Result]:
    """Do jobs here, or in several processes with one thread each, and return their results in order.

    An interrupt ends all of them, and so does the first that fails.

    Parameters
    ----------
    job
        Picklable, as are the jobs and the results where there are several processes.
    jobs
    processes
        At most so many at once.
    seen
        Is given every result, in order, as soon as it is there.
    """
    with one_thread():
        return sharing.shared(job, jobs, processes, begin=_begin, seen=seen)


def _begin() -> None:
    torch.set_num_threads(1)
