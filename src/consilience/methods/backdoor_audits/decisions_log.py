"""A log of decisions, a line of JSON each, in which every line has the digest of the one before.

Whoever changes, drops or adds a line in the middle breaks the chain, and `verify` says where. What a chain cannot tell
by itself is that its end was cut off: keep `head`, the last digest, elsewhere and give it to `verify`. Arguments are
written as digests unless they may be read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.guard import Call, Decision

__all__ = ["FIRST", "DecisionsLog", "Verified", "verify"]

FIRST = "0" * 64
"""What stands for the digest before the first line."""


@dataclass(frozen=True)
class Verified:
    """What came of reading a log."""

    lines: int
    """Lines that are whole and in their place."""
    head: str
    """Digest of the last of these."""
    wrong: str
    """What is wrong with the line after them; nothing if all are as they were written."""

    def __bool__(self) -> bool:
        return not self.wrong


class DecisionsLog:
    """A log that is written to; one process writes it at a time.

    Parameters
    ----------
    path
        The file; an earlier log is gone on with if it is whole.
    policy
        Digest of the policy that decides.
    arguments
        Whether arguments are written as they are, in place of their digests.

    Raises
    ------
    InvalidInput
        If the file cannot be written, or an earlier log in it is broken.
    """

    def __init__(self, path: Path | str, *, policy: str = "", arguments: bool = False) -> None:
        self._path = Path(path)
        self._policy = policy
        self._arguments = arguments
        found = verify(self._path) if self._path.exists() else Verified(0, FIRST, "")
        if found.wrong:
            raise InvalidInput(f"{self._path} cannot be gone on with: {found.wrong}; keep it and give another file")
        self._count, self._head = found.lines, found.head
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise InvalidInput(f"the log must be writable; {path}: {error.strerror or error}") from error

    @property
    def head(self) -> str:
        """Digest of the last line: what to keep elsewhere."""
        return self._head

    def write(self, call: Call, decision: Decision, **more: str | int | float | bool | None) -> None:
        """Append a decision; it is in the file when this returns, and no part of it is when it cannot be written.

        Raises
        ------
        OSError
            If it cannot be written, as on a full disk; what was decided before stays whole, and later ones may follow.
        """
        record = {
            "number": self._count,
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "policy": self._policy,
            "tool": call.tool,
            "call": call.id,
            "arguments": self._told(call.arguments),
            "outcome": decision.outcome.value,
            "shadow": decision.shadow,
            "rule": decision.rule,
            "reason": decision.reason if self._arguments else _without_values(decision),
            "more": more,
            "before": self._head,
        }
        digest = _digest(record)
        self._append(json.dumps({**record, "digest": digest}, ensure_ascii=True).encode() + b"\n")
        self._count, self._head = self._count + 1, digest

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> DecisionsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        written = 0
        try:
            written = self._file.write(line)
        finally:
            if written != len(line):
                self._file.truncate(end)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _told(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: _plain(value) for name, value in arguments.items()}
        if self._arguments:
            return texts
        return {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for name, text in texts.items()}


def verify(path: Path | str, *, head: str | None = None) -> Verified:
    """Read a log and say how far it is what was written.

    Parameters
    ----------
    path
        The file.
    head
        Digest of the last line as it was kept elsewhere; without it a log whose end is cut off looks whole.

    Raises
    ------
    InvalidInput
        If there is no such file.
    """
    lines, last = 0, FIRST
    for number, line in enumerate(_lines(Path(path)), 1):
        wrong, digest = _wrong(line, lines, last)
        if wrong:
            return Verified(lines, last, f"line {number} {wrong}")
        lines, last = lines + 1, digest
    if head is not None and head != last:
        return Verified(lines, last, f"it ends with {last[:12]} after {lines} lines, and should end with {head[:12]}")
    return Verified(lines, last, "")


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            yield from file
    except OSError as error:
        raise InvalidInput(f"the log must be a file; {path}: {error.strerror or error}") from error


def _wrong(line: str, number: int, last: str) -> tuple[str, str]:
    if not line.endswith("\n"):
        return "is cut off", ""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "is no JSON", ""
    if not isinstance(record, dict):
        return "is no record", ""
    digest = record.pop("digest", None)
    if not isinstance(digest, str) or _digest(record) != digest:
        return "was changed", ""
    if record.get("before") != last or record.get("number") != number:
        return "does not follow the line before it", ""
    return "", digest


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _plain(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def _without_values(decision: Decision) -> str:
    """Return why, without what might be an argument: the rule and the outcome say the rest."""
    return decision.reason.partition(":")[0]
