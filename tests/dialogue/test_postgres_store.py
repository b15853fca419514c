"""A journal in a real PostgreSQL: shared by processes, forgotten from the tables' files, patient with a server."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consilience.dialogue.journal import Journal, JournalLocked, JournalUnavailable
from consilience.dialogue.messages import Message, Question, Reply
from consilience.dialogue.texts import encoded, kept
from consilience.ground.errors import InvalidInput

SOURCE = Path(__file__).parents[2] / "src"


def question(element="7", text="mend"):
    return Question(element, (Message("user", ("Task: ", text)),))


def reply(text="done"):
    return Reply(text=text, model="m")


def put(journal, *pairs):
    async def all_of_them():
        return await asyncio.gather(*(journal.put(*pair) for pair in pairs))

    return asyncio.run(all_of_them())


WORKER = """
import asyncio, os, sys
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply

async def one(journal, n):
    question = Question(str(n), (Message("user", ("shared", f"part {n % 5}")),))
    stands = await journal.put(question, Reply(text=f"{n} by {sys.argv[2]} " * 40, model="m"))
    await journal.put_artifact(str(n), f"work {n}")
    os.write(1, f"{n} {stands.text.split()[2]}\\n".encode())

async def main():
    with Journal.open(sys.argv[1], "run") as journal:
        for start in range(0, 400, 20):
            await asyncio.gather(*(one(journal, n) for n in range(start, start + 20)))

asyncio.run(main())
"""


def worker(url, name):
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, "-c", WORKER, url, name], env=environment, stdout=subprocess.PIPE)


def test_processes_share_a_run_and_agree_on_every_reply_and_one_may_be_killed(postgres_url):
    workers = [worker(postgres_url, name) for name in ("a", "b", "c")]
    lines = [workers[2].stdout.readline() for _ in range(50)]
    workers[2].send_signal(signal.SIGKILL)
    lines += [line for one in workers for line in one.communicate()[0].splitlines(keepends=True)]
    assert [one.returncode for one in workers] == [0, 0, -signal.SIGKILL]
    said = {tuple(line.split()) for line in lines if line.endswith(b"\n")}
    with Journal.open(postgres_url, "run", replay_only=True) as journal:
        kept_replies = {(call.question.element, call.reply.text.split()[2]) for call in journal.calls()}
        assert len(kept_replies) == 400
        assert len(list(journal.artifacts())) == 400
    assert {(n.decode(), by.decode()) for n, by in said} <= kept_replies


def test_what_another_process_answered_is_found(postgres_url):
    with Journal.open(postgres_url, "run") as one, Journal.open(postgres_url, "run") as other:
        assert asyncio.run(other.get(question(), "m")) is None
        put(one, (question(), reply("of one")))
        assert asyncio.run(other.get(question(), "m")).text == "of one"
        assert put(other, (question(), reply("of other")))[0].text == "of one"


def test_a_run_in_use_is_not_forgotten(postgres_url):
    with Journal.open(postgres_url, "run") as one, Journal.open(postgres_url, "run") as other:
        put(one, (question(), reply()))
        with pytest.raises(JournalLocked, match=r"run 'run' of .* is in use by another process"):
            one.forget("run")
        assert len(list(other.calls())) == 1


def test_nothing_of_a_forgotten_run_is_left_in_the_files_of_the_tables(postgres, postgres_url):
    texts = [f"a secret {n} " + "".join(chr(97 + (n * k * k) % 23) for k in range(3000)) for n in range(20)]
    needles = [kept(encoded(text))[-60:] for text in texts] + [f"hidden {n} element".encode() for n in range(20)]

    def left():
        postgres.execute("CHECKPOINT")
        data = postgres.folder / "data" / "base"
        files = b"".join(file.read_bytes() for file in sorted(data.rglob("*")) if file.is_file())
        return [needle for needle in needles if needle in files]

    with Journal.open(postgres_url, "other") as other, Journal.open(postgres_url, "hidden") as hidden:
        for n in range(20):
            put(hidden, (question(f"hidden {n} element", texts[n]), reply()))
            put(other, (question(f"{n}"), reply()))
        assert len(left()) > 20
        hidden.forget("hidden")
        assert left() == []
        assert len(list(other.calls())) == 20


def test_a_server_that_went_and_came_back_is_found_again(postgres_url, postgres):
    with Journal.open(postgres_url, "run") as journal:
        put(journal, (question("1"), reply()))
        postgres.stop()
        try:
            with pytest.raises(JournalUnavailable, match=r"cannot be reached; .*: see that the server runs"):
                put(journal, (question("2"), reply()))
        finally:
            postgres.start()
        put(journal, (question("3"), reply()))  # and what was paid for while it was away
        assert sorted(call.question.element for call in journal.calls()) == ["1", "2", "3"]
        postgres.stop()
        postgres.start()
        put(journal, (question("4"), reply()))  # nobody noticed


def test_what_is_no_journal_is_told(postgres, postgres_url):
    with pytest.raises(InvalidInput, match="a journal to replay must exist; there is none in"):
        Journal.open(postgres_url, "run", replay_only=True)
    database = postgres_url.rpartition("/test_")[2].partition("?")[0]
    Journal.open(postgres_url, "run").close()
    postgres.execute("UPDATE meta SET value = '9' WHERE name = 'version'", database=f"test_{database}")
    with pytest.raises(InvalidInput, match="of version 1; it is of version 9"):
        Journal.open(postgres_url, "run")
    postgres.execute("DROP TABLE meta", "CREATE TABLE meta (cats text)", database=f"test_{database}")
    with pytest.raises(InvalidInput, match="must be a journal; it is another database"):
        Journal.open(postgres_url, "run")


def test_who_may_not_write_is_told(postgres, postgres_url):
    name = f"reader_{postgres_url.rpartition('/test_')[2][:8]}"
    postgres.execute(f"CREATE USER {name}")
    with pytest.raises(InvalidInput, match="must be a database that may be written; permission denied"):
        Journal.open(postgres_url.replace("postgres@", f"{name}@"), "run")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://me:hush@127.0.0.1:1/none", "postgresql://me:hush@127.0.0.1:1/none"]
)
def test_a_server_that_is_not_there_is_named_without_the_password(url):
    with pytest.raises(JournalUnavailable, match=r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/none") as told:
        Journal.open(url, "run")
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


def test_an_address_that_is_none_is_told():
    with pytest.raises(InvalidInput, match=r"reads postgresql\+psycopg://user@host/database"):
        Journal.open("postgresql+psycopg://me@host:port/x", "run")
