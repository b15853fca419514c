"""The database under a store: how it is reached, brought to its newest form, and what its errors mean."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from consilience.ground.errors import ConsilienceError, InvalidInput, MissingDependency
from consilience.ground.late import late_module
from consilience.methods.social_agents.records import StoreLocked, StoreUnavailable

__all__ = ["HEAD", "Asked", "Database", "among", "is_file", "migrate", "rows"]

Asked = Connection | sqlite3.Connection
"""What a memory reads with: of a file it is the driver's own, for a search has no time for more."""

HEAD = "3"
"""Name of the newest form."""
MIGRATIONS = Path(__file__).with_name("migrations")
CACHE_KIB = 32_768
"""Memory for pages that were read lately, in each connection to a SQLite file."""
CONNECTIONS = 16
"""Connections that are kept; as many more are made when all are in use."""

_IN_MEMORY = ":memory:"
_MAKING = 0x736F6369
_DISK_FULL, _NO_LOCK, _NO_RIGHT, _READ_ONLY = "53100", "55P03", "42501", "25006"


class Database:
    """Connections to one database, reading or writing.

    Parameters
    ----------
    place
        A file, ``":memory:"``, or ``postgresql://user@host/database``.
    wait_s
        How long to wait for somebody else who writes.

    Raises
    ------
    InvalidInput
        When it is neither, or holds something else.
    MissingDependency
        Without psycopg, for a server.
    StoreLocked, StoreUnavailable
        When it cannot be reached now.
    """

    def __init__(self, place: str | Path, *, wait_s: float = 10.0) -> None:
        if not wait_s > 0:
            raise InvalidInput(f"`wait_s` must be above 0; got {wait_s!r}")
        url, self.path = _address(place)
        self.place = url.render_as_string(hide_password=True) if self.path is None else str(place)
        """How messages call it; without a password."""
        self.is_sqlite = url.get_backend_name() == "sqlite"
        """Whether it is a file (or memory), and not a server."""
        self._wait_s = wait_s
        self._engine = self._made(url)
        self._spare: list[sqlite3.Connection] = []
        self._age = 0
        try:
            self._recognise()
        except BaseException:
            self.close()
            raise

    def _made(self, url: Any) -> Engine:
        if not self.is_sqlite:
            try:
                # Without prepared statements, so that each plan fits its owner: some have much, most have little.
                options = {"connect_timeout": max(2, round(self._wait_s)), "prepare_threshold": None}
                engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=CONNECTIONS, connect_args=options)
            except ImportError as error:
                raise MissingDependency("a memory on a server needs psycopg; install consilience[postgres]") from error
            event.listen(engine, "connect", self._prepare_postgres)
            return engine
        own: dict[str, Any] = {"poolclass": StaticPool}
        if self.path is not None:
            own = {"pool_size": CONNECTIONS, "max_overflow": CONNECTIONS}
        arguments = {"check_same_thread": False, "timeout": self._wait_s}
        engine = create_engine(url, connect_args=arguments, **own)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _prepare_postgres(self, connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(self._wait_s * 1000)}")
        connection.commit()

    def _recognise(self) -> None:
        """Refuse what is another's, and take the steps to the newest form."""
        with self.reading() as connection:
            tables = set(inspect(connection).get_table_names())
            form = None
            if "alembic_version" in tables:
                form = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if tables and (form is None or "visibility" not in tables):
            raise InvalidInput(f"{self.place} must be a memory; it is another database: name a new one.")
        if form is not None and (not form.isdigit() or int(form) > int(HEAD)):
            raise InvalidInput(f"{self.place} has the form {form}, which is newer than {HEAD}: update consilience.")
        if form != HEAD:
            with self.writing() as connection:
                if not self.is_sqlite:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING})")
                migrate(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read with; of a file it shows one state throughout."""
        with self.explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Asked]:
        """Give what to ask `rows` with; of a file it shows one state throughout."""
        if self.path is None:
            with self.reading() as connection:
                yield connection
            return
        with self.explained():
            age = self._age
            try:
                driver = self._spare.pop()
            except IndexError:
                driver = self._driver()
            try:
                driver.execute("BEGIN")
                yield driver
            finally:
                driver.rollback()
                if age == self._age and len(self._spare) < CONNECTIONS:
                    self._spare.append(driver)
                else:
                    driver.close()

    def _driver(self) -> sqlite3.Connection:
        """Return a connection of the driver's, made as all others are, which is ours alone."""
        pooled = self._engine.raw_connection()
        driver: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]
        pooled.detach()
        return driver

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes all come to be at the end, or none of them."""
        with self.explained(), self._engine.connect() as connection, connection.execution_options(writes=True).begin():
            yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """Give a connection without a transaction, for what cannot be done in one."""
        alone = {"outside": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self.explained(), self._engine.connect() as connection:
            yield connection.execution_options(**alone)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the database's errors into ours."""
        try:
            yield
        except DBAPIError as error:
            if (meant := _meaning(self.place, error.orig)) is None:
                raise
            raise meant from error
        except sqlite3.Error as error:  # of `rows`
            if (meant := _meaning(self.place, error)) is None:
                raise
            raise meant from error
        except PoolTimeout as error:
            raise StoreLocked(f"{self.place} has all its connections in use: try again.") from error

    def idle(self) -> None:
        """Close the connections that nobody uses, so that nothing holds on to an old state."""
        if self.path is not None or not self.is_sqlite:
            self.close()

    def close(self) -> None:
        """Let go of the database; twice does no harm."""
        self._age += 1  # what is in use now is closed when it comes back
        while self._spare:
            self._spare.pop().close()
        self._engine.dispose()


