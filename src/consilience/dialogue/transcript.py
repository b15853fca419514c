"""The transcript: what happened in a run and what had to happen before it, one JSON line an event.

An event says that something happened to an element, and carries small facts: tokens, money, a digest. What was said is
in the journal and nowhere here: no prompt, no reply, no key. Spans, the terminal's progress and the page of a graph are
all made from these events.

Kinds that the floor and its listeners know, and the facts they read (every fact may be absent):

=============  ======================================================================================================
kind           facts
=============  ======================================================================================================
``run.begins`` ``run``, ``model``, ``elements`` (how many there will be)
``asked``      ``model``, ``provider``, ``temperature``, ``max_tokens``, ``seed``
``replied``    ``model``, ``input_tokens``, ``output_tokens``, ``usd``, ``latency_s``, ``finish``, ``digest``
``replayed``   as ``replied``: the journal gave the reply
``failed``     ``error`` (a class), ``reason``; of a call when it comes after an ``asked``, else of the element
``retried``    ``attempt``, ``pause_s``, ``reason``
``committed``  ``digest`` of the artifact that stands now: the element is done
``merged``     ``digest``: a group of artifacts became one, in the middle of an element or as one of its own
``skipped``    ``reason``: the element is done without an artifact of its own
``approved``   ``digest``, ``edited``
``budget``     ``cap``, ``spent``, ``reserved``
``run.ends``   ``outcome``
=============  ======================================================================================================

A room may add kinds of its own. A fact whose name ends in ``_s`` or ``_at`` is a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = [
    "INCIDENTAL",
    "Event",
    "Fact",
    "OpenCalls",
    "Transcript",
    "canonical",
    "canonical_digest",
    "events_in",
    "read_events",
]

Fact = str | int | float | bool | None
"""What an event may carry: something small."""

INCIDENTAL = frozenset({"retried", "waited", "budget", "run.begins", "run.ends"})
"""Kinds that tell how a run got there and not what it did: the weather of a provider, the limits, its start and end."""

LONGEST_FACT = 200
"""Characters of a fact; what is longer is cut, so that no prompt gets in by way of an error's message."""

