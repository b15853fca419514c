"""Reading: files of others whole, but none that would fill the memory."""

from __future__ import annotations

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
        If it cannot be read, or is larger than `LARGEST`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{what}; {path}: {error.strerror or error}") from error
    if len(content) > LARGEST:
        raise InvalidInput(f"{path} has more than {LARGEST:,} bytes; split it into several files")
    return content


def lines_in(content: bytes) -> list[str]:
    r"""Return the lines of UTF-8 text, with or without the mark of its beginning; what is no UTF-8 is replaced.

    Examples
    --------
    >>> lines_in(b"\xef\xbb\xbfone\ntwo\xff")
    ['one', 'two�']
    """
    return content.decode("utf-8-sig", "replace").split("\n")
