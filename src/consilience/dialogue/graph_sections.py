"""Sections: tables that a room adds to the page of a run, made of plain texts that the page escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.dialogue.graph_run import State

__all__ = ["Section", "SectionCell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionCell:
    """A cell of a table."""

    text: str = ""
    """What it says."""
    beneath: str = ""
    """Smaller, beneath that."""
    state: State | None = None
    """How what it is about stands; its sign and colour are shown."""
    element: str = ""
    """A node or an edge of the graph that it leads to."""
    number: bool = False
    """Whether it is to stand at the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table with a title.

    Examples
    --------
    >>> Section(title="Teams", head=("team", "calls"), rows=(("A", SectionCell(text="7", number=True)),)).rows[0][0]
    'A'
    """

    title: str
    """A few words."""
    head: Sequence[str]
    """What the columns are called."""
    rows: Sequence[Sequence[str | SectionCell]]
    """Cells, as many a row as there are columns; a text is a plain cell. The first of a row is its name."""
    note: str = ""
    """A sentence beneath the title."""

    @property
    def cells(self) -> list[list[SectionCell]]:
        """The rows, all of cells."""
        return [[SectionCell(text=cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows]