def is_file(connection: Asked) -> bool:
    """Return whether it reads SQLite, in a file or in memory."""
    return isinstance(connection, sqlite3.Connection) or connection.dialect.name == "sqlite"


def rows(connection: Asked, statement: str, values: Mapping[str, Any]) -> Iterable[Any]:
    """Ask, and give the rows as the driver has them.

    Lists among the values are what ``json_each`` reads on SQLite, and arrays on a server.
    """
    if isinstance(connection, sqlite3.Connection):
        driver = connection
    elif connection.dialect.name != "sqlite":
        return map(tuple, connection.execute(_clause(statement), dict(values)))
    else:
        if not connection.in_transaction():
            connection.begin()  # so that all that is asked is of one state
        driver = connection.connection.driver_connection  # type: ignore[assignment]
    told = {name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()}
    return driver.execute(statement, told)


def among(name: str, *, in_file: bool) -> str:
    """Return what a statement for `rows` says of a column that is one of a list of numbers.

    Examples
    --------
    >>> among("numbers", in_file=True)
    'IN (SELECT value FROM json_each(:numbers))'
    """
    if in_file:
        return f"IN (SELECT value FROM json_each(:{name}))"  # noqa: S608 - the name of a value, and none itself
    return f"= ANY(CAST(:{name} AS bigint[]))"


@lru_cache(maxsize=256)
def _clause(statement: str) -> TextClause:
    return text(statement)


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring a database to a form, within the transaction of the connection.

    Raises
    ------
    MissingDependency
        Without alembic.
    """
    told = "to make a memory needs {missing}; install consilience[social]"
    command = late_module("alembic.command", told, usually="alembic")
    config = late_module("alembic.config", told, usually="alembic").Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, to)


def _address(place: str | Path) -> tuple[Any, Path | None]:
    """Return the address of a place, and the file if it is one."""
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
        except (ArgumentError, ValueError) as error:
            raise InvalidInput("an address reads postgresql://user@host/database.") from error
        kind = url.get_backend_name()
        if kind in ("postgresql", "postgres"):
            return url.set(drivername="postgresql+psycopg"), None
        if kind != "sqlite":
            raise InvalidInput(f"a memory is a SQLite file or a PostgreSQL database; got {kind!r}: name one of them.")
        place = url.database or _IN_MEMORY
    if str(place) == _IN_MEMORY:
        return make_url("sqlite://"), None
    path = Path(place)
    if path.is_dir():
        raise InvalidInput(f"a memory is a file; {path} is a folder: name a file in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"the folder of {path} cannot be made; {error.strerror}: name another file.") from error
    with suppress(OSError):  # that it cannot be made is told when it is opened
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # nobody else on this machine reads it
    return make_url("sqlite://").set(database=str(path)), path


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by us, so that a writer is one from the start
    for setting in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        f"cache_size=-{CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("outside"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _meaning(place: str, error: BaseException | None) -> ConsilienceError | None:
    if isinstance(error, sqlite3.Error):
        return _meaning_of_sqlite(place, error)
    said = str(error).strip().partition("\n")[0]
    state = getattr(error, "sqlstate", None)
    if state == _NO_LOCK:
        return StoreLocked(f"{place} stayed locked by somebody else: try again when they end.")
    if state == _DISK_FULL:
        return StoreUnavailable(f"{place} cannot grow: its disk is full. What it holds is safe: make room.")
    if state in (_NO_RIGHT, _READ_ONLY):
        return InvalidInput(f"{place} must be a database that may be written; {said}: grant it, or name another.")
    if type(error).__name__ in ("OperationalError", "AdminShutdown", "ConnectionTimeout"):
        return StoreUnavailable(f"{place} cannot be reached; {said}: see that the server runs.")
    return None


def _meaning_of_sqlite(place: str, error: sqlite3.Error) -> ConsilienceError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLocked(f"{place} is being written by somebody else and stayed locked: try again when they end.")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreUnavailable(f"{place} cannot be written ({error}). What it holds is safe: make room on the disk.")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return InvalidInput(f"{place} must be a memory; {error}: name another file, or restore it from a copy.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return InvalidInput(f"{place} must be a file that can be written; {error}: name another.")
    return None
