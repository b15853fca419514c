"""Lines of a growing file: JSON objects, one a line, of which the last may be half written and some may be broken."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience.studio.keeping import kept
from consilience.studio.places import content_of

__all__ = ["Lines", "number", "read_lines"]


@dataclass(frozen=True, slots=True)
class Lines:
    """What could be read of a file of JSON lines."""

    records: tuple[dict[str, Any], ...] = ()
    """Every line that is an object, in order."""
    broken: int = 0
    """Whole lines that are none."""
    trouble: str = ""
    """Why the file cannot be read at all."""


def read_lines(path: Path) -> Lines:
    r"""Read a file of JSON lines; one that is not there has none, and a last line without its end is passed over.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     file = Path(scratch) / "journal.jsonl"
    ...     _ = file.write_text('{"event": "begins"}\nnonsense\n{"event": "half')
    ...     read_lines(file)
    Lines(records=({'event': 'begins'},), broken=1, trouble='')
    """
    return kept(path, _read)


def number(value: object) -> float | None:
    """Return a number that was read from JSON; None for what is none, or is larger than any.

    Examples
    --------
    >>> number(3), number(True), number(10**400)
    (3.0, None, None)
    """
    with suppress(OverflowError):
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return None


def _read(path: Path) -> Lines:
    try:
        content = content_of(path)
    except FileNotFoundError:
        return Lines()
    except OSError as error:
        return Lines(trouble=f"{path.name} cannot be read: {error.strerror or error}")
    records: list[dict[str, Any]] = []
    broken = 0
    for line in content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            broken += 1
    return Lines(tuple(records), broken)