_BATCH = 512
_PAUSE_S = 0.1
_KEY = re.compile(
    r"(?i)(?<![a-z0-9])(?:sk|pk|key|token|bearer|secret|password)[\w-]*[-_ =:\"']+"
    r"(?=[\w./+~-]*\d)[\w./+~-]{8,}"
)
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened.

    Parameters
    ----------
    id
        Unique within a transcript.
    at
        Seconds since the transcript was opened; a resumed run opens it again.
    kind
        What happened.
    element
        To whom: a node, an edge, a merge; empty where it concerns the run.
    after
        Events that had to happen first, by id; all of them earlier. Events that neither follows from the other could
        have come in any order.
    facts
        Small facts.
    """

    id: str
    at: float
    kind: str
    element: str = ""
    after: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Transcript:
    """Takes down events, and appends them to a file in batches: at most a tenth of a second of them is ever in memory.

    A file that is there already goes on where it ended, so that a resumed run has one transcript. Should the file fail
    (a full disk), the run goes on without it: a warning is given once, and `trouble` says why. May be used from several
    threads.

    Parameters
    ----------
    path
        The file, one JSON line an event; folders on the way to it are created. None keeps the events in memory.
    prefix
        Put before every id: tells apart the transcripts of processes that share one run.

    Raises
    ------
    InvalidInput
        When the file cannot be written, or is not a transcript.

    Examples
    --------
    >>> with Transcript() as transcript:
    ...     asked = transcript.add("asked", "3->7", model="rehearsal:echo")
    ...     replied = transcript.add("replied", "3->7", after=(asked,), output_tokens=12)
    >>> [(event.id, event.kind, event.after) for event in transcript.events()]
    [('0', 'asked', ()), ('1', 'replied', ('0',))]
    """

    def __init__(self, path: Path | str | None = None, *, prefix: str = "") -> None:
        self.path = None if path is None else Path(path)
        self.trouble: str | None = None
        self._prefix = prefix
        self._next = 0
        self._pending: list[Event] = []
        self._written: list[Event] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._lock = threading.Lock()
        self._due = False
        self._file = None if self.path is None else self._open(self.path)
        self._start = time.perf_counter()

    def __enter__(self) -> Transcript:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left, whatever happened."""
        self.close()

    def add(self, kind: str, element: str = "", *, after: Iterable[str] = (), **facts: Fact) -> str:
        """Take down an event and return its id.

        Parameters
        ----------
        kind
            What happened; see the table of the module.
        element
            To whom; empty for the run.
        after
            Ids of events that had to happen first.
        facts
            Small facts; a text of more than 200 characters is cut, and what looks like a key is taken out.

        Raises
        ------
        InvalidInput
            When `after` names an event that this transcript has not seen, or the transcript is closed.
        """
        before = tuple(after)
        small = {name: _small(value) for name, value in facts.items()}
        at = time.perf_counter() - self._start
        if self._file is not None and self._file.closed:
            raise InvalidInput(f"the transcript {self.path} is closed; add {kind!r} before that")
        with self._lock:
            number = self._next
            for name in before:
                self._check(name, number)
            event = Event(f"{self._prefix}{number}", at, kind, element, before, small)
            self._next = number + 1
            self._pending.append(event)
            waiting = len(self._pending)
        for listener in self._listeners:
            listener(event)
        if self._file is not None:
            if waiting >= _BATCH:
                self.flush()
            elif not self._due:
                self._remember()
        return event.id

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on, in the thread that adds it; it must be quick."""
        self._listeners.append(listener)

    def flush(self) -> None:
        """Write what has been added so far."""
        with self._lock:
            self._due = False
            batch, self._pending = self._pending, []
            if self._file is None:
                self._written += batch
            elif batch and self.trouble is None:
                self._write(self._file, "".join(map(_line, batch)).encode("ascii"))

    def close(self) -> None:
        """Write what is left and let go of the file; the events can still be read. May be called twice."""
        self.flush()
        if self._file is not None and not self._file.closed:
            self._file.close()

    def events(self) -> list[Event]:
        """Return every event of the transcript, those of earlier openings first."""
        self.flush()
        return list(self._written) if self.path is None else read_events(self.path)

    def _check(self, name: str, number: int) -> None:
        digits = name[len(self._prefix) :]
        if not (name.startswith(self._prefix) and digits.isdecimal() and int(digits) < number):
            raise InvalidInput(f"`after` must name earlier events of this transcript; got {name!r}")

    def _remember(self) -> None:
        """Have the loop write soon, where there is one; elsewhere a full batch or the close does."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._due = True
        loop.call_later(_PAUSE_S, self.flush)

    def _open(self, path: Path) -> _Appending:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _Appending(path)
        except OSError as error:
            raise InvalidInput(
                f"the transcript {path} must be a file that can be written; {error.strerror or error}"
            ) from error
        if file.last:
            try:
                last = _parse(file.last, path, None)
            except InvalidInput:
                file.close()
                raise
            own = last.id[len(self._prefix) :]
            self._next = int(own) + 1 if own.isdecimal() else 0
        return file

    def _write(self, file: _Appending, blob: bytes) -> None:
        try:
            file.write(blob)
        except OSError as error:
            self.trouble = f"the transcript {self.path} stopped: {error.strerror or error}; the run goes on without it"
            warnings.warn(self.trouble, RuntimeWarning, stacklevel=3)


class _Appending:
    """A file of lines to append to; a last line that was cut off by a crash is taken away first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        content = self._file.read() if path.is_file() else b""  # a device or a pipe has no past
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        self.last = content[:whole].rstrip(b"\n").rpartition(b"\n")[2]

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, blob: bytes) -> None:
        rest = memoryview(blob)
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        self._file.close()


class OpenCalls:
    """Tells listeners to which call an event belongs: the ``asked`` that it came after, straight or by way of retries.

    Examples
    --------
    >>> calls, transcript = OpenCalls(), Transcript()
    >>> asked = transcript.add("asked", "0")
    >>> again = transcript.add("retried", "0", after=(asked,))
    >>> failed = transcript.add("failed", "0", after=(again,))
    >>> gone = transcript.add("failed", "0", after=(failed,))
    >>> [calls.of(event) for event in transcript.events()]
    ['0', '0', '0', None]
    """

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def of(self, event: Event) -> str | None:
        """Return the id of the ``asked`` that `event` is, follows or ends; None where it belongs to no call."""
        if event.kind == "asked":
            self._calls[event.id] = event.id
            self._members[event.id] = [event.id]
            return event.id
        call = next((self._calls[name] for name in event.after if name in self._calls), None)
        if call is None:
            return None
        if event.kind in ("replied", "replayed", "failed"):
            for name in self._members.pop(call):
                del self._calls[name]
        elif event.kind in INCIDENTAL:
            self._calls[event.id] = call
            self._members[call].append(event.id)
        return call


def read_events(path: Path | str) -> list[Event]:
    """Read a transcript's file; a last line that a crash cut off is passed over.

    Raises
    ------
    InvalidInput
        When there is no such file, or a line of it is no event; the line is named.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} must be a transcript that can be read; {error.strerror or error}") from error
    return events_in(content, path)


