"""Fenced blocks of a text, as Markdown has them, found in time that grows with its length.

A pattern would look for the end of each block that never ends: a reply of such openings would hold up everybody.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Fenced", "fenced"]

_OPENING = re.compile(r"(`{3,})([^`\n]*)")
_CLOSING = re.compile(r"(`{3,})[ \t]*\r?")
_EMPTY = re.compile(r"[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Fenced:
    """A block between two lines of as many backticks."""

    before: str
    """The line before it, an empty one in between aside; nothing where another block or the beginning is there."""
    info: str
    """What stands beside the first fence."""
    code: str
    """Its lines, each with its end."""
    start: int
    """Place of the line before it in the text."""
    fence: int
    """Place of the first fence."""
    end: int
    """Place behind the last fence, before the end of its line."""


def fenced(text: str) -> Iterator[Fenced]:
    r"""Find the fenced blocks of a text, in their order. Blocks that are not closed are none.

    Examples
    --------
    >>> [(block.before, block.info, block.code) for block in fenced("main.py\n```python\nprint(1)\n```\nDone.")]
    [('main.py', 'python', 'print(1)\n')]
    """
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    closings: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        closing = _CLOSING.fullmatch(line)
        if closing:
            closings.setdefault(closing[1], []).append(at)
    free = at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        ends = closings.get(opening[1], []) if opening else []
        place = bisect_right(ends, at)
        if opening is None or place == len(ends):
            at += 1
            continue
        above = at - 1 if at - 2 < free or not _EMPTY.fullmatch(lines[at - 1]) else at - 2
        last = ends[place]
        yield Fenced(
            before=lines[above] if above >= free else "",
            info=opening[2],
            code=text[starts[at + 1] : starts[last]],
            start=starts[max(above, free)],
            fence=starts[at],
            end=starts[last] + len(lines[last]),
        )
        free = at = last + 1
