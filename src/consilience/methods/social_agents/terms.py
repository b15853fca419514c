"""Terms: the words and numbers of a text in the form in which the gate compares them.

Case, accents, compatibility forms and leading zeros do not count; a time of day is one time however it is written; a
number is the same in words. What cannot be seen (zero-width characters, tags, variation selectors) is taken out, as are
symbols, which carry no word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

__all__ = ["NUMBERS", "Term", "Terms", "canonical", "forget_texts", "stem", "terms_of", "words_of"]

NUMBERS: Final = {
    word: value
    for value, words in {
        0: "zero nought nil",
        1: "one first",
        2: "two second twice",
        3: "three third thrice",
        4: "four fourth",
        5: "five fifth",
        6: "six sixth",
        7: "seven seventh",
        8: "eight eighth",
        9: "nine ninth",
        10: "ten tenth",
        11: "eleven eleventh",
        12: "twelve twelfth dozen",
        13: "thirteen thirteenth",
        14: "fourteen fourteenth",
        15: "fifteen fifteenth",
        16: "sixteen sixteenth",
        17: "seventeen seventeenth",
        18: "eighteen eighteenth",
        19: "nineteen nineteenth",
        20: "twenty twentieth",
        30: "thirty thirtieth",
        40: "forty fortieth",
        50: "fifty fiftieth",
        60: "sixty sixtieth",
        70: "seventy seventieth",
        80: "eighty eightieth",
        90: "ninety ninetieth",
        100: "hundred hundredth",
        1000: "thousand thousandth",
        1000000: "million millionth",
    }.items()
    for word in words.split()
}
"""Words for numbers."""

_TOKEN = re.compile(r"[0-9]+(?:[:.,][0-9]+)+|[^\W_]+(?:['’][^\W_]+)*")
_CLOCK = re.compile(r"\b([0-9]{1,2})(?:[:.]([0-9]{2}))?\s?([ap])\.?m\b")
_DIGIT_GROUPS = re.compile(r"[0-9](?:[ ()./:-]{0,2}[0-9]){2,}")
_DIGIT = re.compile(r"[0-9]")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\Z")
_ORDINAL = re.compile(r"([0-9]+)(?:st|nd|rd|th)\Z")
_SPACE = re.compile(r"\s+")
_GONE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me", "So", "Sk"})
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_LATE = 0x370
_NOON, _HUNDRED, _TEN = 12, 100, 10
_MOST_IN_A_ROW = 12


@dataclass(frozen=True, slots=True)
class Term:
    """A word or number of a text."""

    text: str
    """In the form that is compared."""
    raw: str
    """As it stands there."""
    others: tuple[str, ...] = ()
    """What else it may be read as: the number of a row of number words, the time of ``8 pm``."""
    close: bool = False
    """Whether nothing but spaces, commas and hyphens stands between it and the one before."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a text has."""

    words: frozenset[str]
    """Words and numbers."""
    stems: frozenset[str]
    """Of the words."""
    digits: frozenset[str]
    """Rows of three digits or more, without what stands between them."""

    def has(self, term: Term) -> bool:
        """Whether the text has exactly that word or number."""
        return term.text in self.words or any(other in self.words for other in term.others)


