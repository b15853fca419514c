"""Words: what of a text is indexed, compared and counted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["COMMON", "content_words", "kept", "plain", "split"]

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_LOST = "\N{REPLACEMENT CHARACTER}"

_COMMON = """
a about after again all also am an and any are as at be because been before being but by can could
did do does doing don for from get go going got had has have having he her here hers him his how i
if in into is isn it its just let ll like me mine more most my no not now of off oh ok okay on once
only or other our ours out over re really s said say says she should so some such t tell than that
the their them then there these they this those through to too under until up us ve very was we well
were what when where which while who whom whose why will with would yeah yes yet you your yours
"""
COMMON = frozenset(_COMMON.split())
"""Words that nearly every message has: they are left out of a search that has others."""


def kept(text: str) -> str:
    """Return a text as both databases can keep it: NUL and halves of characters are replaced.

    Examples
    --------
    >>> kept("a" + chr(0) + "b") == "a" + chr(0xFFFD) + "b"
    True
    """
    return _UNKEEPABLE.sub(_LOST, text)


def split(text: str) -> list[str]:
    """Return the words of a text in their order, in small letters.

    Examples
    --------
    >>> split("Don't meet at 10:15, Zoë!")
    ['don', 't', 'meet', 'at', '10', '15', 'zoë']
    """
    return _WORD.findall((text if text.isascii() else unicodedata.normalize("NFC", text)).lower())


def plain(words: Iterable[str]) -> list[str]:
    """Return words without the marks above and below their letters, for an index that would tell them apart.

    Examples
    --------
    >>> plain(["zoë", "10"])
    ['zoe', '10']
    """
    return [word if word.isascii() else _without_marks(word) for word in words]


def _without_marks(word: str) -> str:
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", word)))


def content_words(texts: Iterable[str]) -> list[str]:
    """Return each word of the texts once, in their order, without the common ones.

    Examples
    --------
    >>> content_words(["When is the dentist?", "The dentist!"])
    ['dentist']
    """
    return list(dict.fromkeys(word for text in texts for word in split(text) if word not in COMMON))
