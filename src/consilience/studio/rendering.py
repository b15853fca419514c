"""Rendering: pages from templates, all text escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from consilience.ground.claims import Claim, Measurement, spell
from consilience.ground.gauge import draw
from consilience.ground.ledger import SYMBOLS

__all__ = ["moment", "render", "words"]

_KILO = 1024
_MINUTE, _HOUR = 60, 3600


def render(name: str, **facts: Any) -> bytes:
    """Return a page; halves of characters, which names of files may hold, become question marks."""
    return _templates().get_template(f"{name}.html.j2").render(**facts).encode("utf-8", "replace")


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("consilience.studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        spell=spell, gauge=draw, interval=_interval, when=_when, moment=moment, lasted=_lasted, size=_size, words=words
    )
    made.filters.update(address=quote, count="{:,}".format, extra=_extra, missed=_missed)
    made.globals["symbols"] = SYMBOLS
    return made


def _interval(measurement: Measurement) -> str:
    value = spell(measurement.value, measurement.unit)
    if measurement.low is None or measurement.high is None:
        return value
    return f"{value} [{spell(measurement.low)}, {spell(measurement.high)}]"


def _missed(claim: Claim) -> list[Measurement]:
    """Return the bars that are missed beside the headline's."""
    return [one for one in claim.evidence.measurements[1:] if one.holds is False]


def _when(told: str) -> str:
    """Write a time of a journal to the minute."""
    return f"{told[:10]} {told[11:16]}" if len(told) >= len("2026-01-01T00:00") else told


def moment(seconds: float) -> str:
    """Write seconds of the Unix epoch as a journal does."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else ""


def _lasted(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds else "0 s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:02.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:02.0f} min"


def _size(path: Path) -> str:
    try:
        count = float(path.stat().st_size)
    except OSError:
        return ""
    for unit in ("bytes", "KB", "MB"):
        if count < _KILO:
            return f"{count:.0f} {unit}"
        count /= _KILO
    return f"{count:.1f} GB"


def words(name: str) -> str:
    """Write the name of a room as words."""
    told = name.replace("_", " ")
    return told[:1].upper() + told[1:]


def _extra(record: Mapping[str, Any], *known: str) -> str:
    """Write what a record of a journal tells beside what is shown already."""
    told = {key: value for key, value in record.items() if key not in known}
    return ", ".join(f"{key} {_plain(value)}" for key, value in told.items())


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    return spell(value) if isinstance(value, float) else json.dumps(value, default=str)
