"""Labelled tables as files: one row an item, one column a state, cells that say right or wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput, UnknownName

_TRUTH = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "right", "correct", "y", "t"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "wrong", "incorrect", "n", "f"), False),
}


def read_columns(path: Path, names: Sequence[str]) -> Bool[np.ndarray, "item column"]:
    """Read columns of a CSV file that say right or wrong, flagged or not.

    Parameters
    ----------
    path
        A comma-separated file with a heading line, in UTF-8.
    names
        The columns, in the order to return them.

    Returns
    -------
    array of bool
        1, true, yes, right and correct are true; 0, false, no, wrong and incorrect are false.

    Raises
    ------
    UnknownName
        If there is no such column; the nearest is named.
    InvalidInput
        If the file cannot be read or has no rows, a row has more cells than the heading, or a cell is empty or says
        something else.
    """
    heading, rows = _read(path)
    places = [_place(name, heading) for name in names]
    return np.array([[_truth(row, place, heading, line) for place in places] for line, row in rows], dtype=np.bool_)


def has_column(path: Path, name: str) -> bool:
    """Whether the file has a column of this name."""
    return name in _read(path)[0]


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the heading, and each row with its line in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable CSV file; {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} must be a comma-separated table in UTF-8; {error}") from error
    if len(lines) < 2:  # noqa: PLR2004
        raise InvalidInput(f"{path} must hold a heading line and a row below it; got {len(lines)} of the two")
    heading = [name.strip() for name in lines[0][1]]
    if all(name.casefold() in _TRUTH for name in heading):
        raise InvalidInput(
            f"{path} must begin with a heading line that names its columns, such as before,after; its first line is "
            f"{','.join(heading)!r}: add one"
        )
    if len(heading) == 1 and (";" in heading[0] or "\t" in heading[0]):
        raise InvalidInput(f"{path} must be separated by commas; its heading is {heading[0]!r}: save it with commas")
    for line, row in lines[1:]:
        # A comma in a text without quotes moves what stands behind it, and moved cells may well say yes or no.
        if any(cell.strip() for cell in row[len(heading) :]):
            raise InvalidInput(
                f"line {line} of {path} has {len(row)} cells where the heading has {len(heading)}: put quotes around "
                "texts with commas"
            )
    return heading, lines[1:]


def _place(name: str, heading: list[str]) -> int:
    if heading.count(name) > 1:
        raise InvalidInput(f"column {name!r} must be there once; it is there {heading.count(name)} times: rename one")
    if name not in heading:
        raise UnknownName("column", name, heading)
    return heading.index(name)


def _truth(row: list[str], place: int, heading: list[str], line: int) -> bool:
    cell = row[place].strip() if place < len(row) else ""
    found = _TRUTH.get(cell.casefold())
    if found is None:
        raise InvalidInput(
            f"column {heading[place]!r} must say right or wrong (1/0, true/false, yes/no) in every row; "
            f"got {cell[:40]!r} in line {line}"
        )
    return found
