"""Tables: CSV with a heading line, or one JSON object a line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.export import (
    Author,
    Export,
    Said,
    Skipped,
    Thread,
    counted_keys,
    digest,
)
from consilience.methods.social_agents.importers.files import decoded, read_bytes
from consilience.methods.social_agents.importers.times import LocalClock, find_zone, read_time

__all__ = ["COLUMNS", "found_columns", "headings_of", "read"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "sent_at", "date", "datetime", "created_at", "ts", "when"),
    "author": ("author", "sender", "from", "user", "name", "who", "speaker"),
    "text": ("text", "message", "body", "content", "said"),
    "conversation": ("conversation", "chat", "channel", "thread", "room", "group"),
    "id": ("id", "message_id", "key"),
    "author_id": ("author_id", "sender_id", "user_id", "from_id"),
    "reply_to": ("reply_to", "reply_to_message_id", "in_reply_to"),
}
"""What a column may be called, in any case; the first three must be there."""
_NEEDED = ("time", "author", "text")
_LONGEST_FIELD = 64_000_000
_LIST = re.compile(r"\s*\[\s*[{\]]")
"""How a list of JSON objects begins."""


def found_columns(headings: list[str]) -> dict[str, str]:
    """Return which heading stands for what; empty where one that is needed is missing.

    Examples
    --------
    >>> found_columns(["Date", "From", "Message", "Mood"])
    {'time': 'Date', 'author': 'From', 'text': 'Message'}
    """
    plain = {heading.strip().lower().replace(" ", "_"): heading for heading in reversed(headings)}
    found = {
        meaning: next(plain[name] for name in names if name in plain)
        for meaning, names in COLUMNS.items()
        if any(name in plain for name in names)
    }
    return found if all(meaning in found for meaning in _NEEDED) else {}


def headings_of(first: str) -> list[str]:
    """Return the headings that the first line of a table gives.

    Examples
    --------
    >>> headings_of("time;author;text"), headings_of('{"time": 1, "author": "Ann", "text": "Hi"}')
    (['time', 'author', 'text'], ['time', 'author', 'text'])
    """
    if _LIST.match(first) or first.strip() == "[":
        return []
    return _Rows(f"{first}\n{first}").headings if first.lstrip()[:1] != "{" else _Rows(f"{first}\n").headings


def read(path: Path, *, zone: str = "UTC", title: str = "", columns: Mapping[str, str] | None = None) -> Export:
    """Read a table of messages.

    Parameters
    ----------
    path
        Of a file of comma-separated values with a heading line, or of one JSON object a line.
    zone
        For times without one.
    title
        What the conversation is called where no column says so; the file's name where nothing is given.
    columns
        Which heading stands for what, where `COLUMNS` does not find it.

    Raises
    ------
    InvalidInput
        When a column that is needed is missing, or no row can be read.
    """
    text = decoded(read_bytes(path))
    if _LIST.match(text.told):
        raise InvalidInput(
            f"{path.name} must have one JSON object a line, as .jsonl; it is one list: write each of its objects on a "
            "line of its own, without the brackets and commas around them"
        )
    try:
        rows = _Rows(text.told)
    except InvalidInput as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    given = dict(columns or {})
    if unknown := [each for each in given if each not in COLUMNS]:
        raise InvalidInput(f"`columns` must say what is {', '.join(COLUMNS)}; got {', '.join(unknown)}")
    found = {**found_columns(rows.headings), **given}
    missing = [each for each in _NEEDED if found.get(each) not in rows.headings]
    if missing:
        raise InvalidInput(f"{path.name} must have columns for time, author and text; {', '.join(missing)}: none")
    read_rows, skipped = _lines(rows, found, LocalClock(find_zone(zone)), title or path.stem)
    if not read_rows:
        raise InvalidInput(f"{path.name} must hold messages; no row of it can be read")
    return _export(read_rows, skipped, cut_off=text.cut_off or rows.cut_off, notes=text.notes)


@dataclass(frozen=True, slots=True)
class _Line:
    """A row that is a message."""

    conversation: str
    author: str
    name: str
    sent_at: datetime
    text: str
    identifier: str
    reply_to: str


class _Rows:
    """The rows of a table, and whether its end is missing."""

    def __init__(self, told: str) -> None:
        self.cut_off = False
        """Whether the last row was not whole."""
        self._rows = list(_objects(self, told) if told.lstrip()[:1] == "{" else _records(self, told))
        self.headings = list(dict.fromkeys(name for _, row in self._rows[:100] for name in row or ()))
        """What the columns are called."""

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Give each row with its place; None for one that cannot be read."""
        return iter(self._rows)


