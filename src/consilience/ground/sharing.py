"""Independent work done here or in several processes, so that results do not depend on how it is shared."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def shared(
    job: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    processes: int,
    *,
    begin: Callable[[], None] | None = None,
) -> list[_Result]:
    """Do jobs here, or in several processes that are begun anew, and return their results in order.

    An interrupt ends all of them, and so does the first that fails.

    Parameters
    ----------
    job
        Picklable, as are the jobs and the results where there are several processes.
    jobs
    processes
        At most so many at once.
    begin
        What each of several processes does first.

    Examples
    --------
    >>> shared(abs, [-2, 3], 1)
    [2, 3]
    """
    if processes == 1 or len(jobs) <= 1:
        return [job(each) for each in jobs]
    with get_context("spawn").Pool(min(processes, len(jobs)), initializer=_begun, initargs=(begin,)) as pool:
        return list(pool.imap(job, jobs))


def _begun(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began it is interrupted, and ends it
    if begin is not None:
        begin()
