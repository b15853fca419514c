"""Comparing: two runs side by side, and what differs: settings, verdicts, numbers, tables, pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from consilience.ground.claims import Cell, Claim, Figure, Measurement, Table, spell
from consilience.ground.config import unfolded
from consilience.studio.measured import MeasuredRun

__all__ = ["Compared", "Pair", "Setting", "TablePair", "compare", "differing"]

Overlap = Literal["", "apart", "overlap"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that two runs do not share."""

    name: str
    """Its name, tables before it with dots."""
    a: str | None
    """In the first run; None where it has none."""
    b: str | None
    """In the second run."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One measurement of both runs."""

    name: str
    """What was measured."""
    a: Measurement | None
    """In the first run; None where it was not."""
    b: Measurement | None
    """In the second run."""

    @property
    def difference(self) -> str:
        """How far the second is above the first, in words; empty where either is not a finite number.

        Examples
        --------
        >>> one, other = (Measurement(name="m", value=value, unit="%") for value in (90.0, 92.5))
        >>> Pair("m", one, other).difference, Pair("m", one, one).difference
        ('+2.5 %', 'the same')
        """
        a, b = _value(self.a), _value(self.b)
        if a is None or b is None or self.b is None:
            return ""
        if a == b:
            return "the same"
        told = spell(b - a, self.b.unit)
        return told if told.startswith("-") else f"+{told}"

    @property
    def intervals(self) -> Overlap:
        """Whether the intervals of both have a point in common; empty where either has none."""
        if self.a is None or self.b is None:
            return ""
        ends = (self.a.low, self.a.high, self.b.low, self.b.high)
        if any(end is None or not math.isfinite(end) for end in ends):
            return ""
        a_low, a_high, b_low, b_high = (float(end or 0.0) for end in ends)
        return "apart" if a_high < b_low or b_high < a_low else "overlap"


@dataclass(frozen=True, slots=True)
class TablePair:
    """One table of both runs, row by row."""

    title: str
    """Of the table."""
    columns: tuple[str, ...]
    """Headings."""
    rows: tuple[tuple[tuple[Cell, Cell, bool], ...], ...]
    """For every cell of the longer table: the first's, the second's, whether they differ."""

    @property
    def differing(self) -> int:
        """How many cells differ."""
        return sum(differs for row in self.rows for _, _, differs in row)


@dataclass(frozen=True, slots=True)
class Compared:
    """One claim of both runs."""

    id: str
    """Of the claim."""
    a: Claim | None
    """In the first run; None where it has none."""
    b: Claim | None
    """In the second run."""
    pairs: tuple[Pair, ...]
    """Measurements, those of the first run first."""
    tables: tuple[TablePair, ...]
    """Tables that both have with the same columns."""
    figures: tuple[tuple[Figure | None, Figure | None], ...]
    """Pictures by name."""

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return next((claim.sentence for claim in (self.a, self.b) if claim and claim.sentence), "")


def compare(a: MeasuredRun, b: MeasuredRun) -> tuple[Compared, ...]:
    """Lay the claims of two runs side by side, in the order of the first."""
    first, second = ({claim.id: claim for claim in run.claims} for run in (a, b))
    return tuple(_compared(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second]))


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Return the settings that two runs do not share.

    Examples
    --------
    >>> differing({"seed": 1, "digits": {"gates": 200}}, {"seed": 2, "digits": {"gates": 200}})
    (Setting(name='seed', a='1', b='2'),)
    """
    first, second = unfolded(a), unfolded(b)
    names = dict.fromkeys([*first, *second])
    return tuple(
        Setting(name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)
    )


def _compared(name: str, a: Claim | None, b: Claim | None) -> Compared:
    first, second = ({m.name: m for m in claim.evidence.measurements} if claim else {} for claim in (a, b))
    tables_a, tables_b = ({t.title: t for t in claim.evidence.tables} if claim else {} for claim in (a, b))
    figures_a, figures_b = ({f.name: f for f in claim.evidence.figures} if claim else {} for claim in (a, b))
    shared = [title for title in tables_a if title in tables_b and tables_a[title].columns == tables_b[title].columns]
    return Compared(
        id=name,
        a=a,
        b=b,
        pairs=tuple(Pair(key, first.get(key), second.get(key)) for key in dict.fromkeys([*first, *second])),
        tables=tuple(_table_pair(tables_a[title], tables_b[title]) for title in shared),
        figures=tuple((figures_a.get(key), figures_b.get(key)) for key in dict.fromkeys([*figures_a, *figures_b])),
    )


def _table_pair(a: Table, b: Table) -> TablePair:
    blank: tuple[Cell, ...] = (None,) * len(a.columns)
    rows = []
    for index in range(max(len(a.rows), len(b.rows))):
        one = a.rows[index] if index < len(a.rows) else blank
        other = b.rows[index] if index < len(b.rows) else blank
        rows.append(tuple((x, y, x != y) for x, y in zip(one, other, strict=True)))
    return TablePair(a.title, a.columns, tuple(rows))


def _value(measurement: Measurement | None) -> float | None:
    if measurement is None or measurement.value is None or not math.isfinite(measurement.value):
        return None
    return measurement.value
