"""Reading: which program wrote an export, and its messages."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers import mbox, slack, tables, telegram, whatsapp
from consilience.methods.social_agents.importers.export import Export, Form
from consilience.methods.social_agents.importers.files import Folder, decoded, read_bytes
from consilience.methods.social_agents.importers.whatsapp import DateOrder

__all__ = ["read", "sniff"]

_HEAD_BYTES = 65_536
_FIRST_LINES = 40
_ACCEPTED = (
    "a chat of WhatsApp (.txt or .zip), result.json of Telegram, an export of Slack (.zip or a folder), "
    "mail (.mbox or .eml), or a table (.csv or .jsonl) with a heading for time, author and text"
)


def sniff(path: str | Path) -> Form:
    """Return which form an export has.

    Raises
    ------
    InvalidInput
        When it has none that can be read.
    """
    path = _with_name(path)
    form = _within(Folder(path)) if path.is_dir() or zipfile.is_zipfile(path) else _of_text(path)
    if form is None:
        raise InvalidInput(f"an export must be {_ACCEPTED}; {path.name} looks like none of them")
    return form


def read(
    path: str | Path,
    *,
    form: Form | None = None,
    zone: str = "UTC",
    title: str = "",
    dates: DateOrder = "auto",
    columns: Mapping[str, str] | None = None,
) -> Export:
    """Read an export of whichever form.

    Parameters
    ----------
    path
        Of the file, archive or folder.
    form
        Which; found out where nothing is given.
    zone
        For times that have none, such as ``"Europe/Berlin"``.
    title
        What the conversation is called, where the form does not say it.
    dates
        How dates are ordered that may be read in two ways.
    columns
        Which heading of a table stands for what.

    Raises
    ------
    InvalidInput
        When it has no form that can be read, or nothing in it can.
    """
    path = _with_name(path)
    form = form or sniff(path)
    if form == "whatsapp":
        return whatsapp.read(path, zone=zone, title=title, dates=dates)
    if form == "telegram":
        return telegram.read(path, zone=zone)
    if form == "slack":
        return slack.read(path)
    if form == "mbox":
        return mbox.read(path, zone=zone)
    return tables.read(path, zone=zone, title=title, columns=columns)


def _with_name(path: str | Path) -> Path:
    """Return a path that says what it is called, which ``.`` and ``..`` do not."""
    path = Path(path)
    return path if path.name not in ("", "..") else path.resolve()


def _within(folder: Folder) -> Form | None:
    if folder.named("result.json"):
        return "telegram"
    if any(slack.is_day(name) for name in folder):
        return "slack"
    return "whatsapp" if folder.ending(".txt") else None


def _of_text(path: Path) -> Form | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InvalidInput(f"an export must be a file that can be read; {path}: {error.strerror}") from error
    if head.startswith(b"PK"):
        raise InvalidInput(f"{path.name} must be a whole zip file; its end is missing: copy or export it again")
    told = decoded(head).told
    lines = told.split("\n")[:_FIRST_LINES]
    if mbox.begins_mailbox(head):
        return "mbox"
    if any(whatsapp.begins_message(line) for line in lines):
        return "whatsapp"
    if told.lstrip()[:1] == "[" and path.suffix.lower() in (".json", ".jsonl"):
        return "table"  # whose reader says what a list has to become
    return _of_json(path, told, lines[0]) if told.lstrip()[:1] == "{" else _of_lines(lines, path.suffix.lower())


def _of_json(path: Path, head: str, first: str) -> Form | None:
    if first.strip().endswith("}") and tables.found_columns(tables.headings_of(first)):
        return "table"
    # All that somebody has in Telegram begins with themselves and their contacts; the chats may be far behind.
    return "telegram" if _has_chats(head) or _has_chats(decoded(read_bytes(path)).told) else None


def _has_chats(told: str) -> bool:
    return '"messages"' in told or '"chats"' in told


def _of_lines(lines: list[str], suffix: str) -> Form | None:
    if tables.found_columns(tables.headings_of(lines[0])):
        return "table"
    names = {line.partition(":")[0].lower() for line in lines if ":" in line}
    if {"from", "date"} <= names:
        return "mbox"
    return "table" if suffix in (".csv", ".tsv", ".jsonl") else None
