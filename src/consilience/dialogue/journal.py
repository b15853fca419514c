"""What was said is kept: every reply under the digest of its question, so that a run that stopped goes on from there.

A run is resumed by running it again. What was answered is in the journal and is given back; the first question that is
not is asked. The same serves to replay a run without a model, to fork it, to compare it with another, and to forget it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from consilience.dialogue.comparing import compared
from consilience.dialogue.group_commit import GroupCommit
from consilience.dialogue.history import (
    Artifact,
    Call,
    Difference,
    JournalLocked,
    JournalUnavailable,
    RunFacts,
    TextDiffers,
)
from consilience.dialogue.messages import Question, Reply, Usage
from consilience.dialogue.packing import ROLES
from consilience.dialogue.rows import FINISHES, ArtifactRow, CallRow, Row, UnansweredRow, now_ms
from consilience.dialogue.texts import digest, encoded
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.late import late_module

if TYPE_CHECKING:
    from consilience.dialogue.store import Store

__all__ = [
    "Artifact",
    "Call",
    "Difference",
    "Journal",
    "JournalLocked",
    "JournalUnavailable",
    "RunFacts",
    "TextDiffers",
]

MOST_COUNTED = 2**62
"""No count of a row is larger: what a server says of its tokens may be anything."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""Zeros and halves of characters: not every database takes them as text."""

_ABSENT = "journals need {missing}; install consilience[agents]"
_ABSENT_POSTGRES = "journals in PostgreSQL need {missing}; install consilience[postgres]"


