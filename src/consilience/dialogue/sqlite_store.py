"""A journal in one SQLite file: written by one process a run, in WAL mode, without a server.

To commit costs tens of microseconds and waits for no disk: the log is in the hands of the operating system, so that a
process may be killed at any point and nothing that was acknowledged is lost; the disk is waited for when the log is
folded into the file, which another thread does. What a power cut takes is the last moments before it, never the whole.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.dialects.sqlite import dialect

from consilience.dialogue.history import JournalLocked, JournalUnavailable
from consilience.dialogue.rows import Row
from consilience.dialogue.store import Store
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["SqliteStore"]

PAGE_BYTES = 4096
"""Larger pages lose less where a text does not fit into what is left of one, and cost more to log."""

PAGES_A_LOG = 8000
"""Pages after which the log is folded into the file."""

PAGES_A_COMMIT = 6
"""About how many pages a commit touches beside the texts."""

READERS_S = 5.0
"""How long to wait for readers before a log is emptied."""

OPENING_S = 10.0
"""How long to wait for somebody who is just making the same journal."""


class SqliteStore(Store):
    """The rows of a journal in a file.

    Parameters
    ----------
    path
        The file; it is made, with its folder, unless it is only read.
    replay_only
        Write nothing.
    """

    inline = True
    shared = False

    def __init__(self, path: Path, *, replay_only: bool = False) -> None:
        super().__init__(str(path), dialect(paramstyle="qmark"))
        self._path = path
        self._claims: dict[str, tuple[sqlite3.Connection, Path]] = {}
        self._pages = 0
        _require_file(path, replay_only=replay_only)
        self._connections: list[sqlite3.Connection] = []
        try:
            with self._explained():
                self._open(replay_only=replay_only)
        except BaseException:
            self.close()
            raise

    def _open(self, *, replay_only: bool) -> None:
        if replay_only:
            self._reader = self._connect(_to_read(self._path))
            self._reader.execute("PRAGMA query_only=ON")
            self._check(self._reader)
            return
        self._writer = self._connect(_address(self._path, "rwc"))
        if not self._check(self._writer):
            self._begin_journal()
        elif not self._counts_unanswered:
            self._writer.execute(self._say.create_unanswered)
            self._counts_unanswered = True
        for setting in ("synchronous=NORMAL", "secure_delete=ON", "wal_autocheckpoint=0", "busy_timeout=0"):
            self._writer.execute(f"PRAGMA {setting}")
        self._reader = self._connect(_address(self._path, "rw"))

    def _connect(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=OPENING_S, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        return connection

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Say whether there is a journal, and refuse anything else that is there."""
        try:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            self._recognise(dict(connection.execute(self._say.facts))) if "meta" in names else None
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise InvalidInput(f"{self.place} must be a journal; it is another file: name a new one.") from error
            raise
        if names and "meta" not in names:
            raise InvalidInput(f"{self.place} must be a journal; it is another database: name a new file.")
        self._counts_unanswered = "unanswered" in names
        return bool(names)

    def _begin_journal(self) -> None:
        self._writer.execute(f"PRAGMA page_size={PAGE_BYTES}")
        _patiently(lambda: self._writer.execute("PRAGMA journal_mode=WAL"), OPENING_S)
        self._writer.execute("BEGIN IMMEDIATE")
        self._make(self._writer.cursor())
        self._writer.execute("COMMIT")
        self._counts_unanswered = True

    def claim(self, run: str) -> None:
        """Take the run for this process.

        The lock is one that the system takes back from a process that dies: that of an empty database beside the file.
        """
        if run in self._claims:
            return
        mark = blake2b(run.encode(), digest_size=6).hexdigest()
        path = self._path.with_name(f"{self._path.name}.{mark}.lock")
        while True:
            before = _identity(path)
            holder = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                holder.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                holder.close()
                raise JournalLocked(
                    f"run {run!r} of {self.place} is being written elsewhere: "
                    "wait for it to end, or open the run with `replay_only=True`."
                ) from error
            if before in (None, _identity(path)) and path.exists():
                self._claims[run] = holder, path
                return
            holder.close()  # its last owner removed it in between

    def _release(self, run: str) -> None:
        holder, path = self._claims.pop(run)
        with suppress(OSError):
            path.unlink()
        holder.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if (meant := _meaning(self.place, error)) is None:
                raise
            raise meant from error

    @contextmanager
    def _transaction(self, wait_s: float) -> Iterator[sqlite3.Cursor]:
        with self._writing:
            begun = False
            try:
                cursor = self._writer.cursor()
                _patiently(partial(cursor.execute, "BEGIN IMMEDIATE"), wait_s)
                begun = True
                self._trust(cursor.execute(self._say.times_forgotten).fetchone()[0])
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if begun:  # else nothing was written, and what is remembered still stands
                    self._drop_numbers()
                with self._explained():
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise

    def write(self, run: str, rows: Sequence[Row], wait_s: float = 30.0) -> list[bool]:
        """Commit rows in one transaction, and count what goes to the log."""
        before = self._characters
        stands = super().write(run, rows, wait_s)
        self._pages += PAGES_A_COMMIT + max(self._characters - before, 0) // PAGE_BYTES
        return stands

    @property
    def checkpoint_due(self) -> bool:  # type: ignore[override]
        """Whether the log has grown."""
        return self._pages > PAGES_A_LOG

    @property
    def checkpoint_overdue(self) -> bool:  # type: ignore[override]
        """Whether the log has grown far beyond what it ought to be: nobody came to fold it."""
        return self._pages > 4 * PAGES_A_LOG

    def checkpoint(self) -> None:
        """Fold the log into the file, without waiting for whoever reads or writes."""
        self._pages = 0
        with self._explained():
            connection = sqlite3.connect(_address(self._path, "rw"), uri=True, timeout=0, isolation_level=None)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()

    def forget(self, run: str) -> None:
        """Delete a run and the texts that nobody else uses; write the file anew, and empty the log."""
        ours = run in self._claims
        self.claim(run)
        try:
            with self._transaction(30.0) as cursor:
                cursor.execute(self._say.find_run, (run,))
                self._forget_rows(cursor, cursor.fetchone()[0])
            with self._writing, self._explained():
                _patiently(lambda: self._writer.execute("VACUUM"), 30.0)
                if not self._emptied():
                    raise JournalLocked(
                        f"run {run!r} is deleted, but somebody still reads {self.place} and its log holds old bytes: "
                        "they go when the last reader has closed it."
                    )
        finally:
            if not ours:
                self._release(run)

    def _emptied(self) -> bool:
        """Fold the log and cut it off, and say whether nobody held it back for long."""
        self._writer.execute(f"PRAGMA busy_timeout={round(READERS_S * 1000)}")
        try:
            return not self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._writer.execute("PRAGMA busy_timeout=0")

    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._reading:
            return self._reader.execute(statement, values).fetchall()

    def _keep_texts(self, cursor: sqlite3.Cursor, texts: Sequence[tuple[bytes, bytes]]) -> list[int]:
        numbers: list[Any] = []
        for pair in texts:
            cursor.execute(self._say.keep_text, pair)
            if cursor.rowcount:
                numbers.append(cursor.lastrowid)
            else:
                numbers.append(cursor.execute(self._say.number_of_text, pair[:1]).fetchone()[0])
        return numbers

    def _first_of_each(
        self, cursor: sqlite3.Cursor, statement: str, values: Sequence[Sequence[Any]]
    ) -> list[tuple[Any, ...] | None]:
        return [cursor.execute(statement, row).fetchone() for row in values]

    def close(self) -> None:
        """Fold the log into the file and let go of it; twice does no harm."""
        for connection in self._connections[::-1]:  # the writer last: it folds the log
            connection.close()
        self._connections.clear()
        for run in tuple(self._claims):
            self._release(run)


