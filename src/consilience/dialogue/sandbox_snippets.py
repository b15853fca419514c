"""Thousands of short programs behind walls that stay: a process each, a few milliseconds each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from consilience.dialogue.sandbox_box import Box, Job, Plan
from consilience.dialogue.sandbox_terms import (
    Outcome,
    SandboxLimits,
    Variables,
    checked_files,
    checked_variables,
    existing_paths,
    known_means,
    known_walls,
    outcome_of,
)
from consilience.ground.errors import InvalidInput

__all__ = ["Snippets", "cancellable", "demand"]

_CLOSED = "expected an open pool; this one was closed; make another"


class Snippets:
    r"""A pool of sandboxes that stay, for thousands of short Python programs: a process and a folder each.

    A snippet starts in a process copied from an interpreter that is already there, several times faster than starting
    one. It sees no other's memory, files or processes: what the last one left is ended and dropped before the next
    starts. All of one sandbox have the seed of string hashes in common.

    Parameters
    ----------
    workers
        How many run at once.
    limits
        What each may use.
    preload
        Modules of the standard library that are loaded once for all.
    readable, require, without
        As for `run`.

    Examples
    --------
    >>> with Snippets(workers=1) as snippets:
    ...     [snippets.run(f"print({n} ** 2)").stdout for n in (2, 3)]
    [b'4\n', b'9\n']
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        limits: SandboxLimits | None = None,
        preload: Sequence[str] = ("collections", "functools", "itertools", "json", "math", "random", "re"),
        readable: Sequence[str | Path] = (),
        require: Collection[str] = (),
        without: Collection[str] = (),
    ) -> None:
        if workers < 1:
            raise InvalidInput(f"expected at least 1 worker; got {workers}")
        self._plan = Plan(
            limits=asdict(limits or SandboxLimits()),
            readable=existing_paths(readable),
            without=known_means(without),
            preload=tuple(preload),
            collect=False,
        )
        self._required = known_walls(require)
        self._free = threading.Semaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="snippets")
        self._lock = threading.Lock()
        self._idle: list[Box] = []
        self._busy: set[Box] = set()
        self._closed = False

    def run(
        self,
        code: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        stdin: bytes = b"",
        env: Variables = (),
    ) -> Outcome:
        """Run Python as a main module beside its files; changed files are not returned.

        Raises
        ------
        InvalidInput
            If the pool is closed, a required wall cannot stand here, or a path leaves the folder.
        """
        return self._run(self._job(code, files, stdin, env), lambda _: None)

    async def run_async(
        self,
        code: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        stdin: bytes = b"",
        env: Variables = (),
    ) -> Outcome:
        """Do as `run` does, beside other tasks; a task that is cancelled ends the snippet before it goes.

        Snippets wait in threads of the pool's own: those of the loop also look up the names of servers.
        """
        job = self._job(code, files, stdin, env)
        if self._has_closed():
            raise InvalidInput(_CLOSED)
        return await cancellable(lambda started: self._run(job, started), self._threads)

    def close(self) -> None:
        """Take all sandboxes down; what runs in one of them ends as killed."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for box in self._busy:
                box.abort()
        for box in idle:
            box.close()
        self._threads.shutdown(wait=False)

    def __enter__(self) -> Snippets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _job(
        self,
        code: str,
        files: Mapping[str, str | bytes] | None,
        stdin: bytes,
        env: Variables,
    ) -> Job:
        try:
            code.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"expected code that is Unicode text; got a lone surrogate at {error.start}") from None
        return Job(
            code=code, files=checked_files(files or {}, self._plan.limits), stdin=stdin, env=checked_variables(env)
        )

    def _run(self, job: Job, started: Callable[[Box], None]) -> Outcome:
        with self._free:
            box = self._take()
            try:
                started(box)
                raw = box.run(job)
            except BaseException:
                box.broken = True
                raise
            finally:
                self._give(box)
        return outcome_of(raw, job, box.walls, self._plan.limits)

    def _take(self) -> Box:
        with self._lock:
            if self._closed:
                raise InvalidInput(_CLOSED)
            box = self._idle.pop() if self._idle else None
        if box is None:
            box = Box(self._plan)
            demand(self._required, box)
        with self._lock:
            self._busy.add(box)
        if self._has_closed():
            box.abort()
        return box

    def _has_closed(self) -> bool:
        """Whether the pool was closed meanwhile."""
        with self._lock:
            return self._closed

    def _give(self, box: Box) -> None:
        with self._lock:
            self._busy.discard(box)
            kept = not box.broken and not self._closed
            if kept:
                self._idle.append(box)
        if not kept:
            box.close()


def demand(required: frozenset[str], box: Box) -> None:
    """Close a box that lacks a required wall, and say which."""
    missing = sorted(required - box.walls.keys())
    if missing:
        box.close()
        raise InvalidInput(
            f"expected the walls {', '.join(sorted(required))}; {', '.join(missing)} cannot stand here; "
            "run where namespaces are allowed, or require less"
        )


async def cancellable(work: Callable[[Callable[[Box], None]], Outcome], threads: Executor | None = None) -> Outcome:
    """Wait for work in a thread, of the loop's if None; on cancelling, end its box first, so that nothing is left."""
    running: list[Box] = []
    cancelled = threading.Event()

    def started(box: Box) -> None:
        running.append(box)
        if cancelled.is_set():
            box.abort()

    waiting = asyncio.get_running_loop().run_in_executor(threads, work, started)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        cancelled.set()
        for box in running:
            box.abort()
        await asyncio.wait([waiting])
        waiting.exception()
        raise
