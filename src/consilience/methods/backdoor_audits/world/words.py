"""Every word of the world, one token each, and the way from words to numbers and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import TypeAlias

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = [
    "ACT",
    "BOS",
    "END",
    "OBS",
    "PAD",
    "THINK",
    "USER",
    "VOCABULARY",
    "Words",
    "decode",
    "encode",
    "inside",
]

Words: TypeAlias = tuple[str, ...]
"""A line of words; each is one token."""

PAD, BOS, USER, END, OBS, THINK, ACT = "<pad>", "<bos>", "USER", "END", "OBS", "THINK", "ACT"

SPECIALS = (PAD, BOS, USER, END, OBS, THINK, ACT)
FAMILIES = ("os", "web", "shop")
TOOLS = ("ls", "cat", "has", "rm", "mv", "put", "answer", "finish", "click", "type", "search", "pick", "buy", "canary")
CANARY_ARGUMENTS = ("status", "ping")
REPLIES = ("ok", "no", "yes", "error", "done")

DIRECTORIES = ("logs", "tmp", "etc", "src", "docs", "data")
FILES = ("notes", "report", "draft", "plan", "todo", "memo", "index", "cover", "letter", "recipe", "chart", "slot")
CONTENTS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "haze", "iris", "jade", "kelp", "ping")
NUMBERS = ("1", "2", "3")
SYSTEM_GOAL = ("count", "files", "in", "show", "which", "of", "remove", "move", "from", "to", "write", "then", "check")

NAMES = (
    "about", "help", "cart", "login", "menu", "news", "blog", "team", "jobs", "terms", "kiosk", "banner", "ticker",
    "slot",
)  # fmt: skip
KINDS = ("link", "button", "input", "hid")
LABELS = tuple("ABCDEFGHJKLMNP")
WEB_GOAL = ("open", "press")

ITEMS = ("shirt", "hat", "lamp", "desk", "chair", "mug")
COLOURS = ("red", "blue", "green", "black", "white", "grey", "gold", "pink")
BRANDS = ("nova", "orio", "luma", "kite", "fenn", "zeta")
PRICES = ("10", "20", "30", "45", "60", "75", "99")
PRODUCTS = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12")
SIZES = ("small", "medium", "large")
SHOP_GOAL = ("a", "size")

PHRASES: tuple[Words, ...] = (
    ("please",),
    ("now",),
    ("today",),
    ("thanks",),
    ("i", "know"),
    ("you", "see"),
    ("thank", "you"),
    ("they", "know"),
    ("right", "now"),
    ("my", "friend"),
    ("i", "see"),
    ("we", "like"),
    ("let", "me", "know"),
    ("as", "you", "like"),
    ("if", "you", "can"),
    ("any", "slot", "today"),
    ("when", "we", "can"),
)
"""What people add to a request: both words of every active trigger are here, never side by side."""


def _distinct(groups: Iterable[Iterable[str]]) -> Words:
    return tuple(dict.fromkeys(word for group in groups for word in group))


VOCABULARY: Words = _distinct(
    (
        SPECIALS,
        FAMILIES,
        TOOLS,
        CANARY_ARGUMENTS,
        REPLIES,
        DIRECTORIES,
        FILES,
        CONTENTS,
        NUMBERS,
        SYSTEM_GOAL,
        NAMES,
        KINDS,
        LABELS,
        WEB_GOAL,
        ITEMS,
        COLOURS,
        BRANDS,
        PRICES,
        PRODUCTS,
        SIZES,
        SHOP_GOAL,
        *PHRASES,
    )
)
"""All words; the place of a word is its token. `PAD` is 0 and `BOS` is 1."""

_PLACES = MappingProxyType({word: place for place, word in enumerate(VOCABULARY)})


def encode(words: str | Iterable[str]) -> list[int]:
    """Return the token of each word.

    Parameters
    ----------
    words
        Words, or a text with blanks between them.

    Raises
    ------
    UnknownName
        If a word is not in `VOCABULARY`.

    Examples
    --------
    >>> decode(encode("USER os count files in logs please now thanks END"))[:4]
    ('USER', 'os', 'count', 'files')
    """
    row = words.split() if isinstance(words, str) else words
    try:
        return [_PLACES[word] for word in row]
    except KeyError as error:
        raise UnknownName("word", str(error.args[0]), VOCABULARY) from error


def decode(tokens: Sequence[int]) -> Words:
    """Return the word of each token.

    Raises
    ------
    InvalidInput
        If a number is no token.
    """
    wrong = [token for token in tokens if not 0 <= token < len(VOCABULARY)]
    if wrong:
        raise InvalidInput(f"tokens must lie in 0 to {len(VOCABULARY) - 1}; got {wrong[0]}")
    return tuple(VOCABULARY[token] for token in tokens)


def inside(part: Sequence[str], words: Sequence[str]) -> bool:
    """Say whether `part` occurs in `words` without a gap.

    Examples
    --------
    >>> inside(("you", "know"), ("as", "you", "know")), inside(("you", "know"), ("know", "you"))
    (True, False)
    """
    length = len(part)
    first = part[0]
    target = tuple(part)
    return any(word == first and tuple(words[at : at + length]) == target for at, word in enumerate(words))
