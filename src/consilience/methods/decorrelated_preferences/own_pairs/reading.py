"""Preferences and texts from files, and what is wrong with them, with the number of the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput

__all__ = ["Lines", "conversational", "read_pairs", "read_texts"]

FIELDS = ("prompt", "chosen", "rejected")
Row = dict[str, Any]
_JSON_LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Lines:
    """Texts, one a line or a record, and a class of each where all have one."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None = None


def read_pairs(path: Path) -> list[Row]:
    """Read pairs in TRL's preference format, one JSON object a line.

    ``chosen`` and ``rejected`` are strings, or lists of messages with ``role`` and ``content``; ``prompt`` is of the
    same kind, or absent from all rows, and is then what both answers begin with. Other fields are passed over.

    Raises
    ------
    InvalidInput
        If a line is no such object, lacks a field, has equal answers, or is of another kind than the first.
    """
    rows: list[Row] = []
    for number, row in _records(path, _content(path)):
        where = f"{path}, line {number}"
        _check_fields(row, where)
        kept = {name: row[name] for name in FIELDS if name in row}
        if rows and (set(kept) != set(rows[0]) or conversational(kept) != conversational(rows[0])):
            raise InvalidInput(
                f"{where}: expected the fields and the kind (strings or messages) of the first pair; got others: write "
                "all pairs alike"
            )
        rows.append(kept)
    if not rows:
        raise InvalidInput(f"expected a pair of answers on each line of {path}; the file is empty")
    return rows


def conversational(row: Row) -> bool:
    """Whether a pair is made of messages."""
    return isinstance(row["chosen"], list)


def read_texts(path: Path) -> Lines:
    """Read texts: a line each, or JSON lines with ``text`` (and ``label``), or pairs, of which chosen answers are read.

    Lines are JSON where the name of the file says so (.jsonl, .ndjson, .json), or every line is a JSON object.

    Raises
    ------
    InvalidInput
        If there are fewer than two texts, or a record has none.
    """
    content = _content(path)
    if path.suffix.lower() not in _JSON_LINES and not _are_objects(content):
        found = Lines(tuple(line for line in content.splitlines() if line.strip()))
    else:
        rows = list(_records(path, content))
        texts = tuple(_text(row, f"{path}, line {number}") for number, row in rows)
        labels = tuple(str(row["label"]) for _, row in rows if "label" in row)
        found = Lines(texts, labels if labels and len(labels) == len(texts) else None)
    if len(found.texts) < 2:  # noqa: PLR2004  a pair
        raise InvalidInput(f"features are compared over texts; expected two or more in {path}, got {len(found.texts)}")
    return found


def _are_objects(content: str) -> bool:
    try:
        return all(isinstance(json.loads(line), dict) for line in content.split("\n") if line.strip())
    except json.JSONDecodeError:
        return False


def _records(path: Path, content: str) -> Iterator[tuple[int, Row]]:
    # JSON text may hold the other marks that splitlines() takes for ends of lines.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"{path}, line {number}: expected a JSON object; {error.msg}") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{path}, line {number}: expected a JSON object; got {type(row).__name__}")
        yield number, row


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"expected a text file; cannot read {path}: {reason}") from error


def _check_fields(row: Row, where: str) -> None:
    for name in ("chosen", "rejected"):
        if name not in row:
            raise InvalidInput(
                f"{where} lacks {name!r}; expected prompt, chosen and rejected, got {', '.join(row) or 'nothing'}"
            )
    for name in FIELDS:
        if name in row:
            _check_kind(row, name, where)
    if row["chosen"] == row["rejected"]:
        raise InvalidInput(f"{where}: chosen and rejected answers are equal, which prefers nothing: leave the pair out")


def _check_kind(row: Row, name: str, where: str) -> None:
    value = row[name]
    if isinstance(row["chosen"], list):
        right = isinstance(value, list) and bool(value) and all(_is_message(one) for one in value)
        expected = "a list of messages with 'role' and 'content'"
    else:
        right, expected = isinstance(value, str) and bool(value), "a string that is not empty"
    if not right:
        raise InvalidInput(f"{where}: {name!r} must be {expected}; got {json.dumps(value)[:60]}")


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)


def _text(row: Row, where: str) -> str:
    if isinstance(row.get("text"), str):
        return str(row["text"])
    if isinstance(row.get("chosen"), str):
        return str(row.get("prompt", "")) + str(row["chosen"])
    raise InvalidInput(f"{where} lacks 'text', or a prompt and a chosen answer as strings; got {', '.join(row)}")
