"""Rows on their way to a journal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import chain
from typing import Any, get_args

from consilience.dialogue.messages import Finish, Question, Reply, Settings, Usage
from consilience.dialogue.packing import pack

__all__ = ["FINISHES", "ArtifactRow", "CallRow", "Row", "UnansweredRow", "now_ms", "settings_text"]

FINISHES: tuple[Finish, ...] = get_args(Finish)
"""Why a model stopped, by the number that is kept of it."""
_SETTINGS = tuple(field.name for field in fields(Settings))
_FINISH_CODES = {finish: code for code, finish in enumerate(FINISHES)}
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True)
class CallRow:
    """A reply on its way to the disk."""

    key: bytes
    """Digest of the question and the model it went to."""
    question: Question
    """What was asked."""
    model: str
    """Who was asked."""
    reply: Reply
    """What was answered."""
    ended_ms: int
    """When, in milliseconds of the Unix epoch."""

    def texts(self) -> tuple[str, ...]:
        """Return every text that the row refers to."""
        parts = chain.from_iterable(message.parts for message in self.question.messages)
        return (self.model, settings_text(self.question.settings), self.reply.text, self.reply.model, *parts)

    def values(self, run: int, numbers: Mapping[str, int]) -> tuple[Any, ...]:
        """Return the row as the table `calls` holds it."""
        question, reply = self.question, self.reply
        return (
            run,
            self.key,
            question.element,
            question.occurrence,
            numbers[self.model],
            numbers[settings_text(question.settings)],
            pack(question.messages, numbers),
            numbers[reply.text],
            numbers[reply.model],
            reply.usage.input_tokens,
            reply.usage.output_tokens,
            reply.usage.usd,
            int(reply.priced),
            _FINISH_CODES[reply.finish],
            round(reply.latency_s * 1e6),
            self.ended_ms,
        )


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """An artifact on its way to the disk."""

    element: str
    """Who made it."""
    text: str
    """The work itself."""
    parents: tuple[str, ...]
    """Whose artifacts went into it."""
    kind: str
    """What sort of text it is."""
    note: str
    """What the room wants to remember."""
    ended_ms: int
    """When, in milliseconds of the Unix epoch."""

    def texts(self) -> tuple[str, ...]:
        """Return every text that the row refers to."""
        return self.text, self.kind

    def values(self, run: int, numbers: Mapping[str, int]) -> tuple[Any, ...]:
        """Return the row as the table `artifacts` holds it."""
        parents = _written(self.parents)
        return run, self.element, numbers[self.text], parents, numbers[self.kind], self.note, self.ended_ms


@dataclass(frozen=True, slots=True)
class UnansweredRow:
    """An attempt that left no reply, on its way to the disk."""

    usage: Usage
    """What it may have cost, at most."""
    ended_ms: int
    """When it was over, in milliseconds of the Unix epoch."""

    def texts(self) -> tuple[str, ...]:
        """Return every text that the row refers to: none."""
        return ()


Row = CallRow | ArtifactRow | UnansweredRow


@lru_cache(maxsize=4096)  # a deep network has 101 temperatures, and 16 seeds at each
def settings_text(settings: Settings) -> str:
    """Return settings as JSON, without what was left to the provider.

    Examples
    --------
    >>> settings_text(Settings(temperature=0.5))
    '{"temperature":0.5}'
    """
    said = {name: value for name in _SETTINGS if (value := getattr(settings, name)) is not None}
    return _written(said)


def now_ms() -> int:
    """Return the time in milliseconds of the Unix epoch."""
    return time.time_ns() // 1_000_000
