"""Reading: files of others whole, packed by gzip or not, but none that would fill the memory."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["LARGEST", "content_of", "lines_in"]

LARGEST = 512 * 2**20
"""Bytes of a file at most: what is made of them takes a few times as much."""


def content_of(path: Path, what: str) -> bytes:
    """Return what is in a file.

    Parameters
    ----------
    path
        The file.
    what
        What was expected of it, for messages.

    Raises
    ------
    InvalidInput
        If it cannot be read, is larger than `LARGEST`, packed or not, or is text of another kind than UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{what}; {path}: {error.strerror or error}") from error
    if content.startswith(_GZIP):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidInput(f"{path} is gzip that cannot be unpacked: {error}; fetch it again") from error
    if len(content) > LARGEST:
        raise InvalidInput(f"{path} has more than {LARGEST:,} bytes; split it into several files")
    if content.startswith(_WIDE):
        raise InvalidInput(f"{path} must be text in UTF-8; it is UTF-16: save it as UTF-8")
    return content


def lines_in(content: bytes) -> list[str]:
    r"""Return the lines of UTF-8 text, with or without the mark of its beginning.

    In a line that is no UTF-8 the bytes are lone surrogates, by which whoever parses it knows to refuse it.

    Examples
    --------
    >>> lines_in(b"\xef\xbb\xbfone\ntwo\xff")
    ['one', 'two\udcff']
    """
    return content.decode("utf-8-sig", "surrogateescape").split("\n")


_GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
