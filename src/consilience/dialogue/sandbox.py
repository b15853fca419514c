"""A sandbox for programs that a language model wrote: limited, cut off, ended for certain, and honest about its walls.

Nothing but the kernel of Linux is needed: namespaces give a program a network without ways out, processes of its own and a
view of its own files; a filter of system calls and Landlock close what namespaces leave open, and stand in where a machine
forbids them. Which walls stood is said with every outcome and by `walls`; what has to stand is demanded with ``require``.
"""

from __future__ import annotations

import asyncio
import math
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Literal

from consilience.dialogue.sandbox_box import Box, Job, Plan, Raw, SandboxFailed
from consilience.ground.errors import InvalidInput, UnknownName

__all__ = [
    "WALLS",
    "Outcome",
    "SandboxFailed",
    "SandboxLimits",
    "Snippets",
    "Status",
    "run",
    "run_async",
    "walls",
]

Status = Literal["done", "timeout", "memory", "killed", "refused"]
"""How it ended: by itself (whatever it returned); over the time of the clock or the processor; over its memory; ended for a
flood of output or of files, or together with the sandbox; or never started."""

WALLS: Mapping[str, str] = {
    "limits": "the kernel limits processor time, memory, files and processes",
    "time": "ended from outside when its time is over",
    "network": "reaches no machine and no socket, this machine's included",
    "files": "sees its own folder and, to read, the interpreter and the system's libraries and programs; nothing else",
    "processes": "sees no process but its own",
    "signals": "can send none to processes that are not its own",
    "privileges": "is not root, has no capabilities and cannot gain any",
    "calls": "system calls that reach beyond walls are refused",
    "orphans": "whatever it started ends with it, daemons too",
    "memory": "the memory of all its processes together is watched",
    "tree": "size and number of its files are limited",
}
"""What each wall holds."""

_MEANS = ("namespaces", "users", "landlock", "calls")
_OUT_OF_MEMORY = re.compile(rb"(?m)^MemoryError\b")
_OVER_PROCESSOR_TIME = -24


@dataclass(frozen=True, kw_only=True)
class SandboxLimits:
    """What a program may use.

    Examples
    --------
    >>> SandboxLimits(wall_s=1).memory_mb
    512
    """

    wall_s: float = 5
    """Seconds by the clock."""
    cpu_s: float = 5
    """Seconds of processor of each process, rounded up to whole ones."""
    memory_mb: float = 512
    """Address space of each process, and resident memory of all together, in MB."""
    processes: int = 16
    """Processes and threads at once."""
    file_mb: float = 16
    """Size of each file, in MB."""
    tree_mb: float = 64
    """Size of all files together, in MB."""
    files: int = 1000
    """Number of files and folders."""
    output_kb: float = 256
    """What is kept of standard output, and as much of standard error, in kB; 16 times as much ends the program."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InvalidInput(f"expected a positive, finite `{each.name}`; got {value!r}; name a limit")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a program."""

    status: Status
    """How it ended."""
    returncode: int
    """What it returned, or minus the signal that ended it; 127 where it was never started."""
    stdout: bytes
    """The beginning of its standard output."""
    stderr: bytes
    """The beginning of its standard error."""
    truncated: bool
    """Whether there was more output than was kept."""
    wall_s: float
    """Seconds by the clock."""
    cpu_s: float
    """Seconds of processor, of all its processes; 0 where the sandbox had to be ended from outside."""
    peak_memory_mb: float
    """Most resident memory seen, in MB; 0 where the sandbox had to be ended from outside."""
    walls: tuple[str, ...]
    """The walls that stood, of `WALLS`."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Regular files that are new or changed, by relative path."""
    reason: str = ""
    """Why it was ended or never started, in words; empty where it ended by itself."""

    @property
    def ok(self) -> bool:
        """Whether it ended by itself and returned 0."""
        return self.status == "done" and self.returncode == 0


