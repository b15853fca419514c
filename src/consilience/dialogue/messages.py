"""What is said: messages, the question that asks a model, and its reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Literal

__all__ = ["Finish", "Message", "Question", "Reply", "Role", "Settings", "Usage"]

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refused", "tools", "other"]
"""Why a model stopped: it was done, ran out of tokens, was filtered, wants a tool, or something else."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, in the parts it was put together from.

    A part that many messages share (a task, a profile, somebody's answer) is kept once by the journal, so that prompts
    cost a digest each and not their length.

    Parameters
    ----------
    role
        Who speaks.
    parts
        Strings that make up the text, in order, without anything between them.

    Examples
    --------
    >>> Message("user", ("Improve this: ", "print(1)")).text
    'Improve this: print(1)'
    """

    role: Role
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is to answer; what is None is left to the provider."""

    temperature: float | None = None
    """0 and above."""
    max_tokens: int | None = None
    """Tokens of the reply at most."""
    seed: int | None = None
    """For providers that sample reproducibly, and for the rehearsal model."""
    json_schema: str | None = None
    """A JSON schema, as JSON, that the reply is asked to follow."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked, by whom, and for the how-manieth time.

    Parameters
    ----------
    element
        Who asks, unique within a run: a node such as ``"7"``, an edge such as ``"3->7"``, a merge such as ``"7+0.1"``.
    messages
        System messages first, the newest last.
    settings
        How to answer.
    occurrence
        Tells apart questions of one element that are otherwise equal: rounds, re-asks. From 0.
    """

    element: str
    messages: tuple[Message, ...]
    settings: Settings = field(default_factory=Settings)
    occurrence: int = 0

    def key(self, model: str) -> bytes:
        """Digest of everything that is asked of the model of that name, 16 bytes: under it the journal keeps the reply.

        How a text is cut into parts does not change it.

        Examples
        --------
        >>> one = Question("7", (Message("user", ("a", "b")),))
        >>> one.key("m") == Question("7", (Message("user", ("ab",)),)).key("m")
        True
        >>> one.key("m") == Question("7", (Message("user", ("ab",)),), occurrence=1).key("m")
        False
        """
        # JSON, put together by hand: of a turn's time the encoder of the library would take a tenth.
        said = ", ".join([f'["{message.role}", {_quoted(message.text)}]' for message in self.messages])
        asked = f"[{_quoted(model)}, {_quoted(self.element)}, {self.occurrence:d}, {_set(self.settings)}, [{said}]]"
        return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@lru_cache(maxsize=4096)
def _set(settings: Settings) -> str:
    """Return settings as a part of what is asked; of equals, such as 1 and 1.0, one text."""
    temperature = None if settings.temperature is None else float(settings.temperature)
    said = [temperature, settings.max_tokens, settings.seed, settings.json_schema]
    return json.dumps(said, ensure_ascii=False)[1:-1]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost."""

    input_tokens: int = 0
    """Tokens of the question."""
    output_tokens: int = 0
    """Tokens of the reply."""
    usd: float = 0.0
    """Money; 0 where no price is known (`Reply.priced` says so)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said."""

    text: str
    """The answer; may be empty."""
    model: str
    """Who answered, by the provider's name for it."""
    usage: Usage = field(default_factory=Usage)
    """What it cost."""
    finish: Finish = "stop"
    """Why it ended."""
    latency_s: float = 0.0
    """From the send to the last byte."""
    priced: bool = True
    """Whether `usage.usd` is a price and not a gap."""
    replayed: bool = False
    """Whether the journal gave it: nothing was sent."""
