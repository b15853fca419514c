"""How a journal keeps a text: once, under its digest, as UTF-8 that is squeezed where that makes it smaller.

Lone surrogates and zeros, which no database calls text, are kept as they came. To squeeze a text of 1.5 kB takes some
twenty microseconds and leaves less than half of it; the most thorough setting would take twice that for little more.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b

__all__ = ["decoded", "digest", "encoded", "kept"]

SHORT = 160
"""Texts of fewer bytes are kept as they are."""

_SQUEEZED = b"\xff"
"""Leads what was squeezed; no UTF-8 begins with it."""

_LONG = 4096
"""Bytes from which on a text gets the larger window and table: most of the time of a short one goes into clearing them,
and it needs no more."""

_WINDOW_BITS, _MEMORY = 13, 5
_WINDOW_BITS_OF_SHORT, _MEMORY_OF_SHORT = 12, 4


def encoded(text: str) -> bytes:
    """Return a text as bytes, the same for the same text."""
    return text.encode("utf-8", "surrogatepass")


def digest(body: bytes) -> bytes:
    """Return the 16 bytes under which an encoded text is kept."""
    return blake2b(body, digest_size=16).digest()


def kept(body: bytes) -> bytes:
    """Return what is written of an encoded text.

    Examples
    --------
    >>> len(kept(encoded("the same again; " * 100))) < 60
    True
    >>> kept(encoded("short"))
    b'short'
    """
    if len(body) < SHORT:
        return body
    short = len(body) < _LONG
    window_bits, memory = (_WINDOW_BITS_OF_SHORT, _MEMORY_OF_SHORT) if short else (_WINDOW_BITS, _MEMORY)
    squeezer = zlib.compressobj(1, zlib.DEFLATED, -window_bits, memory)
    squeezed = _SQUEEZED + squeezer.compress(body) + squeezer.flush()
    return squeezed if len(squeezed) < len(body) else body


def decoded(written: bytes) -> str:
    """Return the text of what was written.

    Examples
    --------
    >>> decoded(kept(encoded("the same again; " * 100))) == "the same again; " * 100
    True
    """
    if written[:1] == _SQUEEZED:
        written = zlib.decompress(written[1:], -_WINDOW_BITS)
    return str(written, "utf-8", "surrogatepass")