def run(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    *,
    limits: SandboxLimits | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    readable: Sequence[str | Path] = (),
    require: Collection[str] = (),
    without: Collection[str] = (),
) -> Outcome:
    r"""Run a program that nobody has to trust, and say what came of it.

    Parameters
    ----------
    files
        The files it finds in the folder it starts in, by relative path.
    command
        Program and arguments; ``"python"`` is the interpreter of the caller, without the packages of its environment.
        No shell reads it.
    limits
        What it may use; `SandboxLimits` if left out.
    stdin
        What it reads from standard input.
    env
        Variables beside PATH, HOME and LANG; nothing of the caller's environment is passed on.
    readable
        Paths that it may read beside the interpreter and the system's libraries and programs, such as a folder of packages.
    require
        Walls, of `WALLS`, without which it is not to be run.
    without
        Means that are not to be used: ``"namespaces"`` (or only those of ``"users"``), ``"landlock"``, ``"calls"``.

    Raises
    ------
    InvalidInput
        If a required wall cannot stand here, a path leaves the folder, or the command is not a sequence of words.
    SandboxFailed
        If no sandbox can be built at all.

    Examples
    --------
    >>> outcome = run({"main.py": "print(6 * 7)"}, ["python", "main.py"])
    >>> outcome.status, outcome.returncode, outcome.stdout
    ('done', 0, b'42\n')
    """
    job, plan = _prepared(files, command, limits or SandboxLimits(), stdin, env, readable, without)
    return _run_alone(job, plan, _known(require), lambda _: None)


async def run_async(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    *,
    limits: SandboxLimits | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    readable: Sequence[str | Path] = (),
    require: Collection[str] = (),
    without: Collection[str] = (),
) -> Outcome:
    """Do as `run` does, beside other tasks; a task that is cancelled ends the program before it goes.

    Each program waits in a thread of the loop's default executor, which therefore bounds how many run at once.
    """
    job, plan = _prepared(files, command, limits or SandboxLimits(), stdin, env, readable, without)
    required = _known(require)
    return await _cancellable(lambda started: _run_alone(job, plan, required, started))


def walls(*, without: Collection[str] = ()) -> dict[str, str]:
    """Say which walls stand on this machine, and by which means.

    Examples
    --------
    >>> "limits" in walls()
    True
    """
    return dict(_standing(_known_means(without)))


@cache
def _standing(without: frozenset[str]) -> Mapping[str, str]:
    box = Box(Plan(limits=asdict(SandboxLimits()), without=without))
    box.close()
    return box.walls


class Snippets:
    r"""A pool of sandboxes that stay, for thousands of short Python programs: each gets a process and a folder of its own.

    A snippet starts in a process copied from an interpreter that is already there, which is several times faster than
    starting one. It sees no other's memory, files or processes: what the last one left is ended and dropped before the
    next one starts.

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
            readable=_paths(readable),
            without=_known_means(without),
            preload=tuple(preload),
            collect=False,
        )
        self._required = _known(require)
        self._free = threading.Semaphore(workers)
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
        env: Mapping[str, str] | Iterable[tuple[str, str]] = (),
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
        env: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Outcome:
        """Do as `run` does, beside other tasks; a task that is cancelled ends the snippet before it goes."""
        job = self._job(code, files, stdin, env)
        return await _cancellable(lambda started: self._run(job, started))

    def close(self) -> None:
        """Take all sandboxes down; what runs in one of them ends as killed."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for box in self._busy:
                box.abort()
        for box in idle:
            box.close()

    def __enter__(self) -> "Snippets":
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
        env: Mapping[str, str] | Iterable[tuple[str, str]],
    ) -> Job:
        try:
            code.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"expected code that is Unicode text; got a lone surrogate at {error.start}") from None
        return Job(code=code, files=_checked(files or {}, self._plan.limits), stdin=stdin, env=_variables(env))

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
        return _outcome(raw, job, box.walls, self._plan.limits)

    def _take(self) -> Box:
        with self._lock:
            if self._closed:
                raise InvalidInput("expected an open pool; this one was closed; make another")
            box = self._idle.pop() if self._idle else None
        if box is None:
            box = Box(self._plan)
            _demand(self._required, box)
        with self._lock:
            self._busy.add(box)
            closed = self._closed
        if closed:
            box.abort()
        return box

    def _give(self, box: Box) -> None:
        with self._lock:
            self._busy.discard(box)
            kept = not box.broken and not self._closed
            if kept:
                self._idle.append(box)
        if not kept:
            box.close()


# --- what goes in --------------------------------------------------------------------------------------------------


def _prepared(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    limits: SandboxLimits,
    stdin: bytes,
    env: Mapping[str, str] | Iterable[tuple[str, str]],
    readable: Sequence[str | Path],
    without: Collection[str],
) -> tuple[Job, Plan]:
    if (
        isinstance(command, str)
        or not command
        or not all(isinstance(word, str) and "\0" not in word for word in command)
    ):
        raise InvalidInput(f"expected a command as a sequence of words, such as ['python', 'main.py']; got {command!r}")
    plan = Plan(limits=asdict(limits), readable=_paths(readable), without=_known_means(without))
    job = Job(files=_checked(files, plan.limits), command=tuple(command), stdin=stdin, env=_variables(env))
    return job, plan


