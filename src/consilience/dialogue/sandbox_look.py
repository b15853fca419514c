"""What the inner side of the sandbox sees of its jobs: their processes, their memory, the files they leave.

It stands on the standard library only.
"""

# pathlib takes as long to load as a bare interpreter to start.
# ruff: noqa: PTH101, PTH104, PTH106, PTH108, PTH123, PTH208

from __future__ import annotations

import os
import resource
import stat
import time
from collections.abc import Iterable, Iterator

__all__ = [
    "descendants",
    "empty",
    "end_descendants",
    "identity",
    "over_tree",
    "processes",
    "proportional_mb",
    "read_regular",
    "resident_mb",
    "send_signal",
    "walk",
]

_KILL, _STOP = 9, 19
_DEEPEST = 3800
_PAGE_MB = resource.getpagesize() / 2**20


def send_signal(pid: int, number: int) -> None:
    """Send a signal, if there is anybody to get it."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def processes() -> list[int]:
    """Return all processes that can be seen from here."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants() -> list[int]:
    """Return all processes that this one started or adopted, as far as can be seen."""
    children: dict[int, list[int]] = {}
    try:
        numbers = processes()
    except OSError:
        return []
    for pid in numbers:
        try:
            with open(f"/proc/{pid}/stat", "rb") as line:
                parent = int(line.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def end_descendants() -> None:
    """Stop all before ending any: who is stopped starts no successor, and still counts against the limit."""
    seen: list[int] | None = None
    while True:
        found = descendants()
        if not found:
            return
        for pid in found:
            send_signal(pid, _STOP if found != seen else _KILL)
        if found == seen:
            _reap(found)
        seen = found


def _reap(ended: Iterable[int]) -> None:
    deadline = time.monotonic() + 0.5
    left = set(ended)
    while left and time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        left.discard(pid)
        if pid == 0:
            time.sleep(0.001)


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds, pages that it shares included, in MB."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as line:
            return int(line.read().split()[1]) * _PAGE_MB
    except (OSError, IndexError):
        return 0.0


def proportional_mb(pid: int) -> float:
    """Return the memory that a process holds, its part of the pages that it shares, in MB; dear to ask."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as lines:
            for line in lines:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        return resident_mb(pid)
    return 0.0


def walk(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield all that is beneath a folder, without following links, in order."""
    waiting = [folder]
    while waiting:
        try:
            entries = sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name)
        except OSError:
            # Removed meanwhile, or too deep for a path: what is there counts for the limits where it was made.
            continue
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def identity(folder: str) -> tuple[int, int]:
    """Return what a folder is, whatever its path may have been made to lead to; OSError where it leads to no folder."""
    about = os.lstat(folder)
    if not stat.S_ISDIR(about.st_mode):
        raise NotADirectoryError(f"{folder} is no folder any more")
    return about.st_dev, about.st_ino


def empty(folder: str) -> None:
    """Remove all that is in a folder, whatever its rights; what is too deep for a path is brought up."""
    fresh = 0
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):
                if not inner.is_dir(follow_symlinks=False):
                    os.unlink(inner.path)
                    continue
                os.chmod(inner.path, 0o700)
                while os.path.lexists(f"{folder}/{fresh}"):
                    fresh += 1
                os.rename(inner.path, f"{folder}/{fresh}")
            os.rmdir(entry.path)


def over_tree(folder: str, *, megabytes: float, files: float) -> bool:
    """Whether there is more beneath a folder than there may be, or deeper than can be seen."""
    size = count = 0
    for entry in walk(folder):
        count += 1
        try:
            size += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
        if size > megabytes * 2**20 or count > files or len(os.fsencode(entry.path)) > _DEEPEST:
            return True
    return False


def read_regular(path: str, most: int) -> bytes | None:
    """Return what is in a file, or None where it is none, or larger than that."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            return None
        with open(file, "rb", closefd=False) as content:
            return content.read()
    finally:
        os.close(file)
