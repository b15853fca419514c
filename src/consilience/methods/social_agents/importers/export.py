"""Exports: what somebody else's program wrote down of conversations, read into one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

__all__ = ["Author", "Export", "Form", "Said", "Skipped", "Thread", "counted_keys", "digest"]

Form = Literal["whatsapp", "telegram", "slack", "mbox", "table"]
"""Which program's form an export has; ``"table"`` is CSV or one JSON object a line."""


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody who wrote, as the export knows them."""

    key: str
    """What tells them from others within the form, such as ``"user123"`` or an address."""
    name: str
    """As the export calls them; two may have one name."""
    address: str = ""
    """Mail address or number, where the export has one."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of the export."""

    key: str
    """What tells it from others within the form."""
    title: str
    """What it is called there, or who is in it."""
    members: tuple[str, ...] = ()
    """Keys of the authors known to be in it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the export."""

    key: str
    """What it is called; the same whenever the same message is exported again."""
    thread: str
    """Key of its conversation."""
    author: str
    """Key of who wrote it."""
    sent_at: datetime
    """When, with a time zone."""
    text: str
    """As it stood when it was exported; media are words in brackets."""
    edited_at: datetime | None = None
    """When it was changed last, where the export says so."""
    reply_to: str = ""
    """Key of what it answers, where the export says so."""
    gone: bool = False
    """Whether its author took it back: the text is empty."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the export that is no message, or none that can be read."""

    where: str
    """Line, row or number."""
    reason: str
    """Why; without a word of what it says."""


@dataclass(frozen=True, slots=True)
class Export:
    """All that an export holds."""

    form: Form
    """What wrote it."""
    people: tuple[Author, ...]
    """Who wrote, in the order they first did."""
    conversations: tuple[Thread, ...]
    """Where."""
    messages: tuple[Said, ...]
    """What, in the order of the export, each key once."""
    skipped: tuple[Skipped, ...] = ()
    """What was left out, and why."""
    cut_off: bool = False
    """Whether its end is missing: what is whole was read."""
    notes: tuple[str, ...] = ()
    """What had to be assumed."""
    me: str = ""
    """Key of whoever exported it, where the export says so."""


def digest(*parts: str, length: int = 16) -> str:
    """Return a short name for texts, the same on every machine.

    Examples
    --------
    >>> digest("a", "bc") == digest("ab", "c")
    False
    """
    whole = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def counted_keys(contents: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a key for each message of an export that names none: what it is, and which of its like.

    Examples
    --------
    >>> keys = counted_keys([("10:15", "ok"), ("10:15", "ok"), ("10:16", "ok")])
    >>> len(set(keys))
    3
    """
    met: Counter[str] = Counter()
    keys = []
    for content in contents:
        name = digest(*content)
        met[name] += 1
        keys.append(f"{name}-{met[name]}")
    return keys
