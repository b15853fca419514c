"""Files of exports: opened with care, since somebody else made them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from consilience.ground.errors import InvalidInput

__all__ = ["MOST_BYTES", "Folder", "Text", "decoded", "opened", "read_bytes"]

MOST_BYTES = 2_000_000_000
"""Bytes of an export, unpacked."""
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the reader of archives raises where something is wrong with one."""
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Text:
    """A file as text."""

    told: str
    """What it says."""
    cut_off: bool = False
    """Whether it ends within a letter."""
    notes: tuple[str, ...] = ()
    """What had to be assumed."""


class Folder:
    """The files of a folder or an archive, by their path within it; each is read when it is asked for.

    Parameters
    ----------
    path
        Of the folder, or of a zip file.

    Raises
    ------
    InvalidInput
        When it is neither, or an archive that is cut off or larger than any export.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive = None if path.is_dir() else _archive(path)
        self._names = tuple(sorted(self._list()))

    def _list(self) -> Iterator[str]:
        if self._archive is None:
            for each in self._path.rglob("*"):
                if each.is_file() and not each.is_symlink():
                    yield each.relative_to(self._path).as_posix()
            return
        for info in self._archive.infolist():
            if not info.is_dir() and not info.filename.startswith("__MACOSX/"):
                yield info.filename

    def __getitem__(self, name: str) -> bytes:
        """Return the bytes of a file."""
        if name not in self._names:
            raise KeyError(name)
        if self._archive is None:
            return read_bytes(self._path / name)
        try:
            return self._archive.read(name)
        except _DAMAGE as error:
            raise InvalidInput(f"{self._path.name} must be a whole zip file; {name}: {error}: export again") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def named(self, name: str) -> str | None:
        """Return the path of the file of a name that lies the least deep, None where there is none."""
        found = [each for each in self._names if PurePosixPath(each).name == name]
        return min(found, key=lambda each: (each.count("/"), each), default=None)

    def ending(self, suffix: str) -> list[str]:
        """Return the paths that end so."""
        return [each for each in self._names if each.lower().endswith(suffix)]


def _archive(path: Path) -> zipfile.ZipFile:
    data = io.BytesIO(read_bytes(path))
    try:
        archive = zipfile.ZipFile(data)
    except _DAMAGE as error:
        raise InvalidInput(f"{path.name} must be a whole zip file; {error}: copy or export it again") from error
    if (size := sum(info.file_size for info in archive.infolist())) > MOST_BYTES:
        raise InvalidInput(f"an export must unpack to at most {MOST_BYTES:,} bytes; {path.name} has {size:,}")
    return archive


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises
    ------
    InvalidInput
        When it cannot be read, or is larger than any export.
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InvalidInput(f"an export must have at most {MOST_BYTES:,} bytes; {path.name} has {size:,}: split it")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"an export must be a file that can be read; {path}: {error.strerror}") from error


def opened(path: Path, inside: str) -> tuple[bytes, str]:
    """Return the bytes of an export and what it is called: the file itself, or the one inside an archive or a folder.

    Parameters
    ----------
    path
        Of the file, archive or folder.
    inside
        Name of the file in it, or its ending where only one ends so.

    Raises
    ------
    InvalidInput
        When there is no such file in it.
    """
    if not path.is_dir() and not zipfile.is_zipfile(path):
        return read_bytes(path), path.stem
    folder = Folder(path)
    name = folder.named(inside)
    if name is None:
        ending = folder.ending(PurePosixPath(inside).suffix)
        if len(ending) != 1:
            raise InvalidInput(
                f"{path.name} must hold {inside}; it holds {len(ending)} files that end so: name the one to read"
            )
        name = ending[0]
    return folder[name], path.stem


def decoded(data: bytes) -> Text:
    """Return bytes as text: UTF-8, UTF-16 with a mark, or else as Windows wrote it in the West.

    Examples
    --------
    >>> decoded("Zoë".encode())
    Text(told='Zoë', cut_off=False, notes=())
    >>> decoded("Zoë".encode()[:-1])
    Text(told='Zo', cut_off=True, notes=())
    """
    if (mark := _MARKS.get(data[:2])) is not None:
        told = data[2:].decode(mark, "ignore")
        return Text(told, len(data) % 2 == 1)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Text(data.decode())
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return Text(data[: error.start].decode(), cut_off=True)
    return Text(data.decode("cp1252", "replace"), notes=("the file is not UTF-8; it was read as Windows-1252",))
