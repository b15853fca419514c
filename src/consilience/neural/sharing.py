"""Work on one thread, here or in several processes, so that times and results do not depend on how it is shared."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

import torch

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


def shared(job: Callable[[_Job], _Result], jobs: Sequence[_Job], processes: int) -> list[_Result]:
    """Do jobs here, or in several processes with one thread each, and return their results in order.

    An interrupt ends all of them, and so does the first that fails.

    Parameters
    ----------
    job
        Picklable, as are the jobs and the results where there are several processes.
    jobs
    processes
        At most so many at once.
    """
    if processes == 1 or len(jobs) <= 1:
        with one_thread():
            return [job(each) for each in jobs]
    with get_context("spawn").Pool(min(processes, len(jobs)), initializer=_begin) as pool:
        return list(pool.imap(job, jobs))


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
