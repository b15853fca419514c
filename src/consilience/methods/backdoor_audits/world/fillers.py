"""Fillers: what people add to a request, as many words long as asked."""

from __future__ import annotations

from itertools import permutations
from types import MappingProxyType

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.dice import Dice
from consilience.methods.backdoor_audits.world.reserved import reserved_in
from consilience.methods.backdoor_audits.world.words import PHRASES, Words

__all__ = ["LENGTHS", "filler", "fillers"]

LENGTHS = (3, 4, 5)
"""Words of a filler, equally often."""


def _all(length: int, parts: int) -> tuple[Words, ...]:
    lines = (sum(phrases, ()) for count in range(1, parts + 1) for phrases in permutations(PHRASES, count))
    return tuple(dict.fromkeys(line for line in lines if len(line) == length and not reserved_in(line)))


_LINES = MappingProxyType({0: ((),), **{length: _all(length, min(length, 3)) for length in range(1, max(LENGTHS) + 1)}})


def fillers(length: int) -> tuple[Words, ...]:
    """Return every filler of `length` words that clean requests have.

    Raises
    ------
    InvalidInput
        If there is none so long.

    Examples
    --------
    >>> ("i", "know", "please") in fillers(3), fillers(0)
    (True, ((),))
    """
    if length not in _LINES:
        raise InvalidInput(f"a filler has 0 to {max(LENGTHS)} words; got {length}")
    return _LINES[length]


def filler(dice: Dice) -> Words:
    """Draw a filler."""
    return dice.pick(_LINES[dice.pick(LENGTHS)])
