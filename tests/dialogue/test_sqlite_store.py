"""A journal in a file: safe from kill -9, forgotten to the byte, refused in words."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from consilience.dialogue.journal import Journal, JournalLocked, JournalUnavailable
from consilience.dialogue.messages import Message, Question, Reply, Settings
from consilience.dialogue.texts import encoded, kept
from consilience.ground.errors import InvalidInput, MissingDependency

SOURCE = Path(__file__).parents[2] / "src"


def question(element="7", text="mend"):
    return Question(element, (Message("user", ("Task: ", text)),), Settings())


def reply(text="done"):
    return Reply(text=text, model="m")


def put(journal, *pairs):
    async def all_of_them():
        return await asyncio.gather(*(journal.put(*pair) for pair in pairs))

    return asyncio.run(all_of_them())


def python(script, *arguments, **options):
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, **options
    )


WRITER = """
import asyncio, os, sys
from consilience.dialogue import sqlite_store
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply

sqlite_store.PAGES_A_LOG = 60  # fold the log often, so that it is being folded at some of the kills

async def one(journal, n):
    question = Question(str(n), (Message("user", ("task", f"part {n % 7} " * 50)),))
    await journal.put(question, Reply(text=f"reply {n} " * 150, model="m"))
    await journal.put_artifact(str(n), f"work {n} " * 100)
    os.write(1, f"{n}\\n".encode())

async def main():
    with Journal.open(sys.argv[1], "run") as journal:
        n = int(sys.argv[2])
        while True:
            await asyncio.gather(*(one(journal, m) for m in range(n, n + 1 + n % 40)))
            n += 1 + n % 40

asyncio.run(main())
"""


def test_what_was_acknowledged_outlives_kill_9(tmp_path):
    path, acknowledged, chance = tmp_path / "journal.sqlite", set(), random.Random(7)
    for _ in range(8):
        writer = python(WRITER, path, len(acknowledged) * 2)
        for _ in range(chance.randint(1, 400)):
            acknowledged.add(int(writer.stdout.readline()))
        time.sleep(chance.random() * 0.02)
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().decode()
        writer.wait()
        writer.stdout.close()
        acknowledged |= {int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")}
        with Journal.open(path, "run") as journal:
            calls = {int(call.question.element): call.reply.text for call in journal.calls()}
            made = {int(artifact.element): artifact.text for artifact in journal.artifacts()}
        assert acknowledged <= calls.keys()
        assert acknowledged <= made.keys()
        assert all(text == f"reply {n} " * 150 for n, text in calls.items())
        assert all(text == f"work {n} " * 100 for n, text in made.items())
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    assert len(acknowledged) > 200
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith("-wal")] == []


def test_nothing_of_a_forgotten_run_is_left_in_the_bytes(tmp_path):
    path, chance = tmp_path / "journal.sqlite", random.Random(3)
    short = [f"secret short {chance.random()}" for _ in range(40)]
    long = ["".join(chance.choices("abcdefgh ", k=chance.randint(500, 20_000))) for _ in range(40)]
    others = ["".join(chance.choices("ijklmnop ", k=1500)) for _ in range(40)]

    def left():
        files = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
        elements = [f"hidden element {n}".encode() for n in range(40)]
        needles = [*elements, *(kept(encoded(text)) for text in short + long), b"the hidden run", b"a hidden note"]
        return [needle for needle in needles if needle[:400] in files or needle[-400:] in files]

    with Journal.open(path, "other") as other, Journal.open(path, "the hidden run") as hidden:
        for n in range(40):
            put(hidden, (question(f"hidden element {n}", short[n]), reply(long[n])))
            put(other, (question(f"element {n}", others[n]), reply(others[-n])))
        asyncio.run(hidden.put_artifact("hidden element 0", long[0], note="a hidden note"))
        assert len(left()) == 122
        before = other.fingerprint()
        other_calls = list(other.calls())
        with pytest.raises(JournalLocked, match="being written elsewhere"):
            other.forget("the hidden run")
        hidden.forget("the hidden run")
        assert left() == []
        assert path.with_name("journal.sqlite-wal").stat().st_size == 0
        assert other.fingerprint() == before
        put(other, (question("one more"), reply()))
        assert list(other.calls())[:-1] == other_calls
    assert left() == []
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]


def test_bytes_that_a_reader_holds_back_are_owned_up_to(tmp_path, monkeypatch):
    monkeypatch.setattr("consilience.dialogue.sqlite_store.READERS_S", 0.2)
    with Journal.open(tmp_path / "j", "run") as journal:
        put(journal, (question(), reply()))
        reader = sqlite3.connect(tmp_path / "j", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM blobs").fetchone()
        with pytest.raises(JournalLocked, match="deleted, but somebody still reads"):
            journal.forget("run")
        reader.close()
    with Journal.open(tmp_path / "j", "run") as journal:
        assert journal.runs() == ()


# One writer a run.


def test_a_second_process_on_a_run_is_refused_and_one_on_another_run_is_not(tmp_path):
    script = """
