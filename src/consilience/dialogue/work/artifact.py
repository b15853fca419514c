"""The artifact: what agents hand on, how well it parses, and what a kind of task has to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from consilience.dialogue.sandbox import Snippets

__all__ = ["Artifact", "Kind", "Score", "Scorer"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A piece of work, as its kind reads it.

    Parameters
    ----------
    text
        The work in its kind's own form: what is shown to whoever works on it next.
    grade
        How well it parses. 0 is not usable; more is better, and what more means is the kind's.
    fault
        What keeps it from a higher grade, in words that a model can act on; empty where nothing does.

    Examples
    --------
    >>> Artifact("print(1)").digest
    '00e479c89669091e17c238bcb00a9d42'
    """

    text: str
    grade: int = 1
    fault: str = ""

    @property
    def digest(self) -> str:
        """Digest of the text, 32 hexadecimal digits: the name under which a journal keeps it."""
        return blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@runtime_checkable
class Kind(Protocol):
    """A kind of task: what an answer looks like, and how a reply is read as one."""

    @property
    def name(self) -> str:
        """One word."""

    @property
    def form(self) -> str:
        """What an answer has to look like, told to whoever writes one."""

    @property
    def duty(self) -> str:
        """What to look for in an answer, told to whoever comments on one."""

    def read(self, reply: str) -> Artifact:
        """Read a reply; whatever it is, the result says how well it parsed. Reading an artifact gives it again."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good an artifact is, without asking a model.

    Parameters
    ----------
    value
        From 0 to 1.
    facts
        What it is made of.
    """

    value: float
    facts: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Scorer(Protocol):
    """A kind that can tell how good an artifact is."""

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:
        """Score an artifact; programs run in the pool of sandboxes, or in one of their own."""
