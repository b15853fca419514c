"""What a page calls a name in code, found in the code: imported, followed, and its parameter looked for."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience import methods

ROOMS = sorted(
    path.name for path in Path(methods.__file__).parent.iterdir() if path.is_dir() and not path.name.startswith("_")
)
FLOORS = ("dialogue", "ground", "neural")
COLUMN = "name in code"
"""The column of a table in which every code span is a name."""

_NAME = re.compile(r"([a-z_]+)((?:\.[A-Za-z_]\w*)+)(?:\((\w+)\))?")
_SPAN = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^## ", re.MULTILINE)
_NONE = -1
_LINK = re.compile(r"\(methods/(\w+)\.md\)")


class NoSuchName(LookupError):
    """What is called a name in code is none."""


@dataclass(frozen=True)
class Row:
    """A row of a table that has names, and the room whose section it stands in."""

    room: str
    text: str
    names: tuple[str, ...]


def rows(page: str) -> list[Row]:
    """Return the rows of all tables of a page that have a column of names, by sections that link to a room's page."""
    return [row for part in _HEADING.split(page) for row in _rows_of(part)]


def find(name: str) -> object:
    """Return what a name stands for: ``room.module.thing.attribute``, or ``(parameter)`` behind what takes it.

    A name begins with a room, or with one of the shared floors. An attribute of a class may be one that only its
    instances have: a field, or what its methods set.

    Raises
    ------
    NoSuchName
        If any part of it is not there.
    """
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        raise NoSuchName(f"{name!r} is written like no name")
    first, rest, parameter = parsed.groups()
    if first not in (*ROOMS, *FLOORS):
        raise NoSuchName(f"{name!r} begins with neither a room nor a floor")
    found = importlib.import_module(f"consilience.methods.{first}" if first in ROOMS else f"consilience.{first}")
    for part in rest.split(".")[1:]:
        found = _part(found, part, name)
    if parameter is not None and parameter not in inspect.signature(found).parameters:
        raise NoSuchName(f"{name!r}: no parameter {parameter!r}")
    return found


def _rows_of(part: str) -> list[Row]:
    link = _LINK.search(part.partition("\n")[0])
    found, column = [], None
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            column = None
        elif column is None:
            column = cells.index(COLUMN) if COLUMN in cells else _NONE
        elif column != _NONE and set(line) - set("|-: "):
            names = tuple(_SPAN.findall(cells[column]))
            found.append(Row("" if link is None else link.group(1), line, names))
    return found


def _part(whole: Any, part: str, name: str) -> Any:
    if inspect.ismodule(whole):
        try:
            return getattr(whole, part)
        except AttributeError:
            return _module(whole, part, name)
    if hasattr(whole, part):
        return getattr(whole, part)
    if inspect.isclass(whole) and any(_has(home, part) for home in whole.__mro__[:-1]):
        return None
    raise NoSuchName(f"{name!r}: no {part!r} there")


def _module(whole: Any, part: str, name: str) -> Any:
    path = f"{whole.__name__}.{part}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise NoSuchName(f"{name!r}: no {part!r} in {whole.__name__}") from error


def _has(home: type, part: str) -> bool:
    if part in inspect.get_annotations(home):
        return True
    try:
        source = inspect.getsource(home)
    except (OSError, TypeError):
        return False
    return re.search(rf"\bself\.{part}\s*(:[^=\n]+)?=[^=]", source) is not None
