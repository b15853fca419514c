"""What goes into the sandbox and what comes out: walls, limits, files, outcomes; and whether they can be meant."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Literal

from consilience.dialogue.sandbox_box import Job, Raw
from consilience.ground.errors import InvalidInput, UnknownName

__all__ = [
    "WALLS",
    "Outcome",
    "SandboxLimits",
    "Status",
    "Variables",
    "checked_files",
    "checked_variables",
    "existing_paths",
    "known_means",
    "known_walls",
    "outcome_of",
]

Variables = Mapping[str, str] | Iterable[tuple[str, str]]
"""Variables of an environment."""
Status = Literal["done", "timeout", "memory", "killed", "refused"]
"""How it ended: by itself (whatever it returned); over the time of the clock or the processor; over its memory; ended
for a flood of output or of files, or together with the sandbox; or never started."""

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
            if not 0 < value < math.inf:
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


def checked_files(files: Mapping[str, str | bytes], limits: Mapping[str, float]) -> dict[str, bytes]:
    """Return files by plain paths within the folder, as bytes; what leaves it or does not fit is refused."""
    checked = {}
    for name, content in files.items():
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or name.endswith("/"):
            raise InvalidInput(f"expected a relative path within the folder; got {name!r}; leave out '/' and '..'")
        checked[str(path)] = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
    size = sum(len(content) for content in checked.values()) / 2**20
    if len(checked) > limits["files"] or size > limits["tree_mb"]:
        raise InvalidInput(
            f"expected {limits['files']:g} files and {limits['tree_mb']:g} MB at most; "
            f"got {len(checked)} and {size:.1f} MB; raise `files` or `tree_mb`"
        )
    return checked


def checked_variables(env: Variables) -> dict[str, str]:
    """Return variables that an environment can hold."""
    variables = dict(env)
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidInput(f"expected a variable that an environment can hold; got {name!r}")
    return variables


def existing_paths(readable: Sequence[str | Path]) -> tuple[str, ...]:
    """Return paths that exist, resolved, for a view has no links to what is outside it."""
    resolved = []
    for path in readable:
        if not Path(path).exists():
            raise InvalidInput(f"expected `readable` paths that exist; got {str(path)!r}")
        resolved.append(str(Path(path).resolve()))
    return tuple(resolved)


def known_walls(require: Collection[str]) -> frozenset[str]:
    """Return names of `WALLS`; others are refused."""
    for name in require:
        if name not in WALLS:
            raise UnknownName("wall", name, WALLS)
    return frozenset(require)


def known_means(without: Collection[str]) -> frozenset[str]:
    """Return means that can be done without; others are refused."""
    for name in without:
        if name not in _MEANS:
            raise UnknownName("means of the sandbox", name, _MEANS)
    return frozenset(without)


def outcome_of(raw: Raw, job: Job, standing: Mapping[str, str], limits: Mapping[str, float]) -> Outcome:
    """Say what came of a job behind those walls."""
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
