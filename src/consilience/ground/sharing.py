"""Independent work done here or in several processes, so that results do not depend on how it is shared."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

from consilience.ground.errors import InvalidInput

__all__ = ["shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def shared(
    job: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    processes: int,
    *,
    begin: Callable[[], None] | None = None,
    seen: Callable[[_Result], None] = lambda _: None,
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
    seen
        Is given every result, in order, as soon as it is there.

    Raises
    ------
    InvalidInput
        If a process could not be begun, or ended before its work was done: the calling script has no guard of its main
        module, or memory ran out.

    Examples
    --------
    >>> shared(abs, [-2, 3], 1)
    [2, 3]
    """
    if processes == 1 or len(jobs) <= 1:
        return _collected(map(job, jobs), seen)
    others = set(active_children())
    with ProcessPoolExecutor(
        min(processes, len(jobs)), mp_context=get_context("spawn"), initializer=_begun, initargs=(begin,)
    ) as pool:
        try:
            return _collected(pool.map(job, jobs), seen)
        except BaseException as error:
            for child in set(active_children()) - others:
                child.terminate()
            if isinstance(error, BrokenProcessPool):
                raise InvalidInput(_ENDED) from error
            raise


def _collected(results: Iterable[_Result], seen: Callable[[_Result], None]) -> list[_Result]:
    found = []
    for result in results:
        seen(result)
        found.append(result)
    return found


_ENDED = (
    "a process ended before its work was done. Where memory ran out, ask for fewer processes; a script must keep what "
    'it does behind `if __name__ == "__main__":`, since every process reads it anew.'
)


def _begun(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began it is interrupted, and ends it
    if begin is not None:
        begin()
