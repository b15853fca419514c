"""Values: when two people have said the same, though not in the same words.

Case, spacing, punctuation at the edges, articles and small words do not count; a time of day is one time however it is
written; a list is the same in any order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["contains", "content_words", "covered", "plain", "same", "slot_key"]

_SMALL_WORDS = (
    "a an and are as at be been by did do does for from had has have he her his i in is it its me my of on or our she "
    "so that the their them they this to was we were what when where which who whom whose will with would you your "
    "there then than these those please tell know how why can could may not no yes about any some"
)
_DROPPED_WORDS = "a an the at in on of to is was are were it its about around"
_NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
_SMALL = frozenset(_SMALL_WORDS.split())
_DROPPED = frozenset(_DROPPED_WORDS.split())
_NUMBERS = dict(zip(_NUMBER_WORDS.split(), map(str, range(13)), strict=True))
_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?\s?m\b\.?|\b(\d{1,2}):(\d{2})\b")
_WORD = re.compile(r"\w+(?:[:.'’-]\w+)*")
_PARTS = re.compile(r"\s*(?:;|,(?!\d)|\band\b)\s*")
_NOON = 12


@lru_cache(maxsize=65536)
def plain(value: str) -> str:
    """Return the form of a value in which equal ones are equal.

    Examples
    --------
    >>> plain("at 8 PM"), plain("20:00"), plain("The Blue  Lamp!")
    ('20:00', '20:00', 'blue lamp')
    >>> plain("tea, milk and rye") == plain("rye; tea; milk")
    True
    """
    text = _CLOCK.sub(_clock, unicodedata.normalize("NFKC", value).casefold())
    parts = [
        " ".join(_NUMBERS.get(word, word) for word in _WORD.findall(part) if word not in _DROPPED)
        for part in _PARTS.split(text)
    ]
    return "; ".join(sorted(filter(None, parts)))


def same(one: str, other: str) -> bool:
    """Whether two values say the same; nothing is the same as nothing said.

    Examples
    --------
    >>> same("8 pm", "20:00"), same("8 pm", "9 pm"), same("", "")
    (True, False, False)
    """
    form = plain(one)
    return bool(form) and form == plain(other)


@lru_cache(maxsize=16384)
def slot_key(name: str) -> str:
    """Return the form of a slot's name in which two spellings of it are one.

    Examples
    --------
    >>> slot_key(" [Time of_Meeting] ")
    'time of meeting'
    """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", name).casefold().replace("_", " ")))


def content_words(text: str, most: int = 12) -> tuple[str, ...]:
    """Return the words of a text that are worth searching for, in their order, each once.

    Examples
    --------
    >>> content_words("What is the name of Bea's dog, and the dog's age?")
    ('name', "bea's", 'dog', "dog's", 'age')
    """
    words = (word for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) if word not in _SMALL)
    return tuple(dict.fromkeys(word for word in words if len(word) > 1 or word.isdigit()))[:most]


def _clock(match: re.Match[str]) -> str:
    hour, minute, half, plain_hour, plain_minute = match.groups()
    if half is None:
        return f"{int(plain_hour):02d}:{plain_minute}"
    if not 1 <= int(hour) <= _NOON:
        return match.group()
    return f"{int(hour) % _NOON + (_NOON if half == 'p' else 0):02d}:{minute or '00'}"


def contains(text: str, value: str) -> bool:
    """Whether a text gives a value word for word, whatever the case, spacing and punctuation between.

    Examples
    --------
    >>> contains("It is on Oak  Street, at 8.", "oak street"), contains("It is on Oakley Street.", "oak")
    (True, False)
    """
    words, wanted = _tokens(text), _tokens(value)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(words)} "


def covered(texts: Iterable[str], value: str) -> float:
    """Return the share of a value's words that some texts have, from 0 to 1.

    Examples
    --------
    >>> covered(["the red lamp", "in the hall"], "red hall door")
    0.6666666666666666
    """
    wanted = [word for word in _tokens(value) if word not in _DROPPED]
    there = {word for text in texts for word in _tokens(text)}
    return sum(word in there for word in wanted) / len(wanted) if wanted else 0.0


def _tokens(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