def canonical(text: str) -> str:
    r"""Return a text as it may be sent: on one line, with nothing in it that is not seen or is no writing.

    Examples
    --------
    >>> canonical("the\u200b  pet\n\U0001f99c is here\x00")
    'the pet is here'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = "".join(char for char in text if char.isspace() or not _unseen(char))
    elif not text.isprintable():
        text = "".join(char if char.isprintable() or char.isspace() else " " for char in text)
    return _SPACE.sub(" ", text).strip()


@lru_cache(maxsize=32768)
def terms_of(text: str) -> Terms:
    """Return the words, stems and rows of digits of a text.

    Examples
    --------
    >>> sorted(terms_of("Zoë's 2 parrots, at 8 pm: 0170-555").words)
    ['0170', '170', '2', '20:00', '555', '8', 'at', 'parrots', 'pm', 'zoe', "zoe's"]
    """
    folded = _folded(text)
    found = set(_TOKEN.findall(folded.replace("’", "'")))
    if not found.isdisjoint(NUMBERS) or _DIGIT.search(folded):
        for term in words_of(text):
            found.add(term.text)
            found.update(term.others)
    digits = {"".join(filter(str.isdecimal, row)) for row in _DIGIT_GROUPS.findall(folded)}
    digits.update(word for word in found if word.isdecimal() and len(word) > 2)  # noqa: PLR2004
    for word in [word for word in found if "'" in word]:
        found.update(part for part in word.split("'") if part != "s")
    return Terms(frozenset(found), frozenset(map(stem, found)), frozenset(digits))


def words_of(text: str) -> list[Term]:
    """Return the terms of a text in their order.

    Examples
    --------
    >>> [(term.text, term.others) for term in words_of("Forty-one at 8 PM")]
    [('forty', ('41', '401')), ('one', ('41', '401')), ('at', ()), ('8', ('20:00',)), ('pm', ('20:00',))]
    """
    folded = _folded(text)
    clocks = [(one.start(), one.end(), _clock(one)) for one in _CLOCK.finditer(folded)] if "m" in folded else []
    raws = [one.group() for one in _TOKEN.finditer(canonical(text))]
    spans = list(_TOKEN.finditer(folded))
    if len(raws) != len(spans):
        raws = [one.group() for one in spans]
    found, last = [], len(folded)
    for raw, span in zip(raws, spans, strict=True):
        word = span.group().replace("’", "'")
        others = tuple(at for start, end, at in clocks if start <= span.start() < end)
        close = last < span.start() and not folded[last : span.start()].strip(" ,-")
        found.append(Term(_number(word) if "0" <= word[0] <= "9" else word, raw, others, close))
        last = span.end()
    return list(_with_numbers(found)) if any(term.text in NUMBERS for term in found) else found


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without its ending, where that is a common one.

    Examples
    --------
    >>> [stem(word) for word in ("parrots", "keeping", "tried", "ana's", "yes", "10:15")]
    ['parrot', 'keep', 'try', 'ana', 'yes', '10:15']
    """
    word = word.removesuffix("'s").removesuffix("'")
    for ending, least, instead in (
        ("ies", 3, "y"), ("ied", 3, "y"), ("sses", 3, "ss"), ("ing", 4, ""), ("ed", 4, ""), ("es", 4, ""), ("s", 3, ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= least - bool(instead) and not word.endswith("ss"):
            return (word[: -len(ending)] + instead).removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word  # noqa: PLR2004


def _unseen(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _SELECTORS) or unicodedata.category(char) in _GONE


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    text = canonical(text)
    text = canonical(unicodedata.normalize("NFKC", text)).casefold()
    return "".join(
        str(unicodedata.digit(char)) if char.isdecimal() else char
        for char in unicodedata.normalize("NFKD", text)
        if unicodedata.category(char) != "Mn" or ord(char) >= _LATE
    )


def _number(word: str) -> str:
    """Return a number without leading zeros and separators; a time with its colon."""
    if word.isdecimal():
        return word.lstrip("0") or "0"
    if ":" in word:
        return word.removeprefix("0") if word[1] != ":" else word
    if _THOUSANDS.match(word):
        return word.replace(",", "")
    ordinal = _ORDINAL.match(word)
    return ordinal[1].lstrip("0") or "0" if ordinal else word


def _clock(match: re.Match[str]) -> str:
    hour = int(match[1]) % _NOON + (_NOON if match[3] == "p" else 0)
    return f"{hour}:{match[2] or '00'}"


def _with_numbers(found: Sequence[Term]) -> Iterator[Term]:
    """Give each word of a row of number words the numbers that the row may mean."""
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and found[end].close and (found[end].text in NUMBERS or found[end].text == "and"):
            end += 1
        while found[end - 1].text == "and" and end - 1 > at:
            end -= 1
        if found[at].text not in NUMBERS or end - at > _MOST_IN_A_ROW:
            yield found[at]
            at += 1
            continue
        row = [term.text for term in found[at:end] if term.text != "and"]
        meant = tuple(dict.fromkeys((str(_value(row)), "".join(str(NUMBERS[word]) for word in row))))
        for term in found[at:end]:
            yield term if term.text == "and" else replace(term, others=(*term.others, *meant))
        at = end


def _value(row: Iterable[str]) -> int:
    """Return a row of number words as one number: ``three hundred forty one`` is 341, ``nineteen eighty`` 1980."""
    total, part = 0, 0
    for word in row:
        value = NUMBERS[word]
        if value >= _HUNDRED:
            part = max(part, 1) * value
            if value > _HUNDRED:
                total, part = total + part, 0
        elif part and part % _HUNDRED and not (value < _TEN and part % _TEN == 0):
            part = part * (_TEN if value < _TEN else _HUNDRED) + value
        else:
            part += value
    return total + part


def forget_texts() -> None:
    """Forget the texts that were kept so that they need not be read twice."""
    terms_of.cache_clear()
    stem.cache_clear()
