"""Places: which folders below the one that is looked at hold a run, and which files of them may be seen."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["IMAGES", "Absent", "Place", "Places", "content_of", "is_plain"]

Kind = Literal["measured", "agents", "pictures"]
"""What a folder holds: a run of the laboratory, a run of agents, or nothing but pictures."""

IMAGES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
"""Endings of what is shown as a picture."""

DEPTH = 5
"""Folders below the one that is looked at, at most."""
MOST_ENTRIES = 50_000
"""Files and folders that are looked at, at most."""

MOST_BYTES = 2**28
"""Of a file that is read whole, at most."""

_OF_A_MEASURED_RUN = frozenset({"journal.jsonl", "report.json", "steps"})
_OF_A_RUN_OF_AGENTS = frozenset({"transcript.jsonl", "journal.sqlite", "result.json"})


class Absent(ConsilienceError, LookupError):
    """There is nothing to be seen by that name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that holds a run."""

    path: Path
    """Where it lies."""
    name: str
    """Its path below the folder that is looked at, with slashes; empty for that folder itself."""
    kind: Kind
    """What it holds."""

    @property
    def address(self) -> str:
        """Its name as it stands in an address.

        Examples
        --------
        >>> Place(Path("runs/a b"), "a b", "measured").address
        'a%20b'
        """
        return quote(os.fsencode(self.name))


class Places:
    """The folders with runs below one folder.

    Parameters
    ----------
    root
        The folder that is looked at; it may be a run itself.

    Raises
    ------
    InvalidInput
        If there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> from consilience.ground import RunFolder
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     folder = RunFolder(Path(scratch) / "circles" / "smoke-seed0")
    ...     folder.record("run begins")
    ...     _ = folder.write("config.toml", "# circles")
    ...     [(place.name, place.kind) for place in Places(scratch)]
    [('circles/smoke-seed0', 'measured')]
    """

    def __init__(self, root: Path | str) -> None:
        if not Path(root).is_dir():
            raise InvalidInput(f"expected a folder with runs; there is no folder {root}: name the --runs of reproduce")
        self.root = Path(root).resolve()

    def __iter__(self) -> Iterator[Place]:
        """Find every run, in the order of names."""
        left = [MOST_ENTRIES]
        yield from sorted(self._below(self.root, DEPTH, left), key=lambda place: place.name)

    def run(self, name: str) -> Place:
        """Return the run of that name.

        Raises
        ------
        Absent
            If there is none.
        """
        path = self._inside(name)
        kind = _kind(_names(path)) if path.is_dir() else None
        if kind is None:
            raise Absent(f"there is no run {name!r}; it may have been moved or taken away")
        return self._place(path, kind)

    def file(self, name: str, suffixes: tuple[str, ...]) -> Path:
        """Return a file of a run.

        Parameters
        ----------
        name
            Its path below the folder that is looked at.
        suffixes
            Endings of what may be seen.

        Raises
        ------
        Absent
            If there is none, it is hidden, it lies in no run, or a link leads out of the folder.
        """
        path = self._inside(name)
        if path.suffix.lower() not in suffixes or not path.is_file() or not self._in_a_run(path):
            raise Absent(f"there is no file {name!r} to be seen")
        return path

    def _in_a_run(self, file: Path) -> bool:
        above = [folder for folder in file.parents if folder.is_relative_to(self.root)]
        return any(_kind(_names(folder)) is not None for folder in above)

    def _inside(self, name: str) -> Path:
        if "\0" in name or any(part.startswith(".") for part in name.split("/")):
            raise Absent(f"there is nothing by the name {name!r}")
        try:
            path = (self.root / name.strip("/")).resolve()
            path.stat()
        except (OSError, RuntimeError):
            raise Absent(f"there is nothing by the name {name!r}") from None
        if not path.is_relative_to(self.root):
            raise Absent(f"there is nothing by the name {name!r}")
        return path

    def _place(self, path: Path, kind: Kind) -> Place:
        name = path.relative_to(self.root).as_posix()
        return Place(path, "" if name == "." else name, kind)

    def _below(self, folder: Path, depth: int, left: list[int]) -> Iterator[Place]:
        entries = _entries(folder)
        left[0] -= len(entries)
        kind = _kind({entry.name for entry in entries})
        if kind is not None and (kind != "pictures" or folder != self.root):
            yield self._place(folder, kind)
        if kind in ("measured", "agents") or depth == 0:
            return
        for entry in entries:
            if left[0] > 0 and not entry.name.startswith(".") and _is_folder(entry):
                yield from self._below(Path(entry.path), depth - 1, left)


def is_plain(path: Path) -> bool:
    """Whether a file lies where its path says, neither it nor its folder being a link to another place."""
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()


def content_of(path: Path) -> bytes:
    """Return what a file of a run holds, which must lie where its path says.

    Raises
    ------
    OSError
        If there is none, it is a link or no plain file, no file can have its name, or it is too large to be read whole.
    """
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, "its folder is a link to another place")
    try:
        # A pipe would keep whoever opens it waiting, a device would never end.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have its name") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link to another place") from error
        raise
    with os.fdopen(opened, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        if found.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES / 2**20:.0f} MiB")
        return stream.read(MOST_BYTES)


def _kind(names: set[str]) -> Kind | None:
    """Say what a folder holds, by the names in it."""
    if "config.toml" in names and names & _OF_A_MEASURED_RUN:
        return "measured"
    if "run.json" in names and names & _OF_A_RUN_OF_AGENTS:
        return "agents"
    if any(name.lower().endswith(IMAGES) and not name.startswith(".") for name in names):
        return "pictures"
    return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in _entries(folder)}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
