"""Records: who there is, what was said, what is asked of a memory, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = [
    "Added",
    "Episode",
    "Hit",
    "Message",
    "NewMessage",
    "Person",
    "Query",
    "Receipt",
    "StoreLocked",
    "StoreUnavailable",
    "from_us",
    "to_us",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)

MOST_HITS = 1000
"""Hits of one search at most."""
MOST_CONTEXT = 50
"""Messages shown before and after a hit at most."""


class StoreLocked(ConsilienceError):
    """Somebody else kept the database locked for longer than one would wait: try again."""


class StoreUnavailable(ConsilienceError):
    """The database cannot be written or reached: nothing was changed, and what it holds is safe."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with messages. Two people may have one name; nobody shares a handle."""

    id: int
    """Number that stays theirs."""
    handle: str
    """Short name that tells them from everybody else."""
    name: str
    """As others see it."""
    card: str = ""
    """What they say of themselves to everybody."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message on its way into a store."""

    conversation: int
    """Where it was said."""
    sender: int
    """Number of who said it."""
    sent_at: datetime
    """When, with its time zone."""
    text: str
    """What was said."""
    source: str = ""
    """Where it was read from, such as the name of an export."""
    source_id: str = ""
    """What it is called there; with one, adding it again adds nothing."""
    label: str = ""
    """What kind of thing it tells, such as ``"health"``; empty where nobody said."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its owner reads it."""

    id: int
    """Number that is never given again, also when the message is forgotten."""
    conversation: int
    """Where it was said."""
    sender: int
    """Number of who said it."""
    sender_name: str
    """Their name."""
    sent_at: datetime
    """When, in UTC."""
    text: str
    """What was said, as it stands after edits; empty when it was redacted."""
    label: str = ""
    """What kind of thing it tells."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of messages that were added."""

    new: int
    """How many were not there before."""
    known: int
    """How many were, and stayed as they are."""
    ids: tuple[int, ...] = ()
    """Numbers of the new ones, in the order they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for in a memory. Nothing in it is read as an operator or a wildcard.

    Raises
    ------
    InvalidInput
        When a number or a time is out of range.

    Examples
    --------
    >>> Query(words=("ring",), limit=0)
    Traceback (most recent call last):
    ...
    consilience.ground.errors.InvalidInput: `limit` must be from 1 to 1000; got 0
    """

    words: tuple[str, ...] = ()
    """Any of them, in whichever form; what has more and rarer ones comes first."""
    phrases: tuple[str, ...] = ()
    """All of them, word after word."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of words; any of them."""
    sender: str | None = None
    """Handle of who said it."""
    conversation: int | None = None
    """Where it was said."""
    without_conversation: int | None = None
    """Where it was not said."""
    since: datetime | None = None
    """Not before this time."""
    until: datetime | None = None
    """Before this time."""
    context: int = 1
    """How many messages to show before and after each."""
    limit: int = 30
    """Hits at most."""
    beside: bool = True
    """Whether what stands right beside a match gains by it, and may be a hit without having any of the words: answers
    do. Where phrases, prefixes or a sender are asked for, it does not."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_HITS:
            raise InvalidInput(f"`limit` must be from 1 to {MOST_HITS}; got {self.limit}")
        if not 0 <= self.context <= MOST_CONTEXT:
            raise InvalidInput(f"`context` must be from 0 to {MOST_CONTEXT}; got {self.context}")
        for name in ("words", "phrases", "prefixes"):
            if isinstance(getattr(self, name), str):
                raise InvalidInput(f"`{name}` must be a tuple of texts; got one text: write ({getattr(self, name)!r},)")
        for moment in (self.since, self.until):
            if moment is not None:
                to_us(moment)


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found, with what was said around it."""

    message: Message
    """What was found."""
    score: float
    """BM25 by the owner's own statistics, with what it gains by what is beside it; 0 when no words were asked for."""
    before: tuple[Message, ...] = ()
    """What the owner read just before it there, oldest first."""
    after: tuple[Message, ...] = ()
    """What the owner read just after it there."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of a conversation that was read by the same people: the unit of fuzzy memory."""

    id: int
    """Number in the store; another one when the stretch grew."""
    conversation: int
    """Where it was."""
    since: datetime
    """When it began."""
    until: datetime
    """When its last message was sent."""
    summary: str
    """What it was about."""
    messages: tuple[int, ...]
    """Numbers of its messages, oldest first."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was forgotten, without a word of it."""

    at: datetime
    """When."""
    what: str
    """``"owner 3"``, ``"conversation 7"`` or ``"messages"``."""
    messages: int
    """Messages that are gone for everybody."""
    unseen: int
    """Rows that let somebody read a message."""
    versions: int
    """Earlier versions of messages."""
    episodes: int
    """Summaries, each with its vector."""
    digest: str
    """SHA-256 over the numbers of the messages, so that one can show later which ones were meant."""


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970 in UTC.

    Raises
    ------
    InvalidInput
        When the time has no zone.

    Examples
    --------
    >>> to_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if moment.tzinfo is None:
        raise InvalidInput(f"a time must have a zone, so that it means one moment; got {moment!r}: give `tzinfo`")
    return (moment - _EPOCH) // _US


def from_us(moment: int) -> datetime:
    """Return the time in UTC of microseconds since 1970.

    Examples
    --------
    >>> from_us(1000000)
    datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc)
    """
    return _EPOCH + moment * _US
