"""Keeping: what was read of a file is kept until the file changes, so that pages asked for often cost little."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

__all__ = ["kept", "stamp_of"]

T = TypeVar("T")

MOST_KEPT = 512
"""Files of which what was read is kept; the one that was not asked for longest goes first."""
MOST_KEPT_BYTES = 2**27
"""Of all these files together, but for the latest; what they become in memory is several times as large."""

_kept: OrderedDict[tuple[str, Path], tuple[tuple[int, ...], Any]] = OrderedDict()
_lock = Lock()


def kept(path: Path, read: Callable[[Path], T]) -> T:
    """Return what `read` makes of a file, from memory if the file is as it was.

    Parameters
    ----------
    path
        The file; it need not be there.
    read
        A function of a module: it is known by its name.
    """
    key = (f"{read.__module__}.{read.__qualname__}", path)
    stamp = stamp_of(path)
    with _lock:
        if key in _kept and _kept[key][0] == stamp:
            _kept.move_to_end(key)
            known: T = _kept[key][1]
            return known
    found = read(path)
    with _lock:
        _kept[key] = (stamp, found)  # as it was before it was read: what came since is read the next time
        _kept.move_to_end(key)
        while len(_kept) > 1 and (len(_kept) > MOST_KEPT or _kept_bytes() > MOST_KEPT_BYTES):
            _kept.popitem(last=False)
    return found


def _kept_bytes() -> int:
    return sum(stamp[1] for stamp, _ in _kept.values() if stamp)


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a file does; none where there is no file.

    Examples
    --------
    >>> stamp_of(Path("no such file"))
    ()
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
