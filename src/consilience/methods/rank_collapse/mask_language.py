"""Masks as text, such as ``"causal & window(4) | sink(1)"``: a small language, read without evaluating any code.

::

    mask   = part { "|" part }
    part   = factor { "&" factor }
    factor = "~" factor | "(" mask ")" | kind [ "(" number { "," number } ")" ]
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.rank_collapse.mask import Mask
from consilience.methods.rank_collapse.masks import KINDS

__all__ = ["parse_mask"]

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<number>\d+)|(?P<sign>[()&|~,]))")

_MOST_DEPTH = 64
"""Brackets and complements within one another; far more than anyone means, far less than Python can recurse."""


_MOST_DIGITS = 10


@dataclass(frozen=True)
class _Piece:
    kind: str
    text: str
    place: int
    """Where it begins in the text."""


def parse_mask(text: str) -> Mask:
    """Read a mask from text.

    Parameters
    ----------
    text
        Kinds of masks with their numbers, joined by ``&``, ``|`` and ``~`` (binding from tight to loose: ``~ & |``)
        and brackets. ``window(w)`` counts w neighbours on either side besides the token itself; ``window(w, 0)`` is
        one-sided.

    Returns
    -------
    Mask

    Raises
    ------
    UnknownName
        If there is no such kind; the nearest is named.
    InvalidInput
        If the text is not in the language; the place is named.

    Examples
    --------
    >>> parse_mask("window(8) | global(1)").array(64).sum(axis=1)[:3]
    array([64, 10, 11])
    >>> parse_mask("casual")
    Traceback (most recent call last):
    ...
    consilience.ground.errors.UnknownName: unknown mask 'casual'; did you mean 'causal'? (one of: ...)
    """
    reader = _Reader(text)
    mask = reader.mask(0)
    reader.expect_end()
    return mask


class _Reader:
    """Recursive descent over the pieces of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = _pieces(text)
        self.at = 0

    def mask(self, depth: int) -> Mask:
        found = self.part(depth)
        while self.take("|"):
            found = found | self.part(depth)
        return found

    def part(self, depth: int) -> Mask:
        found = self.factor(depth)
        while self.take("&"):
            found = found & self.factor(depth)
        return found

    def factor(self, depth: int) -> Mask:
        if depth > _MOST_DEPTH:
            raise InvalidInput(f"a mask may be nested {_MOST_DEPTH} deep; {self.text!r} is deeper.")
        if self.take("~"):
            return ~self.factor(depth + 1)
        if self.take("("):
            found = self.mask(depth + 1)
            self.need(")")
            return found
        return self.kind()

    def kind(self) -> Mask:
        piece = self.next()
        if piece.kind != "word":
            raise self.wrong(piece, "a kind of mask, such as causal or window(4)")
        if piece.text.lower() not in KINDS:
            raise UnknownName("mask", piece.text, KINDS)
        made = KINDS[piece.text.lower()]
        return _made(made, piece.text.lower(), self.numbers())

    def numbers(self) -> tuple[int, ...]:
        if not self.take("("):
            return ()
        numbers = [self.number()]
        while self.take(","):
            numbers.append(self.number())
        self.need(")")
        return tuple(numbers)

    def number(self) -> int:
        piece = self.next()
        if piece.kind != "number":
            raise self.wrong(piece, "a whole number")
        if len(piece.text) > _MOST_DIGITS:
            raise self.wrong(piece, f"a number of at most {_MOST_DIGITS} digits")
        return int(piece.text)

    def next(self) -> _Piece:
        piece = self.pieces[self.at]
        self.at = min(self.at + 1, len(self.pieces) - 1)
        return piece

    def take(self, sign: str) -> bool:
        here = self.pieces[self.at]
        taken = here.kind == "sign" and here.text == sign
        self.at += taken
        return taken

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.wrong(self.pieces[self.at], f"{sign!r}")

    def expect_end(self) -> None:
        if self.pieces[self.at].kind != "end":
            raise self.wrong(self.pieces[self.at], "'&', '|' or the end")

    def wrong(self, piece: _Piece, expected: str) -> InvalidInput:
        got = "the end" if piece.kind == "end" else repr(piece.text)
        return InvalidInput(f"expected {expected} at character {piece.place + 1} of the mask {self.text!r}; got {got}.")


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise InvalidInput(
                f"a mask is written with words, numbers and ( ) & | ~ ,; got {text[place]!r} at character {place + 1} "
                f"of {text!r}."
            )
        kind = match.lastgroup or ""
        pieces.append(_Piece(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return [*pieces, _Piece("end", "", end)]


def _made(kind: type[Mask], word: str, numbers: tuple[int, ...]) -> Mask:
    """Build a mask from its numbers, or say how many it takes."""
    names = [item.name for item in fields(kind)]
    least = sum(item.default is MISSING for item in fields(kind))
    if not least <= len(numbers) <= len(names):
        takes = f"{word}({', '.join(names)})" if names else f"{word} without numbers"
        optional = f", the last {len(names) - least} optional" if least < len(names) else ""
        raise InvalidInput(f"write {takes}{optional}; got {len(numbers)} numbers.")
    return kind(*numbers)
