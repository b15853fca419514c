"""A journal in a PostgreSQL database: several processes, on several machines, add to one run.

Whoever asks first, answers for all: a reply that comes second under the same key is dropped, and its caller is given
the first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import make_url
from sqlalchemy.dialects import registry
from sqlalchemy.exc import ArgumentError

from consilience.dialogue.history import JournalLocked, JournalUnavailable
from consilience.dialogue.rows import Row
from consilience.dialogue.store import Store
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["PostgresStore"]

Connection = psycopg.Connection[Any]

_SPACE = 0x636F6E73
"""First half of the names of our advisory locks; the second half says what is locked."""
_MAKING, _TEXTS = 1, 2

LOCK_WAIT_S = 30
"""How long a statement waits for somebody else's lock."""

CONNECT_S = 10
"""How long to wait for a server."""


class PostgresStore(Store):
    """The rows of a journal in a database.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user@host/database``.
    replay_only
        Write nothing.
    """

    inline = False
    shared = True

    def __init__(self, url: str, *, replay_only: bool = False) -> None:
        try:
            address = make_url(url).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError) as error:
            raise InvalidInput("a journal's address reads postgresql+psycopg://user@host/database.") from error
        words: Any = registry.load("postgresql.psycopg")(paramstyle="format")
        super().__init__(address.render_as_string(hide_password=True), words)
        self._to_server: dict[str, Any] = words.create_connect_args(address)[1]
        self._claimed: int | None = None
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        try:
            with self._explained():
                self._open(replay_only=replay_only)
        except BaseException:
            self.close()
            raise

    def _open(self, *, replay_only: bool) -> None:
        tables = "SELECT to_regclass('meta') IS NOT NULL, to_regclass('unanswered') IS NOT NULL"
        there, self._counts_unanswered = self._select(tables, ())[0]
        if not there and replay_only:
            raise InvalidInput(f"a journal to replay must exist; there is none in {self.place}.")
        if not there:
            with self._making() as cursor:
                self._make(cursor)
            self._counts_unanswered = True
        try:
            facts = dict(self._select(self._say.facts, ()))
        except errors.UndefinedColumn:  # somebody else's table of that name
            facts = {}
        self._recognise(facts)
        if not (self._counts_unanswered or replay_only):
            with self._making() as cursor:
                cursor.execute(self._say.create_unanswered)
            self._counts_unanswered = True

    @contextmanager
    def _making(self) -> Iterator[psycopg.Cursor[Any]]:
        """Give a cursor within a transaction in which nobody else makes tables."""
        with self._writing, self._connected() as connection, connection.transaction():
            yield connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_SPACE, _MAKING))

    def _connect(self) -> Connection:
        options = {"connect_timeout": CONNECT_S, **self._to_server}
        connection: Connection = psycopg.connect(**options, autocommit=True)
        connection.execute(f"SET lock_timeout = '{LOCK_WAIT_S}s'")
        return connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give the writing connection, made anew if the last one broke."""
        if self._writer is None or self._writer.closed:
            self._writer = self._connect()
            if self._claimed is not None:
                self._hold(self._writer, self._claimed)
        yield self._writer

    def _hold(self, connection: Connection, mark: int) -> None:
        connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (_SPACE, mark))

    def claim(self, run: str) -> None:
        """Let others know that the run is in use, so that nobody forgets it."""
        with self._writing, self._explained(), self._connected() as connection:
            if self._claimed is None:
                mark = _mark(run)
                self._hold(connection, mark)
                self._claimed = mark

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if (meant := _meaning(self.place, error)) is None:
                raise
            raise meant from error

    @contextmanager
    def _transaction(self, wait_s: float) -> Iterator[psycopg.Cursor[Any]]:
        del wait_s  # readers and writers do not wait for one another here
        with self._writing, self._explained(), self._connected() as connection:
            try:
                with connection.transaction():
                    yield self._begun(connection)
            except BaseException:
                self._drop_numbers()
                raise

    def _begun(self, connection: Connection) -> psycopg.Cursor[Any]:
        """Hold off whoever would forget texts, in one round trip with the question whether somebody has."""
        with connection.pipeline():
            connection.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", (_SPACE, _TEXTS))
            cursor = connection.execute(self._say.times_forgotten)
            self._trust(cursor.fetchall()[0][0])
        return cursor

    def write(self, run: str, rows: Sequence[Row], wait_s: float = 30.0) -> list[bool]:
        """Commit rows in one transaction, on a new connection if the old one is found broken."""
        try:
            return super().write(run, rows, wait_s)
        except JournalUnavailable:
            if self._writer is not None and not self._writer.closed:
                raise
        # To keep rows twice is to keep them once; only of attempts without a reply too many may be counted.
        return super().write(run, rows, wait_s)

    def forget(self, run: str) -> None:
        """Delete a run and the texts that nobody else uses, and write the tables' files anew.

        The server's own log and its backups are the administrator's.
        """
        mark = _mark(run)
        with self._writing, self._explained(), self._connected() as connection:
            taken = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_SPACE, mark)).fetchone()
            if taken == (False,):
                raise JournalLocked(f"run {run!r} of {self.place} is in use by another process: forget it afterwards.")
            try:
                self._forget_in(connection, run)
            finally:
                if not connection.closed:
                    connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_SPACE, mark))

    def _forget_in(self, connection: Connection, run: str) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_SPACE, _TEXTS))
            cursor = connection.execute(self._say.find_run, (run,))
            self._forget_rows(cursor, cursor.fetchall()[0][0])
        for table in ("calls", "artifacts", "unanswered", "runs", "blobs"):
            connection.execute(f"VACUUM FULL {table}")
        connection.execute("ANALYZE blobs")

    def checkpoint(self) -> None:
        """Do nothing: the server does it."""

    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._reading, self._explained():
            for last in (False, True):
                if self._reader is None or self._reader.closed:
                    self._reader = self._connect()
                try:
                    return self._reader.execute(statement, values).fetchall()
                except psycopg.OperationalError:
                    if last or not self._reader.closed:
                        raise
        raise AssertionError("unreachable")

    def _keep_texts(self, cursor: psycopg.Cursor[Any], texts: Sequence[tuple[bytes, bytes]]) -> list[int]:
        cursor.executemany(self._say.keep_text, sorted(texts))  # in one order, so that no two writers wait in a ring
        found = self._first_of_each(cursor, self._say.number_of_text, [pair[:1] for pair in texts])
        return [row[0] for row in found]

    def _first_of_each(self, cursor: psycopg.Cursor[Any], statement: str, values: Sequence[Sequence[Any]]) -> list[Any]:
        if not values:
            return []
        cursor.executemany(statement, values, returning=True)
        found = [cursor.fetchone()]
        while cursor.nextset():
            found.append(cursor.fetchone())
        return found

    def close(self) -> None:
        """Let go of both connections; twice does no harm."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()


def _mark(run: str) -> int:
    """Return the second half of the name of a run's lock: a number of 32 bits, far from the small ones."""
    return int.from_bytes(blake2b(run.encode(), digest_size=4).digest(), "big", signed=True) | 0x1000


def _meaning(place: str, error: psycopg.Error) -> ConsilienceError | None:
    said = str(error).strip().partition("\n")[0]
    if isinstance(error, errors.LockNotAvailable):
        return JournalLocked(f"{place} stayed locked by somebody else for {LOCK_WAIT_S} s: try again when they end.")
    if isinstance(error, errors.DiskFull):
        return JournalUnavailable(
            f"{place} cannot grow: its disk is full. What it holds is safe: make room and resume."
        )
    if isinstance(error, (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        return InvalidInput(f"{place} must be a database that may be written; {said}: grant it, or name another.")
    if isinstance(error, psycopg.OperationalError):
        return JournalUnavailable(f"{place} cannot be reached; {said}: see that the server runs, then resume.")
    return None