def events_in(content: bytes, path: Path | str) -> list[Event]:
    r"""Return the events of a transcript that has been read; a last line that a crash cut off is passed over.

    Parameters
    ----------
    content
        What its file holds.
    path
        What the file is called where a line of it is no event.

    Raises
    ------
    InvalidInput
        When a line is no event; it is named.

    Examples
    --------
    >>> cut_off = b'{"id": "0", "at": 0.1, "kind": "asked"}\n{"id": "1", "a'
    >>> [event.kind for event in events_in(cut_off, "transcript.jsonl")]
    ['asked']
    """
    lines = content.splitlines(keepends=True)
    return [_parse(line, path, number) for number, line in enumerate(lines, 1) if line.endswith(b"\n")]


def canonical(events: Iterable[Event]) -> tuple[str, ...]:
    """Return the form of a run that knows neither order nor time: equal for runs that did the same.

    Every event becomes a line of what happened to whom, its facts without times, and a digest of all that it came
    after; the lines are sorted. Events that are `INCIDENTAL` are left out, and what came after one of them comes after
    whatever that came after.

    Parameters
    ----------
    events
        Of one run, causes before effects.

    Raises
    ------
    InvalidInput
        When an event comes after one that is not there before it.

    Examples
    --------
    >>> first, second = Transcript(), Transcript()
    >>> _ = first.add("committed", "0", digest="aa", latency_s=0.1), first.add("committed", "1", digest="bb")
    >>> _ = second.add("committed", "1", digest="bb"), second.add("committed", "0", digest="aa", latency_s=0.9)
    >>> canonical(first.events()) == canonical(second.events())
    True
    """
    lines: list[str] = []
    digests: dict[str, frozenset[str]] = {}
    for event in events:
        try:
            before = frozenset().union(*(digests[name] for name in event.after))
        except KeyError as error:
            raise InvalidInput(f"event {event.id!r} comes after {error.args[0]!r}, which is not before it") from error
        if event.kind in INCIDENTAL:
            digests[event.id] = before
            continue
        facts = {name: value for name, value in _facts(event) if not name.endswith(("_s", "_at"))}
        line = json.dumps([event.element, event.kind, dict(sorted(facts.items())), _digest(sorted(before))])
        lines.append(line)
        digests[event.id] = frozenset((_digest([line]),))
    return tuple(sorted(lines))


def canonical_digest(events: Iterable[Event]) -> str:
    """Digest of the canonical form, 32 hexadecimal digits: one for all runs that did the same."""
    return _digest(canonical(events))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode("ascii"), digest_size=16).hexdigest()


def _line(event: Event) -> str:
    """Return an event as a line of JSON, put together by hand: the library would take several times as long."""
    line = f'{{"id":{_quoted(event.id)},"at":{round(event.at, 6)!r},"kind":{_quoted(event.kind)}'
    if event.element:
        line += f',"element":{_quoted(event.element)}'
    if event.after:
        line += f',"after":[{",".join(map(_quoted, event.after))}]'
    if event.facts:
        facts = [f"{_quoted(name)}:{_written(value)}" for name, value in event.facts.items()]
        line += f',"facts":{{{",".join(facts)}}}'
    return line + "}\n"


def _written(value: Fact) -> str:
    if type(value) is str:
        return _quoted(value)
    if value is None:
        return "null"
    if type(value) is int:
        return str(value)
    return _encode(value)


def _facts(event: Event) -> Iterator[tuple[str, Fact]]:
    for name, value in event.facts.items():
        yield name, _small(value)


def _small(value: object) -> Fact:
    """Return a fact as it may be kept: a short text without keys, a finite number, or the name of its type."""
    if isinstance(value, str):
        return _cleared(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) or value is None:
        return value
    return type(value).__name__


@lru_cache(maxsize=256)
def _cleared(text: str) -> str:
    kept = _KEY.sub("[taken out]", text) if len(text) > 8 else text  # noqa: PLR2004  no key is shorter
    return kept if len(kept) <= LONGEST_FACT else f"{kept[: LONGEST_FACT - 1]}…"


def _parse(line: bytes, path: Path | str, number: int | None) -> Event:
    try:
        record = json.loads(line)
        return Event(
            str(record["id"]),
            float(record["at"]),
            str(record["kind"]),
            str(record.get("element", "")),
            tuple(map(str, record.get("after", ()))),
            dict(record.get("facts", {})),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        where = "its last line" if number is None else f"line {number}"
        raise InvalidInput(
            f"{path} must be a transcript, an event a line; {where} is none. Name another file"
        ) from error
