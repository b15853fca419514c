"""Independent work done here or in several processes, so that results do not depend on how it is shared."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

__all__ = ["ProcessEnded", "beside", "kept", "shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_Begin = Callable[[], None] | None

_PATIENCE_S = 2.0
"""For a process that is ended to give back what it holds."""


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
        What each of several processes does first. Those that are kept are told apart by it: give the same function.
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
    What changes here after a process began, such as the environment, it does not hear of. In another thread or process,
    and for `beside`, processes are begun as ever.

    Examples
    --------
    >>> with kept():
    ...     shared(abs, [-2, 3], 2), shared(abs, [-4, 5], 2)
    ([2, 3], [4, 5])
    """
    if _crews() is not None:
        yield
        return
    crews: dict[tuple[int, _Begin], _Crew] = {}
    _HERE.kept = os.getpid(), crews
    try:
        yield
    finally:
        _HERE.kept = None
        for crew in crews.values():
            crew.pool.shutdown()


_HERE = threading.local()
"""Of a thread under ``kept``: its process, and what it keeps, by how many there may be and how they begin."""


def _crews() -> dict[tuple[int, _Begin], _Crew] | None:
    """Return what this thread keeps; a forked process has no part in what it inherits."""
    owner, crews = getattr(_HERE, "kept", None) or (None, None)
    return crews if owner == os.getpid() else None


class _Context(SpawnContext):
    """Begins processes anew, and knows which, as a pool would not tell."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[BaseProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802  the library's
        """Make a process, which the pool then starts."""
        process = SpawnProcess(*args, **kwargs)
        self.begun.append(process)
        return process


class _Crew:
    """A pool with the processes that it has begun."""

    def __init__(self, processes: int, begin: _Begin) -> None:
        self._context = _Context()
        self.pool = ProcessPoolExecutor(processes, mp_context=self._context, initializer=_begun, initargs=(begin,))

    @property
    def whole(self) -> bool:
        """Whether nobody is missing: one that idles may be killed too, where memory runs out."""
        return all(process.is_alive() for process in self._context.begun)

    @contextmanager
    def at_work(self) -> Iterator[ProcessPoolExecutor]:
        """Lend the pool, and end its processes when the block is left by an error, whatever they are at."""
        try:
            yield self.pool
        except BaseException as error:
            self._end()
            if isinstance(error, BrokenProcessPool):
                raise ProcessEnded(_ENDED) from error
            raise

    def _end(self) -> None:
        """End the processes: in order if they hear of it soon, and if not, as they are."""
        left = {process.sentinel: process for process in self._context.begun if process.is_alive()}
        for process in left.values():
            process.terminate()
        until = time.monotonic() + _PATIENCE_S
        while left and (ended := wait(list(left), until - time.monotonic())):
            for sentinel in ended:
                del left[sentinel]  # type: ignore[arg-type]  # of what it was given, it returns some
        for process in left.values():
            process.kill()


@contextmanager
def _lent(processes: int, begin: _Begin) -> Iterator[ProcessPoolExecutor]:
    """Lend a pool of those that stay; one of its own where none do."""
    crews = _crews()
    if crews is None:
        with _pool(processes, begin) as pool:
            yield pool
        return
    key = processes, begin
    if key in crews and not crews[key].whole:
        crews.pop(key).pool.shutdown()
    if key not in crews:
        crews[key] = _Crew(processes, begin)
    crew = crews[key]
    try:
        with crew.at_work() as pool:
            yield pool
    except BaseException:
        if crews.get(key) is crew:
            del crews[key]
        crew.pool.shutdown()
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
    signal.signal(signal.SIGTERM, _end_in_order)
    threading.Thread(target=_end_with_whoever_began, daemon=True).start()
    if begin is not None:
        begin()


def _end_in_order(*_: object) -> None:
    """End at once, but give back semaphores, such as a progress bar's lock, which would be reported as leaked."""
    multiprocessing.util._exit_function()  # type: ignore[attr-defined]  # noqa: SLF001  what the library does at the end of a process
    os._exit(1)


def _end_with_whoever_began() -> None:
    """Wait for the process that began this one, and end with it: one that is killed ends nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
