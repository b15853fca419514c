"""Work on one thread, here or in several processes, so that results do not depend on how it is shared."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from typing import TypeVar

import torch

__all__ = ["shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def shared(job: Callable[[_Job], _Result], jobs: Sequence[_Job], processes: int) -> list[_Result]:
    """Do jobs here, or in several processes with one thread each, and return their results in order.

    An interrupt ends all of them.

    Parameters
    ----------
    job
        Picklable, as are the jobs and the results where there are several processes.
    jobs
    processes
        At most so many at once.
    """
    if processes == 1 or len(jobs) <= 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return [job(each) for each in jobs]
        finally:
            torch.set_num_threads(threads)
    with get_context("spawn").Pool(min(processes, len(jobs)), initializer=_begin) as pool:
        return pool.map(job, jobs, chunksize=1)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
