"""Independent work done here or in several processes, so that results do not depend on how it is shared."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Thread
from typing import TypeVar

__all__ = ["ProcessEnded", "beside", "kept", "shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_Begin = Callable[[], None] | None


class ProcessEnded(RuntimeError):
    """A process that work was shared with ended before the work was done."""


def shared(
    job: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    processes: int,
    *,
    begin: _Begin = None,
    seen: Callable[[_Result], None] = lambda _: None,
) -> list[_Result]:
    """Do jobs here, or in several processes, and return their results in order.

    The processes are begun anew, unless they are `kept`. An interrupt ends all of them, and so does the first job that
    fails.

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
    ProcessEnded
        If a process could not be begun, or ended before its work was done: the calling script has no guard of its main
        module, or memory ran out. One that ends while others work may be noticed only when one of them is done.

    Examples
    --------
    >>> shared(abs, [-2, 3], 1)
    [2, 3]
    """
    if processes == 1 or len(jobs) <= 1:
        return _collected(map(job, jobs), seen)
    # Of those that stay, the next may need more; none is begun before there is a job for it.
    with _lent(processes, begin) as pool:
        # Not the pool's `map`: where one fails, it calls the others off, of which the pool's own thread knows nothing.
        futures = [pool.submit(job, each) for each in jobs]
        return _collected((future.result() for future in futures), seen)


@contextmanager
def beside(job: Callable[[], _Result], *, begin: _Begin = None) -> Iterator[Callable[[], _Result]]:
    """Do one thing in a process of its own while the block runs, which is given what waits for the result.

    Parameters
    ----------
    job
        Picklable, as is the result.
    begin
        What the process does first.

    Raises
    ------
    ProcessEnded
        As `shared`.

    Examples
    --------
    >>> from functools import partial
    >>> with beside(partial(abs, -2)) as result:
    ...     result()
    2
    """
    with _pool(1, begin) as pool:
        yield pool.submit(job).result


@contextmanager
def kept() -> Iterator[None]:
    """Let the processes of `shared` stay until the block ends, so that each reads its modules once.

    Jobs must not hang on what an earlier one left in its process; seeds, threads and files of their own see to that.
    In another thread, and for `beside`, processes are begun as ever.

    Examples
    --------
    >>> with kept():
    ...     shared(abs, [-2, 3], 2), shared(abs, [-4, 5], 2)
    ([2, 3], [4, 5])
    """
    if _KEPT.get() is not None:
        yield
        return
    crews: dict[tuple[int, _Begin], _Crew] = {}
    mark = _KEPT.set(crews)
    try:
        yield
    finally:
        _KEPT.reset(mark)
        for crew in crews.values():
            crew.pool.shutdown()


class _Crew:
    """A pool with the processes that it has begun, which it would not tell."""

    def __init__(self, processes: int, begin: _Begin) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begun, initargs=(begin,))
        self._own: set[multiprocessing.process.BaseProcess] = set()

    @contextmanager
    def at_work(self) -> Iterator[ProcessPoolExecutor]:
        """Lend the pool, and end its processes when the block is left by an error, whatever they are at."""
        others = set(multiprocessing.active_children()) - self._own
        try:
            yield self.pool
        except BaseException as error:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ProcessEnded(_ENDED) from error
            raise
        finally:
            self._own = set(multiprocessing.active_children()) - others


_KEPT: ContextVar[dict[tuple[int, _Begin], _Crew] | None] = ContextVar("_KEPT", default=None)
"""Those that stay, by how many there may be and how they begin."""


@contextmanager
def _lent(processes: int, begin: _Begin) -> Iterator[ProcessPoolExecutor]:
    """Lend a pool of those that stay; one of its own where none do."""
    crews = _KEPT.get()
    if crews is None:
        with _pool(processes, begin) as pool:
            yield pool
        return
    key = processes, begin
    if key not in crews:
        crews[key] = _Crew(processes, begin)
    try:
        with crews[key].at_work() as pool:
            yield pool
    except BaseException:
        crews.pop(key).pool.shutdown()
        raise


@contextmanager
def _pool(processes: int, begin: _Begin) -> Iterator[ProcessPoolExecutor]:
    """Lend a pool that ends with the block."""
    crew = _Crew(processes, begin)
    with crew.pool, crew.at_work() as pool:
        yield pool


_ENDED = (
    "a process ended before its work was done. Where memory ran out, ask for fewer processes; a script must keep what "
    'it does behind `if __name__ == "__main__":`, since every process reads it anew; what else it was is told above.'
)


def _collected(results: Iterable[_Result], seen: Callable[[_Result], None]) -> list[_Result]:
    found = []
    for result in results:
        seen(result)
        found.append(result)
    return found


def _begun(begin: _Begin) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began it is interrupted, and ends it
    Thread(target=_end_with_whoever_began, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_whoever_began() -> None:
    """Wait for the process that began this one, and end with it: one that is killed ends nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