def _checked(files: Mapping[str, str | bytes], limits: Mapping[str, float]) -> dict[str, bytes]:
    checked = {}
    for name, content in files.items():
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or name.endswith("/"):
            raise InvalidInput(f"expected a relative path within the folder; got {name!r}; leave out '/' and '..'")
        checked[str(path)] = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
    size = sum(len(content) for content in checked.values()) / 2**20
    if len(checked) > limits["files"] or size > limits["tree_mb"]:
        raise InvalidInput(
            f"expected at most {limits['files']:g} files and {limits['tree_mb']:g} MB; got {len(checked)} of {size:.1f} MB; "
            "raise `files` or `tree_mb`"
        )
    return checked


def _variables(env: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    variables = dict(env)
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidInput(f"expected a variable that an environment can hold; got {name!r}")
    return variables


def _paths(readable: Sequence[str | Path]) -> tuple[str, ...]:
    resolved = []
    for path in readable:
        if not Path(path).exists():
            raise InvalidInput(f"expected `readable` paths that exist; got {str(path)!r}")
        resolved.append(str(Path(path).resolve()))
    return tuple(resolved)


def _known(require: Collection[str]) -> frozenset[str]:
    for name in require:
        if name not in WALLS:
            raise UnknownName("wall", name, WALLS)
    return frozenset(require)


def _known_means(without: Collection[str]) -> frozenset[str]:
    for name in without:
        if name not in _MEANS:
            raise UnknownName("means of the sandbox", name, _MEANS)
    return frozenset(without)


# --- what comes out ------------------------------------------------------------------------------------------------


def _run_alone(job: Job, plan: Plan, required: frozenset[str], started: Callable[[Box], None]) -> Outcome:
    box = Box(plan)
    try:
        _demand(required, box)
        started(box)
        raw = box.run(job)
    finally:
        box.close()
    return _outcome(raw, job, box.walls, plan.limits)


def _demand(required: frozenset[str], box: Box) -> None:
    missing = sorted(required - box.walls.keys())
    if missing:
        box.close()
        raise InvalidInput(
            f"expected the walls {', '.join(sorted(required))}; {', '.join(missing)} cannot stand here; "
            "run where namespaces are allowed, or require less"
        )


async def _cancellable(work: Callable[[Callable[[Box], None]], Outcome]) -> Outcome:
    """Wait for work in a thread; on cancelling, end its box first, so that neither thread nor process is left."""
    running: list[Box] = []
    cancelled = threading.Event()

    def started(box: Box) -> None:
        running.append(box)
        if cancelled.is_set():
            box.abort()

    waiting = asyncio.ensure_future(asyncio.to_thread(work, started))
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        cancelled.set()
        for box in running:
            box.abort()
        await asyncio.wait([waiting])
        waiting.exception()
        raise


def _outcome(raw: Raw, job: Job, standing: Mapping[str, str], limits: Mapping[str, float]) -> Outcome:
    status, reason = _judged(raw, limits)
    changed = {name: content for name, content in raw.files.items() if job.files.get(name) != content}
    return Outcome(
        status=status,
        returncode=raw.returncode,
        stdout=raw.stdout,
        stderr=raw.stderr,
        truncated=raw.truncated,
        wall_s=raw.wall_s,
        cpu_s=raw.cpu_s,
        peak_memory_mb=raw.peak_mb,
        walls=tuple(name for name in WALLS if name in standing),
        files=changed,
        reason=reason,
    )


def _judged(raw: Raw, limits: Mapping[str, float]) -> tuple[Status, str]:
    if raw.verdict == 0 and raw.returncode == _OVER_PROCESSOR_TIME:
        return "timeout", f"a process was over {limits['cpu_s']:g} s of processor"
    if raw.verdict == 0 and raw.returncode != 0 and _OUT_OF_MEMORY.search(raw.stderr[-4000:]):
        return "memory", f"a process asked for more than {limits['memory_mb']:g} MB"
    told: dict[int, tuple[Status, str]] = {
        0: ("done", ""),
        1: ("timeout", f"over {limits['wall_s']:g} s by the clock"),
        2: ("memory", f"its processes held more than {limits['memory_mb']:g} MB"),
        3: ("killed", f"more than {limits['files']:g} files or {limits['tree_mb']:g} MB of them"),
        4: ("refused", raw.reason),
        5: ("killed", f"a flood of output, of which {limits['output_kb']:g} kB are kept"),
        6: ("killed", "the sandbox ended with it"),
    }
    return told[raw.verdict]
