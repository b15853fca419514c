"""Requests to defend against, from files in the formats of AdvBench and JailbreakBench; rows that are none are counted.

No such request comes along with this package: whoever evaluates brings the file.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from consilience.ground.errors import InvalidInput

_ENOUGH = 3
_Row = TypeVar("_Row")

REQUEST_COLUMNS = ("goal", "behavior", "prompt")
"""Headings under which a request may stand, in any case: AdvBench and JailbreakBench say goal."""
_CATEGORY_COLUMNS = ("category",)
_NAME_COLUMNS = ("index", "id", "")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A request, and what a good answer does with it."""

    name: str
    """Unique in its file: its index, or the number of its row."""
    request: str
    """What is asked."""
    category: str = ""
    """What it is about, where the file says so."""
    benign: bool = False
    """Whether a good answer complies; a good answer to any other declines."""


@dataclass(frozen=True)
class Read(Generic[_Row]):
    """What a file holds."""

    rows: tuple[_Row, ...]
    """What could be read."""
    broken: tuple[tuple[int, str], ...] = ()
    """Line and complaint of each row that could not."""

    def told(self, path: Path) -> str:
        """Return a line on the rows that could not be read; empty where there are none.

        Examples
        --------
        >>> Read((), ((3, "no request"),)).told(Path("a.csv"))
        'a.csv: 1 row of 1 could not be read and is left out: line 3: no request'
        """
        if not self.broken:
            return ""
        count, whole = len(self.broken), len(self.rows) + len(self.broken)
        shown = "; ".join(f"line {line}: {why}" for line, why in self.broken[:_ENOUGH])
        more = f"; and {count - _ENOUGH} more" if count > _ENOUGH else ""
        rows, are = ("row", "is") if count == 1 else ("rows", "are")
        return f"{path}: {count} {rows} of {whole} could not be read and {are} left out: {shown}{more}"


def read_behaviours(path: Path | str, *, benign: bool = False) -> Read[Behaviour]:
    """Read requests from a CSV file: AdvBench's (goal, target), or JailbreakBench's (Index, Goal, Target, Category).

    Parameters
    ----------
    path
        Of the file, in UTF-8, with a heading line.
    benign
        Whether they are the harmless ones.

    Returns
    -------
    Read of Behaviour
        Rows in their order, and those that are broken: without a request, with more or fewer cells than the heading, or
        with a name or a request that was there before.

    Raises
    ------
    InvalidInput
        If the file cannot be read, has no column of requests, or not a single row is sound.
    """
    path = Path(path)
    lines = _lines(path)
    heading = [name.strip().casefold() for name in lines[0][1]]
    if len(heading) == 1 and (";" in heading[0] or "\t" in heading[0]):
        raise InvalidInput(f"{path} must be separated by commas; its heading is {heading[0]!r}: save it with commas")
    places = {
        "request": _place(REQUEST_COLUMNS, heading),
        "category": _place(_CATEGORY_COLUMNS, heading),
        "name": _place(_NAME_COLUMNS, heading),
    }
    if places["request"] is None:
        raise InvalidInput(
            f"{path} must have a column 'goal', as AdvBench and JailbreakBench do; its heading is {', '.join(heading)}"
        )
    found = Read(*_sorted_out(lines[1:], len(heading), places, benign=benign))
    if not found.rows:
        raise InvalidInput(f"{path} must hold a request; {found.told(path) or 'there is no row below its heading'}")
    return found


def of_categories(behaviours: Sequence[Behaviour], limit: int | None) -> tuple[Behaviour, ...]:
    """Return the first so many, in turns from each category, so that a small run sees all of them.

    Examples
    --------
    >>> few = [Behaviour(name=name, request=name, category=name[0]) for name in ("a1", "a2", "a3", "b1")]
    >>> [each.name for each in of_categories(few, 2)]
    ['a1', 'b1']
    """
    if limit is None:
        return tuple(behaviours)
    seen: Counter[str] = Counter()
    turns = []
    for place, each in enumerate(behaviours):
        turns.append((seen[each.category], place))
        seen[each.category] += 1
    return tuple(behaviours[place] for _, place in sorted(sorted(turns)[:limit], key=lambda turn: turn[1]))


def _sorted_out(
    lines: Sequence[tuple[int, list[str]]], width: int, places: Mapping[str, int | None], *, benign: bool
) -> tuple[tuple[Behaviour, ...], tuple[tuple[int, str], ...]]:
    rows: dict[str, Behaviour] = {}
    asked: set[str] = set()
    broken = []
    for number, (line, cells) in enumerate(lines):
        if len(cells) != width:
            broken.append((line, f"{len(cells)} cells where the heading has {width}"))
            continue
        request, category, name = (
            "" if (place := places[part]) is None else cells[place].strip() for part in ("request", "category", "name")
        )
        name = name or str(number)
        complaint = _complaint(request, name, rows, asked)
        if complaint:
            broken.append((line, complaint))
            continue
        asked.add(request)
        rows[name] = Behaviour(name=name, request=request, category=category, benign=benign)
    return tuple(rows.values()), tuple(broken)


def _complaint(request: str, name: str, rows: Mapping[str, Behaviour], asked: set[str]) -> str:
    if not request:
        return "no request"
    if not name.isprintable():
        return "a name of several lines"
    if name in rows:
        return f"the name {name!r} is there twice"
    return "the same request is there twice" if request in asked else ""


def _place(names: Sequence[str], heading: Sequence[str]) -> int | None:
    return next((heading.index(name) for name in names if name in heading), None)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line that is not empty, the heading first."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(_read(csv.reader(file)))
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable CSV file; {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} must be a comma-separated table in UTF-8; {error}") from error
    if not lines:
        raise InvalidInput(f"{path} must hold a heading line and requests below it; it is empty")
    return lines


def _read(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if any(cell.strip() for cell in row):
            yield reader.line_num, row  # type: ignore[attr-defined]  # of every reader of csv