import sys
from consilience.dialogue.journal import Journal
from consilience.ground.errors import ConsilienceError
for run in ("run", "other"):
    try:
        Journal.open(sys.argv[1], run).close()
    except ConsilienceError as error:
        print(error)
    else:
        print("opened", run)
"""
    path = tmp_path / "journal.sqlite"
    with Journal.open(path, "run"):
        second = python(script, path)
        lines = second.communicate()[0].decode().splitlines()
    assert lines[0] == (
        f"run 'run' of {path} is being written elsewhere: wait for it to end, or open the run with `replay_only=True`."
    )
    assert lines[1:] == ["opened other"]
    with Journal.open(path, "run"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]


def test_processes_that_make_the_same_journal_at_once_all_find_it(tmp_path):
    script = """
import asyncio, sys
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
with Journal.open(sys.argv[1], sys.argv[2]) as journal:
    asyncio.run(journal.put(Question("7", ()), Reply(text="done", model="m")))
"""
    makers = [python(script, tmp_path / "j", f"run {n}") for n in range(4)]
    assert [maker.communicate()[0] for maker in makers] == [b""] * 4
    assert [maker.returncode for maker in makers] == [0] * 4
    with Journal.open(tmp_path / "j", "run 0", replay_only=True) as journal:
        assert sorted((facts.name, facts.calls) for facts in journal.runs()) == [(f"run {n}", 1) for n in range(4)]


def test_a_run_may_be_read_while_it_is_written(tmp_path):
    with Journal.open(tmp_path / "j", "run") as journal:
        put(journal, (question(), reply()))
        with Journal.open(tmp_path / "j", "run", replay_only=True) as reader:
            assert asyncio.run(reader.get(question(), "m")).text == "done"


# Somebody else's lock, a full disk.


def test_a_writer_waits_for_somebody_elses_lock_and_the_loop_goes_on(tmp_path):
    async def main(journal, other):
        ticks = 0
        waiting = asyncio.ensure_future(journal.put(question(), reply()))
        while ticks < 10:
            await asyncio.sleep(0.01)
            ticks += 1
        assert not waiting.done()
        more = asyncio.ensure_future(journal.put(question("8"), reply()))
        other.execute("ROLLBACK")
        return await asyncio.gather(waiting, more)

    with Journal.open(tmp_path / "j", "run") as journal:
        other = sqlite3.connect(tmp_path / "j", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(main(journal, other))
        other.close()
        assert len(list(journal.calls())) == 2


def test_a_lock_that_stays_is_told_in_one_line_and_the_reply_is_written_at_the_end(tmp_path, monkeypatch):
    journal = Journal.open(tmp_path / "j", "run")
    other = sqlite3.connect(tmp_path / "j", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = journal._store.write
    monkeypatch.setattr(journal._store, "write", lambda run, rows, wait_s=0.2: write(run, rows, wait_s))
    with pytest.raises(JournalLocked, match="stayed locked: try again when they end"):
        put(journal, (question(), reply()))
    other.execute("ROLLBACK")
    other.close()
    journal.close()
    with Journal.open(tmp_path / "j", "run", replay_only=True) as reader:
        assert [call.reply.text for call in reader.calls()] == ["done"]


def test_a_lock_makes_nobody_forget_what_is_known_of_texts(tmp_path):
    with Journal.open(tmp_path / "j", "run") as journal:
        put(journal, (question(), reply()))
        known = dict(journal._store._numbers)
        other = sqlite3.connect(tmp_path / "j", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked):
            journal._store.write("run", [], 0.0)
        other.execute("ROLLBACK")
        other.close()
        assert known
        assert journal._store._numbers == known


def test_on_a_full_disk_what_was_kept_stays_and_what_was_paid_for_is_written_when_there_is_room(tmp_path):
    noise = random.Random(0)

    def long():
        return noise.randbytes(100_000).hex()

    with Journal.open(tmp_path / "j", "run") as journal:
        put(journal, (question("1"), reply(long())))
        pages = journal._store._writer.execute("PRAGMA page_count").fetchone()[0]
        journal._store._writer.execute(f"PRAGMA max_page_count={pages + 4}")
        with pytest.raises(JournalUnavailable, match=r"the disk is full. What it holds is safe: make room"):
            put(journal, (question("2"), reply(long())))
        assert [call.question.element for call in journal.calls()] == ["1"]
        journal._store._writer.execute("PRAGMA max_page_count=1000000")
        put(journal, (question("3"), reply("small")))
        assert [call.question.element for call in journal.calls()] == ["1", "2", "3"]


def test_a_disk_that_stays_full_is_told_at_the_end(tmp_path):
    journal = Journal.open(tmp_path / "j", "run")
    put(journal, (question("1"), reply()))
    pages = journal._store._writer.execute("PRAGMA page_count").fetchone()[0]
    journal._store._writer.execute(f"PRAGMA max_page_count={pages}")
    body = random.Random(0).randbytes(50_000).hex()
    with pytest.raises(JournalUnavailable, match="disk is full"):
        put(journal, (question("2"), reply(body)))
    with pytest.raises(JournalUnavailable, match="disk is full"):
        journal.close()
    with Journal.open(tmp_path / "j", "run") as again:  # the lock is gone
        assert [call.question.element for call in again.calls()] == ["1"]


def test_the_log_is_folded_into_the_file_by_another_thread(tmp_path, monkeypatch):
    monkeypatch.setattr("consilience.dialogue.sqlite_store.PAGES_A_LOG", 30)
    threads = set()
    with Journal.open(tmp_path / "j", "run") as journal:
        fold = journal._store.checkpoint
        monkeypatch.setattr(
            journal._store, "checkpoint", lambda: (threads.add(threading.current_thread().name), fold())
        )
        for n in range(60):
            put(journal, (question(str(n)), reply(f"{n} " * 800)))
        assert {name.rpartition("_")[0] for name in threads} <= {"journal", ""}
        assert threads
        assert (tmp_path / "j").stat().st_size > 20_000


# What is no journal.


def test_other_files_are_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than a header of one hundred bytes " * 3)
    database = tmp_path / "other.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE meta (anything)")
    connection.commit()
    connection.close()
    empty_meta = tmp_path / "tables.sqlite"
    connection = sqlite3.connect(empty_meta)
    connection.execute("CREATE TABLE cats (name)")
    connection.commit()
    connection.close()
    for path in (text, database, empty_meta):
        before = path.read_bytes()
        for replay_only in (False, True):
            with pytest.raises(InvalidInput, match="must be a journal; it is another"):
                Journal.open(path, "run", replay_only=replay_only)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_a_journal_of_another_version_is_not_read(tmp_path):
    Journal.open(tmp_path / "j", "run").close()
    with sqlite3.connect(tmp_path / "j") as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    connection.close()
    with pytest.raises(InvalidInput, match=r"journal of version 1; it is of version 2: read it with the release"):
        Journal.open(tmp_path / "j", "run")


def test_a_damaged_journal_says_so(tmp_path):
    path = tmp_path / "j"
    with Journal.open(path, "run") as journal:
        put(journal, *((question(str(n)), reply(f"{n} " * 900)) for n in range(50)))
    body = bytearray(path.read_bytes())
    body[4096:] = b"\x55" * len(body[4096:])
    path.write_bytes(body)
    with pytest.raises(InvalidInput, match="is damaged"):
        Journal.open(path, "run")


def test_places_that_cannot_hold_a_journal_are_named(tmp_path):
    with pytest.raises(InvalidInput, match="is a folder: name a file in it"):
        Journal.open(tmp_path, "run")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"the folder of .* cannot be made"):
        Journal.open(tmp_path / "file" / "j", "run")
    with pytest.raises(InvalidInput, match="a journal to replay must exist"):
        Journal.open(tmp_path / "none", "run", replay_only=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(InvalidInput, match="must be a file that can be written"):
        Journal.open("/proc/journal", "run")


def test_a_journal_in_a_folder_where_nothing_can_be_made_is_read(tmp_path, monkeypatch):
    with Journal.open(tmp_path / "a b?#.sqlite", "run") as journal:
        put(journal, (question(), reply()))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with Journal.open(tmp_path / "a b?#.sqlite", "run", replay_only=True) as journal:
        assert asyncio.run(journal.get(question(), "m")).text == "done"
    assert [file.name for file in tmp_path.iterdir()] == ["a b?#.sqlite"]


def test_to_read_leaves_nothing_beside_the_file_and_nothing_in_it(tmp_path):
    with Journal.open(tmp_path / "j", "run") as journal:
        put(journal, (question(), reply()))
    before = (tmp_path / "j").read_bytes()
    with Journal.open(tmp_path / "j", "run", replay_only=True) as reader:
        assert [call.reply.text for call in reader.calls()] == ["done"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._store._reader.execute("DELETE FROM calls")
    assert [file.name for file in tmp_path.iterdir()] == ["j"]
    assert (tmp_path / "j").read_bytes() == before


def test_whoever_reads_takes_nothing_from_whoever_writes(tmp_path):
    with Journal.open(tmp_path / "j", "run") as journal, Journal.open(tmp_path / "j", "other") as other:
        put(journal, (question("1"), reply()))
        with Journal.open(tmp_path / "j", "run", replay_only=True) as reader:
            put(journal, (question("2"), reply()))
            assert len(list(reader.calls())) == 2
        other.close()
        put(journal, (question("3"), reply()))
    with Journal.open(tmp_path / "j", "run", replay_only=True) as first:
        with Journal.open(tmp_path / "j", "run") as journal:
            put(journal, (question("4"), reply()))
        assert len(list(first.calls())) == 4
    assert [file.name for file in tmp_path.iterdir()] == ["j"]


def test_an_address_of_a_file_is_a_file(tmp_path):
    Journal.open(f"sqlite:///{tmp_path}/j", "run").close()
    assert (tmp_path / "j").exists()


@pytest.mark.parametrize(
    ("absent", "where", "extra"),
    [("sqlalchemy", "j", "agents"), ("psycopg", "postgresql+psycopg://nobody@/none", "postgres")],
)
def test_a_library_that_is_absent_is_named_with_its_extra(tmp_path, monkeypatch, absent, where, extra):
    store = "consilience.dialogue.postgres_store" if "://" in where else "consilience.dialogue.sqlite_store"
    for name in [name for name in sys.modules if name == store or name.startswith(absent)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingDependency, match=rf"need {absent}[.\w]*; install consilience\[{extra}\]"):
        Journal.open(where if "://" in where else tmp_path / where, "run")