class Journal:
    """The calls and artifacts of one run, in a file or a database that may hold other runs beside it.

    Made by `Journal.open`; closed by `close` or at the end of a ``with``.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from consilience.dialogue.messages import Message
    >>> question = Question("7", (Message("user", ("What is the capital of France?",)),))
    >>> async def ask_twice(path):
    ...     with Journal.open(path, "capitals") as journal:
    ...         before = await journal.get(question, "some-model")
    ...         await journal.put(question, Reply(text="Paris", model="some-model"))
    ...         after = await journal.get(question, "some-model")
    ...     return before, after.text, after.replayed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(ask_twice(Path(folder) / "journal.sqlite"))
    (None, 'Paris', True)
    """

    def __init__(self, store: Store, run: str, *, replay_only: bool = False) -> None:
        self.run = run
        """The run that is read and written."""
        self.replay_only = replay_only
        """Whether nothing may be written."""
        self._store = store
        self._run_number = store.number(run)
        self._keys: set[bytes] = set()
        self._coming: dict[bytes, CallRow] = {}
        if not store.shared and self._run_number is not None:
            self._keys = store.keys(self._run_number)
        self._commits = GroupCommit(store, run, self._written)
        self._readers: ThreadPoolExecutor | None = None
        self._closed: str | None = "may only be read" if replay_only else None

    @classmethod
    def open(cls, where: Path | str, run: str, *, replay_only: bool = False) -> Journal:
        """Open a run of a journal; both are made when they are not there.

        Parameters
        ----------
        where
            A file, made with its folder, or the address of a database: ``postgresql+psycopg://user@host/database``.
        run
            Name of the run. A run in a file is written by one process at a time, a run in a database by any number.
        replay_only
            Write nothing; the run must be there.

        Raises
        ------
        InvalidInput
            When there is something else, a journal of another version, or nothing that can be written.
        UnknownName
            When a run to replay is not there; near ones are named.
        JournalLocked
            When another process writes the run.
        JournalUnavailable
            When a database cannot be reached.
        MissingDependency
            Without SQLAlchemy, or without psycopg for PostgreSQL.
        """
        _require_name("a run's name", run)
        store = _store(where, replay_only=replay_only)
        try:
            if replay_only:
                _require_run(store, run)
            else:
                store.claim(run)
            return cls(store, run, replay_only=replay_only)
        except BaseException:
            store.close()
            raise

    @property
    def where(self) -> str:
        """The file or database, without a password."""
        return self._store.place

    async def get(self, question: Question, model: str, *, key: bytes | None = None) -> Reply | None:
        """Return what was answered to a question, or None.

        Parameters
        ----------
        question
            As it would be asked.
        model
            Who would be asked.
        key
            ``question.key(model)``, if it is known.

        Raises
        ------
        InvalidInput
            When it was not answered, and an answer could not be kept: before anything is paid for one.
        JournalUnavailable
            When it was answered, and the answer still cannot be written.
        """
        key = question.key(model) if key is None else key
        if key in self._coming:
            await self._keep(self._coming[key])
        if self._store.shared:
            found = await self._in_thread(key)
        else:
            found = self._found(key) if key in self._keys else None
        if found is None and not self.replay_only:
            _require_question(question)
        return found

    async def put(
        self, question: Question, reply: Reply, *, model: str | None = None, key: bytes | None = None
    ) -> Reply:
        """Keep a reply, and return when it is safe: after that, not even a killed process loses it.

        Parameters
        ----------
        question
            As it was asked.
        reply
            As it was answered.
        model
            Who was asked, by the name that questions are keyed with; the reply's own if None.
        key
            ``question.key(model)``, if it is known.

        Returns
        -------
        Reply
            The one that stands: if the question had been answered before, the earlier one.

        Raises
        ------
        JournalUnavailable
            When it could not be written. It is not forgotten: it is written with the next one, when it is asked for,
            or at the end.
        """
        self._require_open()
        model = reply.model if model is None else model
        key = question.key(model) if key is None else key
        _require_question(question)
        _require_reply(reply)
        if key not in self._keys and await self._keep(CallRow(key, question, model, reply, now_ms())):
            return reply
        standing = await self.get(question, model, key=key)
        return reply if standing is None else standing

    def charge(self, usage: Usage) -> None:
        """Count an attempt that was sent and left no reply here, so that a run which goes on knows what it cost.

        It is written at the end of this turn of the event loop, and nobody waits for it. A run that is not open for
        writing counts nothing.

        Parameters
        ----------
        usage
            What it may have cost, at most; nothing where the provider takes nothing.
        """
        if self._closed is None:
            self._commits.add_soon(UnansweredRow(usage, now_ms()))

    async def put_artifact(
        self, element: str, text: str, parents: Sequence[str] = (), kind: str = "text", note: str = ""
    ) -> bytes:
        """Keep a piece of work, and return its digest when it is safe.

        The last one of an element stands; to keep the same again changes nothing.

        Parameters
        ----------
        element
            Who made it.
        text
            The work itself.
        parents
            Elements whose artifacts went into it.
        kind
            What sort of text it is.
        note
            What is to be remembered of it.
        """
        await self._commits.add(self._made(element, text, parents, kind, note))
        return digest(encoded(text))

    def put_artifact_later(
        self, element: str, text: str, parents: Sequence[str] = (), kind: str = "text", note: str = ""
    ) -> None:
        """Have a piece of work kept before long, together with others, or by `settle`.

        For what would come out again if the process were killed before, as what it was made of is kept already.
        Parameters are those of `put_artifact`.
        """
        self._commits.add_later(self._made(element, text, parents, kind, note))

    def settle(self) -> None:
        """Keep now what was left for later.

        Raises
        ------
        JournalUnavailable
            When it could not be written. It is not forgotten: it is written with the next one, or at the end.
        """
        self._commits.settle()

    def artifact(self, element: str, *, run: str | None = None) -> Artifact | None:
        """Return the artifact that stands for an element of this or another run, or None."""
        number = self._number(run)
        row = None if number is None else self._store.standing_of(number, element)
        return None if row is None else self._store.artifact(row)

    def artifacts(self, *, run: str | None = None) -> Iterator[Artifact]:
        """Iterate over the artifacts that stand, by element."""
        number = self._number(run)
        standing = {} if number is None else self._store.standing(number)
        return (self._store.artifact(standing[element]) for element in sorted(standing))

    def calls(self, *, run: str | None = None) -> Iterator[Call]:
        """Iterate over the calls of this or another run, in the order they were answered, questions rebuilt."""
        number = self._number(run)
        return iter(()) if number is None else self._store.calls(number)

    @property
    def facts(self) -> RunFacts | None:
        """What the run holds and what it spent so far; None before anything was sent."""
        return next((facts for facts in self.runs() if facts.name == self.run), None)

    def runs(self) -> tuple[RunFacts, ...]:
        """Return every run of the journal, in the order they began."""
        return self._store.runs()

    def fingerprint(self, *, run: str | None = None) -> str:
        """Return a digest of all that was answered and made, whenever and in whichever order, as 32 hex digits."""
        number = self._number(run)
        lines = []
        if number is not None:
            lines = [key + mark for key, (_, _, mark) in self._store.answers(number).items()]
        made = [repr((made.element, made.digest, made.parents, made.kind)).encode() for made in self.artifacts(run=run)]
        return blake2b(b"\n".join([*sorted(lines), b"", *made]), digest_size=16).hexdigest()

    def fork(self, new_run: str, without: Callable[[str], bool] = lambda _: False) -> int:
        """Begin another run with what this one holds.

        Parameters
        ----------
        new_run
            Its name.
        without
            Whether an element is left out, so that it is asked again.

        Returns
        -------
        int
            How many calls it begins with.
        """
        self._require_open()
        _require_name("a run's name", new_run)
        _require_run(self._store, self.run)
        return self._store.fork(self.run, new_run, without)

    def diff(self, run_a: str, run_b: str) -> Difference:
        """Return how two runs differ."""
        numbers = _require_run(self._store, run_a), _require_run(self._store, run_b)
        return compared(self._store, *numbers)

    def forget(self, run: str) -> None:
        """Delete a run, and every text that no other run uses, to the byte.

        A file is written anew without them, its log emptied. In PostgreSQL the tables are written anew; the server's
        own log and backups are its administrator's.

        Raises
        ------
        UnknownName
            When there is no such run.
        JournalLocked
            When another process uses the run, or still reads the file.
        """
        self._require_open()
        _require_run(self._store, run)
        if run == self.run:
            self._closed = "was forgotten"
            self._keys.clear()
            self._coming.clear()
            self._commits.forget()
        self._store.forget(run)

    def close(self) -> None:
        """Write what is left and let go of the run; twice does no harm."""
        self._closed = self._closed or "is closed"
        try:
            self._commits.close()
        finally:
            if self._readers is not None:
                self._readers.shutdown(wait=True)
            self._store.close()

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Journal:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    async def _keep(self, row: CallRow) -> bool:
        """Have a reply written; until it is, whoever asks for it finds it on its way and has it written again."""
        self._coming[row.key] = row
        try:
            return await self._commits.add(row)
        except JournalUnavailable:
            raise
        except Exception:
            self._coming.pop(row.key, None)
            raise

    def _made(self, element: str, text: str, parents: Sequence[str], kind: str, note: str) -> ArtifactRow:
        self._require_open()
        _require_name("an element", element)
        if _NO_TEXT.search("".join((note, *parents))):
            raise InvalidInput(
                f"the note and parents of an artifact must be text without zeros; got {note!r} and {parents!r}."
            )
        return ArtifactRow(element, text, tuple(parents), kind, note, now_ms())

    def _written(self, row: Row) -> None:
        if isinstance(row, CallRow):
            self._keys.add(row.key)
            self._coming.pop(row.key, None)

    def _found(self, key: bytes) -> Reply | None:
        if self._run_number is None:
            self._run_number = self._store.number(self.run)
        return None if self._run_number is None else self._store.reply(self._run_number, key)

    async def _in_thread(self, key: bytes) -> Reply | None:
        if self._readers is None:
            self._readers = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._found, key)

    def _number(self, run: str | None) -> int | None:
        return self._store.number(self.run) if run is None else _require_run(self._store, run)

    def _require_open(self) -> None:
        if self._closed is not None:
            raise InvalidInput(f"run {self.run!r} of {self.where} must be open for writing; it {self._closed}.")


