"""The tables of a journal, and every statement that is run on them, written once for SQLite and PostgreSQL.

::

    meta        name, value             which form this is, and how often something was forgotten
    runs        id, name, began_ms, forked_from
    blobs       id, digest, text        every text once, whoever said it: prompts' parts, replies, artifacts, names
    calls       run + key               a reply under the digest of its question
    artifacts   run, element            the last one of an element stands
    unanswered  run                     how many attempts left no reply, and what they may have cost

Journals that were begun before there was the last one are given it when they are opened to be written.

Rows are added, never changed. There are no foreign keys: most references are packed into bytes, and the store keeps
the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnClause,
    Dialect,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    ScalarSelect,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement, ColumnElement, Subquery

__all__ = ["FORM", "VERSION", "Statements"]

FORM = "consilience journal"
"""What the table `meta` says it belongs to."""

VERSION = "1"
"""Form of the tables; another one is not read."""

_tables = MetaData()
_Whole = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in a column named INTEGER


def _number() -> Column[int]:
    return Column("id", _Whole, Identity(), primary_key=True)


def _whole(name: str) -> Column[int]:
    return Column(name, _Whole, nullable=False)


meta = Table("meta", _tables, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
runs = Table(
    "runs",
    _tables,
    _number(),
    Column("name", Text, nullable=False, unique=True),
    _whole("began_ms"),
    Column("forked_from", Text),
)
blobs = Table(
    "blobs",
    _tables,
    _number(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("text", LargeBinary, nullable=False),
)
calls = Table(
    "calls",
    _tables,
    _number(),
    _whole("run"),
    Column("key", LargeBinary, nullable=False),
    Column("element", Text, nullable=False),
    _whole("occurrence"),
    _whole("asked"),
    _whole("settings"),
    Column("parts", LargeBinary, nullable=False),
    _whole("reply"),
    _whole("answered"),
    _whole("input_tokens"),
    _whole("output_tokens"),
    Column("usd", Double, nullable=False),
    Column("priced", SmallInteger, nullable=False),
    Column("finish", SmallInteger, nullable=False),
    _whole("latency_us"),
    _whole("ended_ms"),
    UniqueConstraint("run", "key"),
)
artifacts = Table(
    "artifacts",
    _tables,
    _number(),
    _whole("run"),
    Column("element", Text, nullable=False),
    _whole("artifact"),
    Column("parents", Text, nullable=False),
    _whole("kind"),
    Column("note", Text, nullable=False),
    _whole("ended_ms"),
    Index("artifacts_of_element", "run", "element"),
)
unanswered = Table(
    "unanswered",
    _tables,
    _number(),
    _whole("run"),
    _whole("attempts"),
    _whole("tokens"),
    Column("usd", Double, nullable=False),
    _whole("ended_ms"),
)

CALL_COLUMNS = tuple(column.name for column in calls.columns if column.name != "id")
ARTIFACT_COLUMNS = tuple(column.name for column in artifacts.columns if column.name != "id")
UNANSWERED_COLUMNS = tuple(column.name for column in unanswered.columns if column.name != "id")


def _standing() -> ScalarSelect[Any]:
    """Return the number of the row that stands for an element: values are run and element."""
    of_element = artifacts.c.run == bindparam("run"), artifacts.c.element == bindparam("element")
    return select(func.max(artifacts.c.id)).where(*of_element).scalar_subquery()


class Statements:
    """Every statement in the words of one database, with its values in the order of their mention.

    Parameters
    ----------
    dialect
        SQLite's or PostgreSQL's, with values by position.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert

    def _said(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))

    def _inserted(self, table: Table, *columns: str) -> Any:
        return self._insert(table).inline().values({name: bindparam(name) for name in columns})

    @cached_property
    def create(self) -> tuple[str, ...]:
        """Make the tables that are not there."""
        made: list[ClauseElement] = [CreateTable(table, if_not_exists=True) for table in _tables.sorted_tables]
        made += [CreateIndex(index, if_not_exists=True) for table in _tables.sorted_tables for index in table.indexes]
        return tuple(map(self._said, made))

    @cached_property
    def create_unanswered(self) -> str:
        """Make the table that journals of the time before do not have."""
        return self._said(CreateTable(unanswered, if_not_exists=True))

    @cached_property
    def keep_fact(self) -> str:
        """Values: name, value."""
        return self._said(self._inserted(meta, "name", "value").on_conflict_do_nothing())

    @cached_property
    def facts(self) -> str:
        """No values; name and value of each."""
        return self._said(select(meta.c.name, meta.c.value))

    @cached_property
    def times_forgotten(self) -> str:
        """No values."""
        return self._said(select(meta.c.value).where(meta.c.name == literal_column("'forgotten'")))

    @cached_property
    def forget_once_more(self) -> str:
        """Values: how often, as text."""
        changed = update(meta).where(meta.c.name == literal_column("'forgotten'"))
        return self._said(changed.values(value=bindparam("times")))

    @cached_property
    def keep_run(self) -> str:
        """Values: name, began_ms, forked_from."""
        return self._said(self._inserted(runs, "name", "began_ms", "forked_from").on_conflict_do_nothing())

    @cached_property
    def find_run(self) -> str:
        """Values: name."""
        return self._said(select(runs.c.id).where(runs.c.name == bindparam("name")))

    @cached_property
    def all_runs(self) -> str:
        """No values; the fields of `RunFacts` in their order, times in milliseconds."""
        vain = (
            select(
                unanswered.c.run,
                *(func.sum(unanswered.c[name]).label(name) for name in ("attempts", "tokens", "usd")),
            )
            .group_by(unanswered.c.run)
            .subquery()
        )
        return self._all_runs(vain)

    @cached_property
    def all_runs_before(self) -> str:
        """As `all_runs`, of a journal that has no table `unanswered`."""
        return self._all_runs(None)

    def _all_runs(self, vain: Subquery | None) -> str:
        spent = (
            select(
                calls.c.run,
                func.count().label("calls"),
                func.sum(calls.c.input_tokens).label("input_tokens"),
                func.sum(calls.c.output_tokens).label("output_tokens"),
                func.sum(calls.c.usd).label("usd"),
            )
            .group_by(calls.c.run)
            .subquery()
        )
        made = select(artifacts.c.run, func.count().label("artifacts")).group_by(artifacts.c.run).subquery()
        joined = runs.outerjoin(spent, spent.c.run == runs.c.id).outerjoin(made, made.c.run == runs.c.id)
        zero: ColumnClause[int] = literal_column("0")
        counted: list[ColumnElement[Any]] = [
            func.coalesce(column, zero)
            for column in (spent.c.calls, made.c.artifacts, spent.c.input_tokens, spent.c.output_tokens, spent.c.usd)
        ]
        if vain is None:
            counted += [zero, zero, zero]
        else:
            joined = joined.outerjoin(vain, vain.c.run == runs.c.id)
            counted += [func.coalesce(column, zero) for column in (vain.c.attempts, vain.c.tokens, vain.c.usd)]
        return self._said(
            select(runs.c.name, runs.c.began_ms, runs.c.forked_from, *counted).select_from(joined).order_by(runs.c.id)
        )

    @cached_property
    def keep_text(self) -> str:
        """Values: digest, text."""
        return self._said(self._inserted(blobs, "digest", "text").on_conflict_do_nothing())

    @cached_property
    def number_of_text(self) -> str:
        """Values: digest."""
        return self._said(select(blobs.c.id).where(blobs.c.digest == bindparam("digest")))

    @cached_property
    def text(self) -> str:
        """Values: number."""
        return self._said(select(blobs.c.text).where(blobs.c.id == bindparam("id")))

    @cached_property
    def keep_call(self) -> str:
        """Values: those of `CALL_COLUMNS`."""
        return self._said(self._inserted(calls, *CALL_COLUMNS).on_conflict_do_nothing())

    @cached_property
    def keys(self) -> str:
        """Values: run."""
        return self._said(select(calls.c.key).where(calls.c.run == bindparam("run")))

    @cached_property
    def reply(self) -> str:
        """Values: run, key; what a reply is made of."""
        said, name = blobs.alias("said"), blobs.alias("name")
        return self._said(
            select(
                said.c.text,
                name.c.text,
                calls.c.input_tokens,
                calls.c.output_tokens,
                calls.c.usd,
                calls.c.finish,
                calls.c.latency_us,
                calls.c.priced,
            )
            .join(said, said.c.id == calls.c.reply)
            .join(name, name.c.id == calls.c.answered)
            .where(calls.c.run == bindparam("run"), calls.c.key == bindparam("key"))
        )

    @cached_property
    def number_of_reply(self) -> str:
        """Values: run, key."""
        return self._said(select(calls.c.reply).where(calls.c.run == bindparam("run"), calls.c.key == bindparam("key")))

    @cached_property
    def calls_after(self) -> str:
        """Values: run, number after which to go on, how many; `id` and those of `CALL_COLUMNS`."""
        return self._said(
            select(calls)
            .where(calls.c.run == bindparam("run"), calls.c.id > bindparam("after"))
            .order_by(calls.c.id)
            .limit(bindparam("most"))
            .offset(literal_column("0"))
        )

    @cached_property
    def asked_and_answered(self) -> str:
        """Values: run; id, element, key, number and digest of the reply."""
        return self._said(
            select(calls.c.id, calls.c.element, calls.c.key, calls.c.reply, blobs.c.digest)
            .join(blobs, blobs.c.id == calls.c.reply)
            .where(calls.c.run == bindparam("run"))
            .order_by(calls.c.id)
        )

    @cached_property
    def keep_artifact(self) -> str:
        """Values: those of `ARTIFACT_COLUMNS`."""
        return self._said(self._inserted(artifacts, *ARTIFACT_COLUMNS))

    @cached_property
    def keep_unanswered(self) -> str:
        """Values: those of `UNANSWERED_COLUMNS`."""
        return self._said(self._inserted(unanswered, *UNANSWERED_COLUMNS))

    @cached_property
    def last_artifact(self) -> str:
        """Values: run, element; artifact, parents, kind, note."""
        return self._said(
            select(artifacts.c.artifact, artifacts.c.parents, artifacts.c.kind, artifacts.c.note).where(
                artifacts.c.id == _standing()
            )
        )

    @cached_property
    def made(self) -> str:
        """Values: run; id, element, number of the text, oldest first."""
        return self._said(
            select(artifacts.c.id, artifacts.c.element, artifacts.c.artifact)
            .where(artifacts.c.run == bindparam("run"))
            .order_by(artifacts.c.id)
        )

    @cached_property
    def artifact(self) -> str:
        """Values: number of the row; element, text, digest, parents, text of the kind, note."""
        kind = blobs.alias("kind_name")
        return self._said(
            select(
                artifacts.c.element, blobs.c.text, blobs.c.digest, artifacts.c.parents, kind.c.text, artifacts.c.note
            )
            .join(blobs, blobs.c.id == artifacts.c.artifact)
            .join(kind, kind.c.id == artifacts.c.kind)
            .where(artifacts.c.id == bindparam("id"))
        )

    @cached_property
    def number_of_artifact(self) -> str:
        """Values: run, element; the row that stands."""
        return self._said(select(_standing()))

    @cached_property
    def copy_call(self) -> str:
        """Values: run to copy to, number of the row."""
        return self._copied(calls, CALL_COLUMNS)

    @cached_property
    def copy_artifact(self) -> str:
        """Values: run to copy to, number of the row."""
        return self._copied(artifacts, ARTIFACT_COLUMNS)

    def _copied(self, table: Table, columns: tuple[str, ...]) -> str:
        others = [table.c[name] for name in columns if name != "run"]
        rows = select(bindparam("to", type_=_Whole), *others).where(table.c.id == bindparam("id"))
        return self._said(insert(table).from_select(["run", *(column.name for column in others)], rows))

    @cached_property
    def forget_run(self) -> tuple[str, ...]:
        """Values of each: run."""
        places: Mapping[Table, Any] = {
            calls: calls.c.run,
            artifacts: artifacts.c.run,
            unanswered: unanswered.c.run,
            runs: runs.c.id,
        }
        return tuple(self._said(delete(table).where(place == bindparam("run"))) for table, place in places.items())

    @cached_property
    def texts_of_calls(self) -> str:
        """No values; asked, settings, reply, answered, parts of every call that is left."""
        return self._said(select(calls.c.asked, calls.c.settings, calls.c.reply, calls.c.answered, calls.c.parts))

    @cached_property
    def texts_of_artifacts(self) -> str:
        """No values; artifact and kind of every artifact that is left."""
        return self._said(select(artifacts.c.artifact, artifacts.c.kind))

    @cached_property
    def numbers_of_texts(self) -> str:
        """No values."""
        return self._said(select(blobs.c.id))

    @cached_property
    def forget_text(self) -> str:
        """Values: number."""
        return self._said(delete(blobs).where(blobs.c.id == bindparam("id")))