def _require_file(path: Path, *, replay_only: bool) -> None:
    if path.is_dir():
        raise InvalidInput(f"a journal is a file; {path} is a folder: name a file in it.")
    if replay_only and not path.exists():
        raise InvalidInput(f"a journal to replay must exist; there is no {path}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"the folder of {path} cannot be made; {error.strerror}: name another file.") from error


def _address(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _to_read(path: Path) -> str:
    """Return the address to read from, such that nothing is left beside the file that was not there.

    To read, SQLite makes a log where there is none, and only who may write takes it away again. In a folder where
    nothing can be made, it must be told so. A log that is there, and perhaps somebody's who writes, is left as it is.
    """
    if path.with_name(f"{path.name}-wal").exists():
        return _address(path, "ro")
    if not os.access(path.parent, os.W_OK):
        return _address(path, "ro") + "&immutable=1"
    return _address(path, "rw" if os.access(path, os.W_OK) else "ro")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _patiently(attempt: Any, wait_s: float) -> None:
    """Try until nobody else holds the lock, in steps that grow."""
    end, pause = time.monotonic() + wait_s, 0.001
    while True:
        try:
            attempt()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= end:
                raise
        else:
            return
        time.sleep(min(pause, max(end - time.monotonic(), 0)))
        pause = min(2 * pause, 0.1)


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _meaning(place: str, error: sqlite3.Error) -> ConsilienceError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalLocked(f"{place} is being written by somebody else and stayed locked: try again when they end.")
    if code == sqlite3.SQLITE_FULL:
        return JournalUnavailable(
            f"{place} cannot grow: the disk is full. What it holds is safe: make room and resume."
        )
    if code == sqlite3.SQLITE_IOERR:
        return JournalUnavailable(
            f"{place} cannot be written: {error}. What it holds is safe: mend the disk and resume."
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return InvalidInput(
            f"{place} must be a file that can be written; {error}: name another, or `replay_only=True`."
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return InvalidInput(f"{place} is damaged ({error}): restore it from a copy, or begin a new journal.")
    return None
