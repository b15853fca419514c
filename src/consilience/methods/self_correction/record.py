"""What a trace holds: its first line, calls, and ends, each a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

_HEADER = {"trace": "consilience.self_correction", "version": 1}
HEADER_LINE = json.dumps(_HEADER) + "\n"
"""The first line of every trace."""

_quoted = json.JSONEncoder().encode
"""Text as JSON; the encoder of `json.dumps` without its detour."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the trace keeps it; exactly one of `text` and `error` is there."""

    item: str
    """Name of the question in its batch."""
    call: int
    """Number within the question, from 0."""
    role: str
    """What the call was for, such as ``"answer"`` or ``"check"``."""
    prompt: str
    """Hash of the conversation that was sent."""
    tokens_in: int
    """Estimated tokens sent."""
    tokens_out: int
    """Estimated tokens received."""
    seconds: float
    """How long it took."""
    text: str | None = None
    """The reply."""
    error: str | None = None
    """What went wrong instead."""

    def line(self) -> str:
        """Return the call as a line of JSON; by hand, which is what the time of a call allows."""
        body = (
            f'{{"item": {_quoted(self.item)}, "call": {self.call}, "role": {_quoted(self.role)}, '
            f'"prompt": "{self.prompt}", "tokens_in": {self.tokens_in}, "tokens_out": {self.tokens_out}, '
            f'"seconds": {self.seconds:.6f}, '
        )
        reply = f'"error": {_quoted(self.error)}' if self.text is None else f'"text": {_quoted(self.text)}'
        return f"{body}{reply}}}\n"


@dataclass(frozen=True, slots=True)
class End:
    """The end of a question as the trace keeps it."""

    item: str
    """Name of the question in its batch."""
    end: str
    """Rule that ended it."""
    words: str
    """The same with its numbers."""
    chosen: int | None
    """Which attempt was selected."""

    def line(self) -> str:
        """Return the end as a line of JSON."""
        return json.dumps(asdict(self)) + "\n"


def is_header(line: bytes) -> bool:
    """Whether a line is the first of a trace."""
    try:
        return bool(json.loads(line) == _HEADER)
    except ValueError:
        return False


def read_line(line: bytes) -> Call | End:
    """Return the call or the end that a line holds.

    Raises
    ------
    ValueError
        If it holds neither.
    """
    fields: Any = json.loads(line)
    try:
        entry = End(**fields) if "end" in fields else Call(**fields)
    except TypeError as error:
        raise ValueError(error) from error
    if not isinstance(fields["item"], str) or not isinstance(fields.get("call", 0), int):
        raise ValueError("the item must be a text, and the call a number")  # noqa: TRY004  as for all of the line
    return entry