def _objects(rows: _Rows, told: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    lines = told.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines):
                rows.cut_off = True
                return
            row = None
        yield f"line {number}", row if isinstance(row, dict) else None


def _records(rows: _Rows, told: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    head = told.partition("\n")[0]
    delimiter = max(",;\t|", key=head.count)
    with _long_fields():
        reader = csv.reader(io.StringIO(told, newline=""), delimiter=delimiter, strict=True)
        headings: list[str] | None = None
        try:
            for record in reader:
                if not record:
                    continue
                if headings is None:
                    headings = record
                    continue
                whole = len(record) == len(headings)
                yield f"line {reader.line_num}", dict(zip(headings, record, strict=True)) if whole else None
        except csv.Error as error:
            if "unexpected end" not in str(error):
                raise InvalidInput(f"a table must be separated and quoted as CSV is; {error}") from error
            rows.cut_off = True


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field be as long as a message may be; the limit is one for the whole process, so it is put back."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _lines(rows: _Rows, found: Mapping[str, str], clock: LocalClock, title: str) -> tuple[list[_Line], list[Skipped]]:
    lines, skipped = [], []
    for where, row in rows:
        values = {} if row is None else {meaning: row.get(name) for meaning, name in found.items()}
        reason = _no_message(values)
        try:
            moment = None if reason else read_time(values["time"], clock)
        except (ValueError, TypeError):
            moment, reason = None, "its time cannot be read"
        if moment is None:
            skipped.append(Skipped(where, reason))
            continue
        told = {name: "" if value is None else str(value).strip() for name, value in values.items()}
        lines.append(
            _Line(
                told.get("conversation") or title,
                told.get("author_id") or told["author"],
                told["author"],
                moment,
                told["text"],
                told.get("id", ""),
                told.get("reply_to", ""),
            )
        )
    return lines, skipped


def _no_message(values: Mapping[str, Any]) -> str:
    if not values:
        return "not as many values as headings"
    for meaning, reason in (("author", "no sender"), ("text", "nothing was said")):
        if not str(values[meaning] if values[meaning] is not None else "").strip():
            return reason
    return ""


def _export(lines: list[_Line], skipped: list[Skipped], *, cut_off: bool, notes: tuple[str, ...]) -> Export:
    counted = counted_keys((line.conversation, line.author, line.sent_at.isoformat(), line.text) for line in lines)
    threads: dict[str, dict[str, None]] = {}
    people: dict[str, Author] = {}
    said: dict[str, Said] = {}
    for line, made in zip(lines, counted, strict=True):
        people.setdefault(line.author, Author(line.author, line.name))
        threads.setdefault(line.conversation, {})[line.author] = None
        key = f"{line.conversation}/{line.identifier}" if line.identifier else made
        reply = f"{line.conversation}/{line.reply_to}" if line.reply_to else ""
        thread = digest(line.conversation.casefold())
        said.setdefault(key, Said(key, thread, line.author, line.sent_at, line.text, None, reply))
    found = tuple(Thread(digest(name.casefold()), name, tuple(who)) for name, who in threads.items())
    return Export("table", tuple(people.values()), found, tuple(said.values()), tuple(skipped), cut_off, notes)
