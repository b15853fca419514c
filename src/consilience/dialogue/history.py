"""What a journal tells of a run: calls, artifacts, and how two runs differ."""

from __future__ import annotations

from dataclasses import dataclass

from consilience.dialogue.messages import Question, Reply
from consilience.ground.errors import ConsilienceError

__all__ = ["Artifact", "Call", "Difference", "JournalLocked", "JournalUnavailable", "RunFacts", "TextDiffers"]


class JournalUnavailable(ConsilienceError):
    """A journal cannot be written now: locked by somebody else, disk full, server gone. What was acknowledged stays."""


class JournalLocked(JournalUnavailable):
    """Somebody else writes to the journal now."""


@dataclass(frozen=True, slots=True)
class Call:
    """A question, and what was answered."""

    key: bytes
    """Digest of the question and the model it went to."""
    question: Question
    """What was asked, in the parts it was put together from."""
    model: str
    """Who was asked, by the name that the key holds."""
    reply: Reply
    """What was answered, marked as replayed."""
    ended_at: float
    """When the reply was complete, in seconds of the Unix epoch, to the millisecond."""

    @property
    def started_at(self) -> float:
        """When the question was sent, in seconds of the Unix epoch."""
        return self.ended_at - self.reply.latency_s


@dataclass(frozen=True, slots=True)
class Artifact:
    """A piece of work that an element left behind."""

    element: str
    """Who made it."""
    text: str
    """The work itself."""
    digest: bytes
    """Digest of the text, 16 bytes."""
    parents: tuple[str, ...]
    """Elements whose artifacts went into it, in the order they were given."""
    kind: str
    """What sort of text it is, in the words of the room."""
    note: str = ""
    """What the room wants to remember of it."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run at a glance."""

    name: str
    """As it was opened."""
    began_at: float
    """When its first row was written, in seconds of the Unix epoch."""
    forked_from: str | None
    """The run it was copied from, by the name that one had then."""
    calls: int
    """Replies that it holds."""
    artifacts: int
    """Artifacts that it holds, earlier states included."""
    input_tokens: int
    """Tokens of its questions."""
    output_tokens: int
    """Tokens of its replies."""
    usd: float
    """What its replies cost, those copied by a fork included."""
    unanswered: int = 0
    """Attempts that were sent and left no reply here; a fork copies none."""
    unanswered_tokens: int = 0
    """Tokens that these may have been charged with, at most."""
    unanswered_usd: float = 0.0
    """Money that these may have cost, at most."""


@dataclass(frozen=True, slots=True)
class TextDiffers:
    """Two texts that stand in the same place of two runs."""

    element: str
    """Where."""
    a: str
    """In the first run."""
    b: str
    """In the second run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two runs differ; it is false when they do not.

    Order, time and money are no difference.
    """

    only_in_a: tuple[str, ...]
    """Elements that only the first run has."""
    only_in_b: tuple[str, ...]
    """Elements that only the second run has."""
    asked: tuple[str, ...]
    """Elements of both that asked something in one run that they did not ask in the other."""
    replies: tuple[TextDiffers, ...]
    """The same question, another answer."""
    artifacts: tuple[TextDiffers, ...]
    """Elements whose artifacts, as they stand at last, are different."""

    def __bool__(self) -> bool:
        """Say whether there is any difference."""
        return bool(self.only_in_a or self.only_in_b or self.asked or self.replies or self.artifacts)