def _store(where: Path | str, *, replay_only: bool) -> Store:
    address = str(where)
    if "://" not in address:
        return _sqlite(Path(address), replay_only=replay_only)
    scheme, _, rest = address.partition("://")
    if scheme.startswith("sqlite"):
        return _sqlite(Path(rest.removeprefix("/")), replay_only=replay_only)
    if scheme not in ("postgresql", "postgresql+psycopg"):
        raise InvalidInput(
            f"a journal is a file or a database at postgresql+psycopg://...; got {scheme}://...: name one of these."
        )
    module = late_module("consilience.dialogue.postgres_store", _ABSENT_POSTGRES, usually="psycopg")
    store: Store = module.PostgresStore(address, replay_only=replay_only)
    return store


def _sqlite(path: Path, *, replay_only: bool) -> Store:
    module = late_module("consilience.dialogue.sqlite_store", _ABSENT, usually="sqlalchemy")
    store: Store = module.SqliteStore(path.absolute(), replay_only=replay_only)
    return store


def _require_run(store: Store, run: str) -> int:
    number = store.number(run)
    if number is None:
        raise UnknownName("run", run, (facts.name for facts in store.runs()))
    return number


def _require_name(what: str, name: str) -> None:
    if not name or not name.isprintable():
        raise InvalidInput(f"{what} must be printable text of one line; got {name!r}.")


def _require_question(question: Question) -> None:
    """Refuse a question whose answer no journal could keep."""
    _require_name("an element", question.element)
    _require_count("occurrence", question.occurrence)
    for message in question.messages:
        if message.role not in ROLES:
            raise InvalidInput(f"a message's role must be one of {', '.join(ROLES)}; got {message.role!r}.")


def _require_reply(reply: Reply) -> None:
    """Refuse what no database holds, before others' rows are in the same transaction."""
    usage = reply.usage
    _require_count("input_tokens", usage.input_tokens)
    _require_count("output_tokens", usage.output_tokens)
    if reply.finish not in FINISHES:
        raise InvalidInput(f"`finish` must be one of {', '.join(FINISHES)}; got {reply.finish!r}.")
    if not (isfinite(usage.usd) and 0 <= reply.latency_s <= MOST_COUNTED):
        raise InvalidInput(f"`usd` and `latency_s` must be finite; got {usage.usd} and {reply.latency_s}.")


def _require_count(name: str, count: int) -> None:
    if not 0 <= count <= MOST_COUNTED:
        raise InvalidInput(f"`{name}` must be a whole number from 0 to {MOST_COUNTED}; got {count}.")
