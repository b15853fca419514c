"""The audit log: every change of it is seen, and there is no word of a message in it."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import FIRST, AuditLog, Head
from consilience.methods.social_agents.database import Database

WHEN = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
TABLES = {"audit": "number", "audit_head": "id", "audit_salt": "number"}
DISCLOSED = {"owner": "ann", "counterpart": "bea", "task": "t1", "purpose": "value", "rule": "* / * / *: allow"}


def filled(store, entries=6, **given):
    log = AuditLog(store, clock=lambda: WHEN, **given)
    for turn in range(entries):
        log.add("disclosed", **DISCLOSED, turn=turn, messages=[turn, turn + 100], text=f"A parrot {turn}.")
    log.add("blocked", owner="bea", counterpart="ann", rule="it has 2 words")
    log.add("forwarded", owner="bea", counterpart="cem", about="ann", text="A parrot.")
    return log


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    place = request.getfixturevalue("postgres_url") if request.param == "postgres" else tmp_path / "memory.db"
    database = Database(place)
    yield database
    database.close()


def changed(store, statement, **values):
    with store.writing() as connection:
        connection.execute(text(statement), values)


def rows(store, table):
    with store.reading() as connection:
        found = connection.execute(text(f"SELECT * FROM {table} ORDER BY {TABLES[table]}"))
        return [dict(row._mapping) for row in found]


def test_what_was_added_is_there_and_sound(store):
    log = filled(store)
    assert log.verify().ok
    assert log.verify().checked == 8
    entries = log.entries()
    assert [one.number for one in entries] == list(range(1, 9))
    assert (entries[2].turn, entries[2].messages, entries[2].at, entries[2].previous) == (
        2,
        (2, 102),
        WHEN,
        entries[1].hash,
    )
    assert entries[0].previous == FIRST
    assert log.head() == Head(8, entries[-1].hash)
    assert AuditLog(store).verify().ok
    assert [one.number for one in log.entries(after=5, most=2)] == [6, 7]


def test_everybody_sees_what_was_revealed_of_them_by_whomever(store):
    log = filled(store)
    assert [one.number for one in log.revealed_about("ann")] == [1, 2, 3, 4, 5, 6, 8]
    assert log.revealed_about("bea") == []
    assert [one.event for one in log.entries("bea")] == ["blocked", "forwarded"]


def flips(value):
    """Return all values that differ in one byte; numbers in one bit, and texts as SQLite keeps them."""
    if isinstance(value, int):
        return [value ^ (1 << bit) for bit in range(0, 60, 3)]
    raw = value.encode()
    return [raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :] for at in range(len(raw)) for flip in (1, 2, 8, 32, 128)]


def test_every_edit_of_a_single_byte_is_seen(tmp_path):
    """Also where it leaves no text at all; an edit that the database itself refuses is none."""
    store = Database(tmp_path / "memory.db")
    log = filled(store, 2)
    edits = 0
    for table, key in TABLES.items():
        for row in rows(store, table):
            for column, value in row.items():
                as_text = "CAST(:new AS TEXT)" if isinstance(value, str) else ":new"
                for other in flips(value):
                    try:
                        changed(
                            store,
                            f"UPDATE {table} SET {column} = {as_text} WHERE {key} = :key",
                            new=other,
                            key=row[key],
                        )
                    except IntegrityError:
                        continue
                    assert not log.verify().ok, (table, column, value, other)
                    now = other if column == key else row[key]
                    changed(store, f"UPDATE {table} SET {column} = :old WHERE {key} = :key", old=value, key=now)
                    edits += 1
    assert log.verify().ok
    assert edits > 5000


def test_every_deletion_is_seen(store):
    log = filled(store)
    for table, key in TABLES.items():
        for row in rows(store, table):
            changed(store, f"DELETE FROM {table} WHERE {key} = :key", key=row[key])
            assert not log.verify().ok, (table, row)
            names = ", ".join(row)
            changed(store, f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})", **row)
            assert log.verify().ok


def test_every_reordering_is_seen(store):
    log = filled(store)
    numbers = range(1, len(rows(store, "audit")) + 1)

    def swap(one, other):
        for old, new in ((one, -1), (other, one), (-1, other)):
            changed(store, "UPDATE audit SET number = :new WHERE number = :old", old=old, new=new)

    for one, other in combinations(numbers, 2):
        swap(one, other)
        assert not log.verify().ok, (one, other)
        swap(one, other)
    assert log.verify().ok


def test_entries_that_somebody_else_added_or_took_off_the_end_are_seen(store):
    log = filled(store)
    noted = log.head()
    (row,) = rows(store, "audit")[-1:]
    forged = row | {"number": 9, "previous": row["hash"]}
    names = ", ".join(forged)
    changed(store, f"INSERT INTO audit ({names}) VALUES ({', '.join(f':{name}' for name in forged)})", **forged)
    assert not log.verify().ok
    changed(store, "DELETE FROM audit WHERE number > 7")
    assert not log.verify().ok
    end = rows(store, "audit")[-1]["hash"]
    changed(store, "UPDATE audit_head SET entries = 7, hash = :hash", hash=end)
    changed(store, "DELETE FROM audit_salt WHERE number > 7")
    assert log.verify().ok  # who can put back all of it is seen only by who has noted the end
    assert "noted at entry 8" in log.verify(noted).problems[0]


def test_without_the_key_nobody_makes_a_chain_that_holds(store):
    log = filled(store, key=b"kept elsewhere")
    assert log.verify().ok
    assert not AuditLog(store).verify().ok
    AuditLog(store, key=b"another").add("blocked", owner="ann", counterpart="bea")
    assert not log.verify().ok


def test_a_chain_goes_on_from_what_was_noted(store):
    log = AuditLog(store)
    begun = log.head()
    assert begun == Head(0, FIRST)
    log.add("blocked", owner="ann", counterpart="bea")
    noted = log.head()
    log.add("blocked", owner="ann", counterpart="bea")
    assert log.verify(begun).ok
    assert log.verify(noted).ok
    assert not log.verify(Head(1, FIRST)).ok
    assert not log.verify(Head(3, noted.hash)).ok


def test_there_is_no_word_of_a_text_in_the_file(tmp_path):
    path = tmp_path / "memory.db"
    store = Database(path)
    log = filled(store)
    entry = log.entries()[0]
    assert log.matches(entry, "A parrot 0.") is True
    assert log.matches(entry, "A parrot 1.") is False
    store.close()
    assert b"parrot" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_texts_can_be_forgotten_and_the_chain_holds(store):
    log = filled(store)
    assert log.forget_texts("ann", messages=[101]) == 1
    first, second = log.entries()[:2]
    assert log.matches(first, "A parrot 0.") is True
    assert log.matches(second, "A parrot 1.") is None
    assert log.forget_texts("ann") == 6
    assert log.forget_texts("ann") == 0
    assert all(log.matches(one, f"A parrot {one.turn}.") is None for one in log.revealed_about("ann"))
    assert log.verify().ok


def test_two_that_write_at_once_make_one_chain(tmp_path):
    store = Database(tmp_path / "memory.db")
    log = AuditLog(store)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(log.add, "blocked", owner="ann", counterpart="bea") for _ in range(40)]:
            done.result()
    assert log.verify() == log.verify(log.head())
    assert log.verify().checked == 40


class Meanwhile:
    """A store in which something happens after the first thing that somebody reads."""

    def __init__(self, store, deed):
        self.store = store
        self.writing = store.writing
        self.deeds = iter([deed])

    @contextmanager
    def reading(self):
        def then(_connection, _cursor, statement, *_):
            if statement.startswith("SELECT"):
                next(self.deeds, lambda: None)()

        with self.store.reading() as connection:
            event.listen(connection, "after_cursor_execute", then)
            yield connection


@pytest.mark.parametrize("deed", ["add", "forget"])
def test_what_is_written_while_it_is_read_is_no_break(store, deed):
    log = filled(store)
    deeds = {
        "add": lambda: log.add("disclosed", **DISCLOSED, text="Another parrot."),
        "forget": lambda: log.forget_texts("ann"),
    }
    found = AuditLog(Meanwhile(store, deeds[deed])).verify()
    assert (found.problems, found.checked) == ((), 8)
    assert log.head().count == 9
    assert log.verify().ok


@pytest.mark.usefixtures("past_the_types")
def test_an_end_that_is_gone_and_events_that_are_none_are_refused(tmp_path):
    store = Database(tmp_path / "memory.db")
    log = filled(store)
    with pytest.raises(InvalidInput, match="`event` must be one of"):
        log.add("shouted", owner="ann", counterpart="bea")
    with sqlite3.connect(tmp_path / "memory.db") as other:
        other.execute("DELETE FROM audit_head")
    other.close()
    with pytest.raises(InvalidInput, match="its end"):
        log.add("blocked", owner="ann", counterpart="bea")
    assert not log.verify().ok


def test_times_may_go_backwards(store):
    times = iter([WHEN, WHEN - timedelta(days=1)])
    log = AuditLog(store, clock=lambda: next(times))
    for _ in range(2):
        log.add("blocked", owner="ann", counterpart="bea")
    assert log.verify().ok
