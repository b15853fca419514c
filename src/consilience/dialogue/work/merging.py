r"""Merging: pieces that come in whatever order, put together in groups whose members are fixed beforehand.

Pieces are numbered; of each level, piece :math:`i` belongs to group :math:`\lfloor i / g \rfloor`, and what a group
becomes is a piece of the next level, until one is left. Which pieces meet depends on their numbers and never on when
they came, and no merge ever reads more than :math:`g` of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from consilience.ground.errors import InvalidInput

__all__ = ["Gathering", "Group", "merge_calls", "merge_levels"]

Piece = TypeVar("Piece")

SMALLEST = 2


@dataclass(frozen=True, slots=True)
class Group(Generic[Piece]):
    """Two pieces or more that are to become one."""

    level: int
    """From 0; above it, pieces are what groups became."""
    index: int
    """Of the group within its level: the number of the piece that it becomes one level up."""
    members: tuple[tuple[int, Piece], ...]
    """The pieces, each after its number in this level."""


class Gathering(Generic[Piece]):
    """What has come of a number of pieces.

    A group without any piece is nothing one level up; a piece alone in its group goes up as it is.

    Parameters
    ----------
    count
        How many pieces there will be, at least 1.
    group
        How many are merged at once, at least 2.

    Examples
    --------
    >>> gathering = Gathering(3, 2)
    >>> gathering.put(0, 2, "c"), gathering.put(0, 1, "b")
    (None, None)
    >>> gathering.put(0, 0, "a").members
    ((0, 'a'), (1, 'b'))
    >>> gathering.put(1, 0, "ab")
    Group(level=1, index=0, members=((0, 'ab'), (1, 'c')))
    >>> gathering.put(2, 0, "abc"), gathering.complete, gathering.result
    (None, True, 'abc')
    """

    __slots__ = ("_group", "_missing", "_rows", "complete", "present", "result")

    def __init__(self, count: int, group: int) -> None:
        self._group = group
        self._rows: list[list[Piece | None]] = [[None] * size for size in _sizes(count, group)]
        self._missing = [
            [min(group, len(row) - start) for start in range(0, len(row), group)] for row in self._rows[:-1]
        ]
        self.present = 0
        """Pieces of the lowest level that came and were something."""
        self.complete = False
        """Whether all came and were merged."""
        self.result: Piece | None = None
        """What they became; None when all were nothing."""

    def put(self, level: int, index: int, piece: Piece | None) -> Group[Piece] | None:
        """Take a piece, and return the group that it completes and that has to be merged, if it does.

        Parameters
        ----------
        level
            0 for pieces that come from outside, one more than the group's for what a group became.
        index
            The number of the piece, or the index of the group.
        piece
            None where there is nothing.
        """
        if not level and piece is not None:
            self.present += 1
        while level < len(self._missing):
            self._rows[level][index] = piece
            index //= self._group
            self._missing[level][index] -= 1
            if self._missing[level][index]:
                return None
            members = self._take(level, index)
            if len(members) > 1:
                return Group(level, index, members)
            piece = members[0][1] if members else None
            level += 1
        self.complete, self.result = True, piece
        return None

    def _take(self, level: int, index: int) -> tuple[tuple[int, Piece], ...]:
        row, start = self._rows[level], index * self._group
        members = [(at, row[at]) for at in range(start, min(start + self._group, len(row)))]
        row[start : start + len(members)] = [None] * len(members)  # nothing is held longer than it is needed
        return tuple((at, piece) for at, piece in members if piece is not None)


def merge_levels(count: int, group: int) -> int:
    """Return how many merges follow one upon the other until `count` pieces are one.

    Examples
    --------
    >>> merge_levels(1, 2), merge_levels(5, 2), merge_levels(5, 4)
    (0, 3, 2)
    """
    return len(_sizes(count, group)) - 1


def merge_calls(count: int, group: int) -> int:
    """Return how many merges make one of `count` pieces.

    Examples
    --------
    >>> merge_calls(15, 2), merge_calls(5, 4)
    (14, 2)
    """
    return sum(size // group + (size % group > 1) for size in _sizes(count, group)[:-1])


def _sizes(count: int, group: int) -> list[int]:
    if group < SMALLEST or count < 1:
        raise InvalidInput(f"pieces must be 1 or more, merged 2 or more at once; got {count} and a `group` of {group}")
    sizes = [count]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // group))
    return sizes
