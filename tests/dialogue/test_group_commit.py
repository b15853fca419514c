"""Rows reach the disk together where they come together, and at once where nobody else is at work."""

import asyncio
import threading

import pytest

from consilience.dialogue.group_commit import LATER_ROWS, SINGLES
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply, Usage
from consilience.dialogue.rows import ArtifactRow, CallRow


def asked(number: int) -> Question:
    return Question(str(number), (Message("user", ("Go on.",)),))


async def put(journal: Journal, number: int) -> None:
    await journal.put(asked(number), Reply(text=f"reply {number}", model="m"))


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A journal in a file, and how many rows each of its transactions had."""
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        sizes, write = [], journal._store.write

        def counted(run, rows, *wait):
            sizes.append(len(rows))
            return write(run, rows, *wait)

        monkeypatch.setattr(journal._store, "write", counted)
        yield journal, sizes


def test_who_is_alone_does_not_wait_for_the_end_of_the_turn(written) -> None:
    journal, sizes = written
    turns = []

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        for number in range(3 * SINGLES):
            passed = []
            loop.call_soon(passed.append, number)
            await put(journal, number)
            turns.append(bool(passed))

    asyncio.run(ask())
    assert sizes == [1] * 3 * SINGLES
    assert turns.count(True) == 3  # one in nine looks whether others have come


def test_who_is_in_company_shares_a_transaction_before_long(written) -> None:
    journal, sizes = written

    async def ask() -> None:
        await put(journal, 0)  # alone
        for start in range(1, 400, 20):
            await asyncio.gather(*(put(journal, number) for number in range(start, start + 20)))

    asyncio.run(ask())
    assert sum(sizes) == 401
    assert sizes[SINGLES + 1 :] == [12, *[20] * 19]


def test_what_nobody_waits_for_goes_with_the_others_of_its_turn_and_is_written_where_no_loop_runs(written) -> None:
    journal, sizes = written

    async def ask() -> None:
        await put(journal, 0)  # alone
        for _ in range(2):
            journal.charge(Usage(1, 2, 0.5))
        await put(journal, 1)
        await asyncio.sleep(0)
        journal.charge(Usage(1, 2))
        await asyncio.sleep(0)
        assert journal.facts.unanswered == 3

    asyncio.run(ask())
    assert sizes == [1, 3, 1]
    journal.charge(Usage())  # as of a question that is thrown away after the end
    journal.settle()
    facts = journal.facts
    assert (facts.calls, facts.unanswered, facts.unanswered_tokens, facts.unanswered_usd) == (2, 4, 9, 1.0)
    journal.close()
    journal.charge(Usage())  # nobody counts any more


def test_what_may_wait_is_written_by_and_by_and_nothing_is_lost(tmp_path) -> None:
    async def work(journal: Journal) -> None:
        for number in range(2 * LATER_ROWS + 3):
            journal.put_artifact_later(str(number), f"work {number}")
            await put(journal, number)

    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        asyncio.run(work(journal))
        assert len(list(journal.artifacts())) == 2 * LATER_ROWS
        journal.settle()
        assert len(list(journal.artifacts())) == 2 * LATER_ROWS + 3
        journal.put_artifact_later("end", "last")
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
        last = journal.artifact("end")
        assert last is not None
        assert last.text == "last"


def test_what_could_not_be_written_is_written_at_the_end(written, tmp_path) -> None:
    journal, _ = written
    counted = journal._store.write

    def full(*_):
        raise RuntimeError("no space")

    journal._store.write = full
    journal.put_artifact_later("7", "work")
    with pytest.raises(RuntimeError, match="no space"):
        journal.settle()
    journal._store.write = counted
    journal.settle()
    assert [artifact.element for artifact in journal.artifacts()] == ["7"]


@pytest.mark.usefixtures("past_the_types")
def test_what_nobody_waits_for_and_no_database_takes_is_in_nobodys_way_and_told_at_the_end(tmp_path) -> None:
    async def work(journal: Journal) -> None:
        for number in range(LATER_ROWS):
            journal.put_artifact_later(str(number), f"work {number}" if number else None)  # type: ignore[arg-type]
        for number in range(3):
            await put(journal, number)

    journal = Journal.open(tmp_path / "journal.sqlite", "run")
    asyncio.run(work(journal))
    assert len(list(journal.calls())) == 3
    assert len(list(journal.artifacts())) == LATER_ROWS - 1
    for end in (journal.settle, journal.close):
        journal._commits.add_later(ArtifactRow("end", end.__name__, (), "text", "", 0))
        with pytest.raises(TypeError, match="NoneType"):
            end()
    journal.close()
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as again:
        last = again.artifact("end")
        assert last is not None
        assert last.text == "close"


def test_what_is_settled_while_somebody_writes_is_there_as_well(written, tmp_path, monkeypatch) -> None:
    """As where a run is cut off: who waited for a reply to be kept is gone, and a thread still writes it."""
    journal, _ = written
    counted, begun, go_on = journal._store.write, threading.Event(), threading.Event()

    def slowly(run, rows, *wait):
        if any(isinstance(row, CallRow) for row in rows):
            begun.set()
            assert go_on.wait(30)
        return counted(run, rows, *wait)

    monkeypatch.setattr(type(journal._store), "inline", False)
    monkeypatch.setattr(journal._store, "write", slowly)

    async def cut_off() -> None:
        asking = asyncio.ensure_future(put(journal, 0))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        journal.put_artifact_later("0", "work")
        asking.cancel()
        journal.settle()
        assert [artifact.text for artifact in journal.artifacts()] == ["work"]
        go_on.set()

    asyncio.run(cut_off())
    journal.close()
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as again:
        assert [call.reply.text for call in again.calls()] == ["reply 0"]
        assert len(list(again.artifacts())) == 1
