"""Disguises: words that must not be told, hidden in a text of which every word may be.

The gate lets no unknown word pass, so that base64, hexadecimal, backwards and foreign spellings are stopped as such.
What is left are words put together from free ones, which the other side may even have supplied: letters and syllables
in a row, first or last letters of words, sentences and turns, codes of letters in small numbers, digits in a row. Each
is looked for here, within a text and over the turns before it.

No list of disguises is complete: who chooses among free words can always say something by the choice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from consilience.methods.social_agents.terms import NUMBERS, Term
from consilience.methods.social_agents.vocabulary import EVERYDAY, TALK

__all__ = ["Guarded", "Trail", "disguise"]

SHORTEST: Final = 4
"""Letters of a word that is looked for in a disguise."""
SHORTEST_ACROSTIC: Final = 5
"""Letters of one that is looked for in the first letters of words, where chance makes short ones."""
SHORTEST_DIGITS: Final = 3
"""Digits of a number that is put together from several."""
KEPT: Final = 64
"""Terms and turns of the trail that are kept."""

_HEX = re.compile(r"(?:0x)?[0-9a-f]+\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_READABLE = re.compile(r"[ -~]{4,}")
_SENTENCE = re.compile(r"[.!?;:\n]+\s*")
_SHORTEST_CODE = 8
_LONGEST_CODE = 96
_TEN = 10
_AND = "and"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_PLACES = frozenset(map(str, range(1, len(_ALPHABET) + 1)))
_ROT13 = str.maketrans(_ALPHABET, _ALPHABET[13:] + _ALPHABET[:13])


@dataclass(frozen=True)
class Guarded:
    """What must not be told.

    Parameters
    ----------
    words
        Words and numbers.
    digits
        Rows of digits.
    """

    words: frozenset[str]
    digits: frozenset[str] = frozenset()

    @cached_property
    def letters(self) -> frozenset[str]:
        """The words that are looked for in disguises."""
        return frozenset(word for word in self.words if len(word) >= SHORTEST and word not in TALK)

    @cached_property
    def acrostics(self) -> frozenset[str]:
        """The words that are looked for in first and last letters, in both directions."""
        rare = [word for word in self.letters if word not in EVERYDAY]
        return frozenset(rare) | frozenset(word[::-1] for word in rare)

    @cached_property
    def longest(self) -> int:
        """Letters of the longest word."""
        return max(map(len, self.letters), default=0)

    @cached_property
    def rows(self) -> frozenset[str]:
        """The rows of digits that are looked for."""
        return frozenset(row for row in self.digits if len(row) >= SHORTEST_DIGITS)

    @cached_property
    def longest_row(self) -> int:
        """Digits of the longest row."""
        return max(map(len, self.rows), default=0)


@dataclass(slots=True)
class Trail:
    """What one side has said so far, as far as a disguise could go on with it."""

    terms: list[str] = field(default_factory=list)
    """The last terms, folded."""
    digits: list[str] = field(default_factory=list)
    """The last numbers."""
    initials: str = ""
    """First letters of the last turns."""
    finals: str = ""
    """Last letters of the last turns."""

    def add(self, terms: Sequence[Term]) -> None:
        """Go on with a text that was said."""
        if not terms:
            return
        self.terms = [*self.terms, *(term.text for term in terms)][-KEPT:]
        self.digits = [*self.digits, *_digits(terms)][-KEPT:]
        self.initials = (self.initials + terms[0].text[0])[-KEPT:]
        self.finals = (self.finals + terms[-1].text[-1])[-KEPT:]


def disguise(text: str, terms: Sequence[Term], trail: Trail, guarded: Guarded) -> str:
    """Return how a text hides something that must not be told, empty where it does not.

    Parameters
    ----------
    text
        As it would be sent.
    terms
        Its terms.
    trail
        What the same side has said before.
    guarded
        What must not be told.

    Examples
    --------
    >>> from consilience.methods.social_agents.terms import words_of
    >>> secret = Guarded(frozenset({"parrot"}), frozenset({"4711"}))
    >>> def seen(text):
    ...     return disguise(text, words_of(text), Trail(), secret)
    >>> seen("It is a p a r r o t."), seen("Please ask Rita; Rosa only tells."), seen("four seven one one")
    ('in pieces', 'in first letters', 'digit by digit')
    >>> seen("I do not know the pet of Ana.")
    ''
    """
    if not terms or not (guarded.letters or guarded.rows):
        return ""
    said = [term.text for term in terms]
    before = trail.terms[-guarded.longest :] if guarded.longest else []
    whole = [*before, *said]
    ways: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("in pieces", lambda: _joined(whole, guarded.letters, guarded.longest, least=2, from_=len(before))),
        ("backwards", lambda: _backwards(whole, len(before), guarded)),
        ("in first letters", lambda: _acrostic(text, said, trail, guarded)),
        ("digit by digit", lambda: _digit_by_digit(terms, trail, guarded)),
        ("in numbers for letters", lambda: _numbered(said, guarded)),
        ("in rot13", lambda: _joined([one.translate(_ROT13) for one in whole], guarded.letters, guarded.longest)),
        ("in hexadecimal", lambda: _any_in(_unhexed(whole), guarded)),
        ("in base64", lambda: _any_in(_unbased(text, terms), guarded)),
    )
    return next((name for name, found in ways if found()), "")


def _joined(
    pieces: Sequence[str],
    words: frozenset[str],
    longest: int,
    *,
    least: int = 1,
    from_: int = 0,
    starts: int | None = None,
) -> bool:
    """Whether some pieces in a row make one of the words.

    There are `least` of them or more, the last stands at `from_` or later, and the first before `starts`.
    """
    for start in range(len(pieces) if starts is None else starts):
        made = ""
        for end in range(start, len(pieces)):
            made += pieces[end]
            if len(made) > longest:
                break
            if end >= from_ and end - start + 1 >= least and made in words:
                return True
    return False


def _backwards(whole: Sequence[str], before: int, guarded: Guarded) -> bool:
    turned = [one[::-1] for one in reversed(whole)]
    return _joined(turned, guarded.letters, guarded.longest, starts=len(whole) - before)


def _acrostic(text: str, said: Sequence[str], trail: Trail, guarded: Guarded) -> bool:
    words = guarded.acrostics
    if not words:
        return False
    firsts = "".join(one[0] for one in said)
    lasts = "".join(one[-1] for one in said)
    sentences = "".join(part[0].lower() for part in _SENTENCE.split(text) if part)
    turns = (trail.initials + said[0][0], trail.finals + said[-1][-1])
    return (
        any(_within(row, words, guarded.longest, SHORTEST_ACROSTIC) for row in (firsts, lasts))
        or _within(sentences, words, guarded.longest, SHORTEST)
        or any(row[-size:] in words for row in turns for size in range(SHORTEST, min(len(row), guarded.longest) + 1))
    )


def _within(row: str, words: frozenset[str], longest: int, shortest: int) -> bool:
    sizes = range(shortest, min(len(row), longest) + 1)
    return any(row[start : start + size] in words for size in sizes for start in range(len(row) - size + 1))


def _digits(terms: Sequence[Term]) -> Iterator[str]:
    """Return numbers in their order: of words for digits each of them, of other words for numbers what a row means."""
    at = 0
    while at < len(terms):
        term, end = terms[at], at + 1
        if term.text in NUMBERS and term.others:
            while (
                end < len(terms) and terms[end].close and (terms[end].others == term.others or terms[end].text == _AND)
            ):
                end += 1
            values = [NUMBERS[one.text] for one in terms[at:end] if one.text in NUMBERS]
            yield from map(str, values) if max(values) < _TEN else (term.others[0],)
        elif term.text[0].isdecimal():
            yield "".join(filter(str.isdecimal, term.raw if term.raw.isdecimal() else term.text))
        at = end


def _digit_by_digit(terms: Sequence[Term], trail: Trail, guarded: Guarded) -> bool:
    if not guarded.rows:
        return False
    before = trail.digits[-guarded.longest_row :]
    whole = [*before, *_digits(terms)]
    return _joined(whole, guarded.rows, guarded.longest_row, from_=len(before))


def _numbered(said: Sequence[str], guarded: Guarded) -> bool:
    too_long = "?" * (guarded.longest + 1)
    letters = [_ALPHABET[int(one) - 1] if one in _PLACES else too_long for one in said]
    return _joined(letters, guarded.letters, guarded.longest)


def _unhexed(whole: Sequence[str]) -> Iterator[str]:
    run = ""
    for piece in [*whole, "\0"]:
        if _HEX.match(piece):
            run += piece.removeprefix("0x")
            continue
        if len(run) >= _SHORTEST_CODE:
            for start in (0, 1):
                digits = run[start : start + (len(run) - start) // 2 * 2]
                yield bytes.fromhex(digits).decode("latin-1")
        run = ""


def _unbased(text: str, terms: Sequence[Term]) -> Iterator[str]:
    pieces = [term.raw for term in terms]
    odd = [at for at, term in enumerate(terms) if term.text not in TALK and term.text not in EVERYDAY]
    starts = [*_BASE64.findall(text), *("".join(pieces[at:])[:_LONGEST_CODE] for at in odd)]
    for piece in dict.fromkeys(starts):
        code = re.sub(r"[^A-Za-z0-9+/]", "", piece.replace("-", "+").replace("_", "/"))
        code = code[:-1] if len(code) % 4 == 1 else code
        yield base64.b64decode(code + "=" * (-len(code) % 4)).decode("latin-1")


def _any_in(decoded: Iterable[str], guarded: Guarded) -> bool:
    runs = [run.casefold() for text in decoded for run in _READABLE.findall(text)]
    return any(word in run for run in runs for word in guarded.letters)
