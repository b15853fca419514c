"""What was acknowledged is there, a key is kept once, equal histories are equal: in a file and in a database alike."""

import asyncio
import random
import sqlite3
import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.command.means import Means
from consilience.dialogue.history import JournalUnavailable
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply, Settings, Usage
from consilience.dialogue.models import BadReply, Denied, Refused, TimedOut, Unreachable
from consilience.dialogue.players import echo
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput, UnknownName

MODEL = "rehearsal:solver"


def question(element="7", text="mend", occurrence=0, **settings):
    messages = (Message("system", ("A profile. ",)), Message("user", ("Task: ", text)))
    return Question(element, messages, Settings(**settings), occurrence)


def reply(text="done", **facts):
    return Reply(text=text, model=MODEL, usage=Usage(12, 34, 0.5), latency_s=0.25, **facts)


def put_all(journal, pairs):
    async def put():
        return await asyncio.gather(*(journal.put(asked, said, model=MODEL) for asked, said in pairs))

    return asyncio.run(put())


def get(journal, asked, model=MODEL):
    return asyncio.run(journal.get(asked, model))


def put_artifacts(journal, *made):
    async def put():
        for one in made:
            await journal.put_artifact(*one)

    asyncio.run(put())


@pytest.fixture(params=["sqlite", "postgres"])
def where(request, tmp_path):
    return tmp_path / "journal.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


# What was acknowledged is there.


def test_a_reply_comes_back_as_it_was_and_says_that_it_is_replayed(where):
    said = reply("é \ud800 \0 end", finish="length", priced=False)
    with Journal.open(where, "run") as journal:
        assert get(journal, question()) is None
        put_all(journal, [(question(), said)])
        assert get(journal, question()).replayed
    with Journal.open(where, "run", replay_only=True) as journal:
        found = get(journal, question())
        assert found == Reply(
            text=said.text,
            model=MODEL,
            usage=said.usage,
            finish="length",
            latency_s=0.25,
            priced=False,
            replayed=True,
        )
        assert get(journal, question(), "another") is None
        assert get(journal, question(occurrence=1)) is None


def test_a_question_is_rebuilt_with_its_parts_and_settings(where):
    asked = [
        question("7->9", "x" * 5000, occurrence=3, temperature=0.5, max_tokens=7, seed=1, json_schema='{"a": 1}'),
        Question("empty", (Message("user", ()), Message("assistant", ("", "")))),
        Question("none", ()),
    ]
    with Journal.open(where, "run") as journal:
        put_all(journal, [(one, reply(str(n))) for n, one in enumerate(asked)])
        calls = list(journal.calls())
    assert [call.question for call in calls] == asked
    assert [call.key for call in calls] == [one.key(MODEL) for one in asked]
    assert {call.model for call in calls} == {MODEL}
    assert all(call.started_at == pytest.approx(call.ended_at - 0.25) for call in calls)


def test_a_put_that_nobody_waits_for_any_more_is_written(where):
    async def cancelled(journal):
        task = asyncio.ensure_future(journal.put(question(), reply()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with Journal.open(where, "run") as journal:
        asyncio.run(cancelled(journal))
    with Journal.open(where, "run", replay_only=True) as journal:
        assert get(journal, question()).text == "done"


def test_more_rows_than_one_transaction_takes_are_all_there(where):
    pairs = [(question(str(n)), reply(f"text {n}" * 50)) for n in range(700)]
    with Journal.open(where, "run") as journal:
        put_all(journal, pairs)
        put_all(journal, pairs)  # in another event loop, and for the second time
        assert len(list(journal.calls())) == 700
        assert [get(journal, asked).text for asked, _ in pairs[::50]] == [said.text for _, said in pairs[::50]]


def test_texts_are_found_again_when_their_numbers_are_no_longer_remembered(where, monkeypatch):
    monkeypatch.setattr("consilience.dialogue.store.MOST_TEXTS", 8)
    pairs = [(question(str(n), f"part {n % 5}"), reply(f"reply {n % 3}")) for n in range(40)]
    with Journal.open(where, "run") as journal:
        for pair in pairs:
            put_all(journal, [pair])
        assert [(call.question, call.reply.text) for call in journal.calls()] == [(a, r.text) for a, r in pairs]


# A key is kept once.


def test_the_first_reply_stands_and_whoever_comes_second_is_given_it(where):
    with Journal.open(where, "run") as journal:
        first, second = put_all(journal, [(question(), reply("first")), (question(), reply("second"))])
        third = put_all(journal, [(question(), reply("third"))])[0]
        assert [first.text, second.text, third.text] == ["first"] * 3
        assert [call.reply.text for call in journal.calls()] == ["first"]
        assert journal.runs()[0].calls == 1


def test_runs_of_one_journal_do_not_see_each_other(where):
    with Journal.open(where, "a") as a, Journal.open(where, "b") as b:
        put_all(a, [(question(), reply("of a"))])
        assert get(b, question()) is None
        put_all(b, [(question(), reply("of b"))])
        put_artifacts(a, ("7", "made by a"))
        assert [get(run, question()).text for run in (a, b)] == ["of a", "of b"]
        assert b.artifact("7") is None
        assert a.artifact("7", run="a") == a.artifact("7")
        assert [call.reply.text for call in a.calls(run="b")] == ["of b"]


# Equal histories give equal content.


@settings(max_examples=25)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_order_and_company_do_not_change_the_content(tmp_path_factory, order, together):
    pairs = [(question(str(n % 4), f"part {n}"), reply(f"reply {n % 3}")) for n in range(6)]

    def content(places):
        with Journal.open(tmp_path_factory.mktemp("journal") / "j", "run") as journal:
            for start in range(0, 6, together):
                put_all(journal, [pairs[place] for place in places[start : start + together]])
            for place in places:
                put_artifacts(journal, (str(place), f"work {place}", ("x", "y"), "text"))
            return journal.fingerprint()

    assert content(order) == content(range(6))


@pytest.mark.parametrize("change", ["reply", "element", "artifact", "parents", "kind"])
def test_another_history_has_another_fingerprint(tmp_path, change):
    def content(name, changed):
        with Journal.open(tmp_path / name, "run") as journal:
            element = "8" if changed == "element" else "7"
            put_all(journal, [(question(element), reply("other" if changed == "reply" else "done"))])
            put_artifacts(
                journal,
                (
                    "7",
                    "other" if changed == "artifact" else "work",
                    ("3",) if changed == "parents" else ("2",),
                    "code" if changed == "kind" else "text",
                ),
            )
            return journal.fingerprint()

    assert content("a", None) == content("b", None) != content("c", change)


# Artifacts.


def test_the_last_artifact_of_an_element_stands_and_the_same_again_adds_nothing(where):
    with Journal.open(where, "run") as journal:
        put_artifacts(journal, ("7", "one", ("3->7", "4->7"), "text", "a note"), ("9", "nine"))
        put_artifacts(journal, ("7", "one", ("3->7", "4->7"), "text", "a note"))
        assert journal.runs()[0].artifacts == 2
        found = journal.artifact("7")
        assert (found.text, found.parents, found.kind, found.note) == ("one", ("3->7", "4->7"), "text", "a note")
        put_artifacts(journal, ("7", "two"), ("7", "one"), ("7", "three"))
        assert journal.artifact("7").text == "three"
        assert [(made.element, made.text) for made in journal.artifacts()] == [("7", "three"), ("9", "nine")]
        assert journal.artifact("8") is None


def test_what_is_kept_later_is_there_when_it_is_settled(where):
    with Journal.open(where, "run") as journal:
        for at in range(3):
            journal.put_artifact_later(str(at), f"work {at}", ("0",), "code", "a note")
        assert not list(journal.artifacts())
        journal.settle()
        assert len(list(journal.artifacts())) == 3
    with Journal.open(where, "run", replay_only=True) as journal:
        made = journal.artifact("2")
        assert (made.text, made.parents, made.kind, made.note) == ("work 2", ("0",), "code", "a note")
        with pytest.raises(InvalidInput, match="open for writing"):
            journal.put_artifact_later("3", "late")


def test_an_artifact_that_was_said_before_costs_no_second_text(tmp_path):
    text = random.Random(0).randbytes(100_000).hex()
    with Journal.open(tmp_path / "j", "run") as journal:
        put_all(journal, [(question(), reply(text))])
        put_artifacts(journal, ("7", text), ("8", text))
    assert (tmp_path / "j").stat().st_size < 1.2 * len(text)


# Fork, diff.


def test_a_fork_holds_everything_but_what_is_asked_again(where):
    with Journal.open(where, "run") as journal:
        put_all(journal, [(question(name), reply(f"of {name}")) for name in ("1", "2", "1->2")])
        put_artifacts(journal, *[(name, f"made by {name}") for name in ("1", "2", "1->2")])
        assert journal.fork("again", lambda element: element == "2") == 2
        assert journal.fork("whole") == 3
        assert journal.fingerprint(run="whole") == journal.fingerprint()
        assert not journal.diff("run", "whole")
    with Journal.open(where, "again") as journal:
        assert get(journal, question("1")).text == "of 1"
        assert get(journal, question("2")) is None
        assert journal.artifact("2") is None
        put_all(journal, [(question("2"), reply("anew"))])
        assert [facts.forked_from for facts in journal.runs()] == [None, "run", "run"]
        assert get(journal, question("2")).text == "anew"
        assert [call.reply.text for call in journal.calls(run="run")] == ["of 1", "of 2", "of 1->2"]


def test_a_difference_names_what_differs_and_nothing_else(where):
    with Journal.open(where, "a") as a, Journal.open(where, "b") as b:
        same = [(question("same"), reply("same"))]
        put_all(a, [(question("r"), reply("left")), (question("q", "x"), reply()), (question("only a"), reply())])
        put_all(a, same)
        put_all(
            b, [*same, (question("only b"), reply()), (question("q", "y"), reply()), (question("r"), reply("right"))]
        )
        put_artifacts(a, ("same", "work"), ("r", "left work"))
        put_artifacts(b, ("r", "right work"), ("same", "other"), ("same", "work"))
        found = a.diff("a", "b")
        assert (found.only_in_a, found.only_in_b, found.asked) == (("only a",), ("only b",), ("q",))
        assert [(one.element, one.a, one.b) for one in found.replies] == [("r", "left", "right")]
        assert [(one.element, one.a, one.b) for one in found.artifacts] == [("r", "left work", "right work")]
        assert found
        assert not a.diff("a", "a")


# Forget.


def test_what_others_use_outlives_a_forgotten_run(where):
    with Journal.open(where, "a") as a, Journal.open(where, "b") as b:
        put_all(a, [(question("7"), reply("shared")), (question("8"), reply("of a alone"))])
        put_artifacts(a, ("7", "work of both"), ("8", "work of a"))
        put_all(b, [(question("7"), reply("shared"))])
        put_artifacts(b, ("7", "work of both"))
        before = list(b.calls())
        a.forget("a")
        assert list(b.calls()) == before
        assert b.artifact("7").text == "work of both"
        assert [facts.name for facts in b.runs()] == ["b"]
        put_all(b, [(question("8"), reply("of a alone"))])  # as if it had never been said
        assert get(b, question("8")).text == "of a alone"
        with pytest.raises(InvalidInput, match=r"run 'a' of .* it was forgotten"):
            put_all(a, [(question("9"), reply())])
        with pytest.raises(UnknownName, match="unknown run 'a'"):
            b.forget("a")
    with Journal.open(where, "a") as again:
        assert get(again, question("7")) is None
        assert not list(again.calls())


def test_a_run_that_is_forgotten_does_not_come_back_by_what_was_left_to_write(where):
    with Journal.open(where, "a") as a:
        put_all(a, [(question(), reply())])
        a.put_artifact_later("7", "work")
        a.forget("a")
    with Journal.open(where, "other") as left:
        assert not list(left.runs())


def test_who_waits_to_write_into_a_run_that_is_forgotten_is_told(tmp_path):
    async def ask(a):
        await asyncio.gather(*(a.put(question(one), reply()) for one in "12"))
        waiting = asyncio.ensure_future(a.put(question("3"), reply()))
        await asyncio.sleep(0)
        a.forget("a")
        with pytest.raises(InvalidInput, match="run 'a' was forgotten"):
            await waiting

    path = tmp_path / "journal.sqlite"
    with Journal.open(path, "a") as a:
        asyncio.run(ask(a))
    with Journal.open(path, "other") as left:
        assert not list(left.runs())


def test_numbers_of_forgotten_texts_are_not_trusted(where):
    """A reply that came second is remembered by its writer, unused, and forgotten; others get its number."""
    with Journal.open(where, "b") as b:
        with Journal.open(where, "a") as a:
            put_all(a, [(question(), reply("of a"))])
            put_all(b, [(question("1"), reply("of b")), (question("1"), reply("second"))])
            a.forget("a")
        with Journal.open(where, "c") as c:
            put_all(c, [(question("5", "numbers may be used again"), reply("of c"))])
        put_all(b, [(question("2"), reply("second"))])
        assert [(call.question.element, call.reply.text) for call in b.calls()] == [("1", "of b"), ("2", "second")]


# What was paid for is not paid for again.


def ask_in_a_session(journal, sent):
    async def ask():
        async with Session(Rehearsal(echo), journal=journal) as session:
            try:
                return await session.ask(question())
            finally:
                sent.append(session.tally.sent)

    return asyncio.run(ask())


@pytest.mark.parametrize("settled", [False, True])
def test_a_reply_that_could_not_be_written_is_written_when_it_is_asked_for_and_not_paid_again(
    where, monkeypatch, settled
):
    def full(*_):
        raise JournalUnavailable("no space")

    sent = []
    with Journal.open(where, "run") as journal:
        with monkeypatch.context() as patched:
            patched.setattr(journal._store, "write", full)
            for _ in range(3):
                with pytest.raises(JournalUnavailable, match="no space"):
                    ask_in_a_session(journal, sent)
            assert len(journal._commits._held) == 1
        if settled:
            journal.settle()
        assert ask_in_a_session(journal, sent).replayed
        assert sent == [1, 0, 0, 0]
        assert len(list(journal.calls())) == 1


def test_what_was_held_is_known_when_it_was_written_with_another(where, monkeypatch):
    def full(*_):
        raise JournalUnavailable("no space")

    with Journal.open(where, "run") as journal:
        with monkeypatch.context() as patched:
            patched.setattr(journal._store, "write", full)
            with pytest.raises(JournalUnavailable):
                put_all(journal, [(question(), reply())])
        put_all(journal, [(question("8"), reply())])
        assert question().key(MODEL) in journal._keys
        assert get(journal, question()).replayed


def test_a_reply_whose_asker_went_while_it_was_written_is_not_paid_again(where, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    async def ask(journal):
        async with Session(Rehearsal(echo), journal=journal) as session:
            first = asyncio.ensure_future(session.ask(question()))
            while not begun.is_set():
                await asyncio.sleep(0.001)
            first.cancel()
            await asyncio.wait([first])
            second = asyncio.ensure_future(session.ask(question()))
            await asyncio.sleep(0.05)
            go_on.set()
            return await second, session.tally.sent

    with Journal.open(where, "run") as journal:
        write = journal._store.write

        def slowly(*what):
            begun.set()
            assert go_on.wait(30)
            return write(*what)

        monkeypatch.setattr(type(journal._store), "inline", False)
        monkeypatch.setattr(journal._store, "write", slowly)
        second, times = asyncio.run(ask(journal))
        assert second.replayed
        assert times == 1
        assert len(list(journal.calls())) == 1


# What was sent in vain is counted.


class Scripted:
    """A model that does what it is told, call by call; the last entry stands for all further calls."""

    name = MODEL

    def __init__(self, *script, company=None):
        self.script, self.sent = script, 0
        self.company = company
        """Where it waits until others are asked too."""

    async def reply(self, question):
        step = self.script[min(self.sent, len(self.script) - 1)]
        self.sent += 1
        if self.company is not None:
            await self.company.wait()
        if isinstance(step, float):
            await asyncio.sleep(step)
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self):
        pass


def sit(journal, model, budget=Budget(), element="7"):  # noqa: B008  frozen
    """Ask once in a sitting of its own, and return what came of it."""

    async def ask():
        retry = Retry(attempts=4, first_s=0.0, most_s=0.0)
        async with Session(model, journal=journal, budget=budget, retry=retry) as session:
            return (await asyncio.gather(session.ask(question(element, max_tokens=50)), return_exceptions=True))[0]

    return asyncio.run(ask())


MOST = 66
"""Tokens that a question of `sit` may take, reply included."""


@pytest.mark.parametrize("capped", [False, True])
def test_attempts_without_a_reply_and_what_they_may_have_cost_are_in_the_journal(where, capped):
    script = BadReply("half"), Unreachable("gone"), TimedOut("slow"), reply()
    with Journal.open(where, "run") as journal:
        assert sit(journal, Scripted(*script), Budget(tokens=1000) if capped else Budget()).text == "done"
        assert sit(journal, Scripted(Denied("wrong key")), element="8").passing is False
    with Journal.open(where, "run", replay_only=True) as journal:
        facts = journal.facts
    assert (facts.calls, facts.input_tokens, facts.output_tokens, facts.usd) == (1, 12, 34, 0.5)
    assert (facts.unanswered, facts.unanswered_tokens, facts.unanswered_usd) == (4, 2 * MOST, 0.0)


def test_money_that_was_sent_in_vain_is_counted_by_its_price(tmp_path):
    model = Scripted(BadReply("half"), Denied("wrong key"))
    model.name = "openai:gpt-4o"
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        assert isinstance(sit(journal, model), Denied)
        assert journal.facts.unanswered_usd == pytest.approx((MOST - 50) * 2.5e-6 + 50 * 10e-6)


@pytest.mark.parametrize(
    ("failure", "cap"),
    [
        (BadReply("half"), {"budget_calls": 7}),
        (Refused(0.0), {"budget_calls": 7}),
        (TimedOut("slow"), {"budget_tokens": 7 * MOST}),
    ],
)
def test_a_run_that_is_begun_again_and_again_spends_no_more_than_its_cap(where, failure, cap):
    sent = []
    for _ in range(4):
        with Journal.open(where, "run") as journal:
            model = Scripted(failure)
            last = sit(journal, model, Means(**cap).purse(journal.facts))
            sent.append(model.sent)
    assert sent == [4, 3, 0, 0]
    assert isinstance(last, BudgetExhausted)


def test_what_was_cut_off_on_its_way_is_counted(where):
    async def ask(journal):
        async with Session(Scripted(30.0), journal=journal) as session:
            asking = asyncio.ensure_future(session.ask(question(max_tokens=50)))
            await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait([asking])

    with Journal.open(where, "run") as journal:
        asyncio.run(ask(journal))
        assert isinstance(sit(journal, Scripted(30.0), Budget(wall_s=0.01)), BudgetExhausted)
    with Journal.open(where, "run") as journal:
        assert (journal.facts.calls, journal.facts.unanswered, journal.facts.unanswered_tokens) == (0, 2, 2 * MOST)


def test_a_reply_that_came_second_and_one_that_cannot_be_kept_are_counted(where):
    async def ask_twice(journal):
        company = asyncio.Barrier(2)
        models = [Scripted(reply(text), company=company) for text in ("first", "second")]
        asked = (Session(model, journal=journal).ask(question(max_tokens=50)) for model in models)
        return {said.text for said in await asyncio.gather(*asked)}

    with Journal.open(where, "run") as journal:
        assert len(asyncio.run(ask_twice(journal))) == 1
    with Journal.open(where, "run") as journal:
        facts = journal.facts
        assert (facts.calls, facts.unanswered, facts.unanswered_tokens, facts.unanswered_usd) == (1, 1, 46, 0.5)
        absurd = sit(journal, Scripted(Reply(text="", model=MODEL, usage=Usage(10**40, 0))), element="8")
        assert isinstance(absurd, InvalidInput)
    with Journal.open(where, "run") as journal:
        assert (journal.facts.unanswered, journal.facts.unanswered_tokens) == (2, 46 + MOST)


def test_what_was_sent_in_vain_is_written_at_the_end_where_the_disk_was_full(where, monkeypatch):
    def full(*_):
        raise JournalUnavailable("no space")

    with Journal.open(where, "run") as journal, monkeypatch.context() as patched:
        patched.setattr(journal._store, "write", full)
        assert isinstance(sit(journal, Scripted(BadReply("half"), Denied("wrong key"))), Denied)
        patched.undo()
    with Journal.open(where, "run", replay_only=True) as journal:
        assert journal.facts.unanswered == 2


def test_what_was_sent_in_vain_stays_with_its_run_and_is_forgotten_with_it(where):
    with Journal.open(where, "a") as a, Journal.open(where, "b") as b:
        sit(a, Scripted(BadReply("half"), reply()))
        sit(b, Scripted(BadReply("half"), reply()))
        a.fork("c")
        assert [(facts.name, facts.unanswered) for facts in a.runs()] == [("a", 1), ("b", 1), ("c", 0)]
        a.forget("a")
        assert [(facts.name, facts.unanswered) for facts in b.runs()] == [("b", 1), ("c", 0)]
    with Journal.open(where, "a") as again:
        put_all(again, [(question(), reply())])
        assert again.facts.unanswered == 0


def without_its_table(where):
    """Make of a journal one of the time before attempts without a reply were kept."""
    if "://" in str(where):
        import psycopg

        with psycopg.connect(where.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("DROP TABLE unanswered")
    else:
        with closing(sqlite3.connect(where)) as connection:
            connection.execute("DROP TABLE unanswered")


def test_a_journal_of_the_time_before_is_read_as_it_is_and_completed_when_it_is_written(where):
    with Journal.open(where, "run") as journal:
        sit(journal, Scripted(BadReply("half"), reply()))
    without_its_table(where)
    for _ in range(2):  # reading adds nothing
        with Journal.open(where, "run", replay_only=True) as journal:
            assert (journal.facts.calls, journal.facts.unanswered) == (1, 0)
            assert get(journal, question(max_tokens=50)).text == "done"
    with Journal.open(where, "run") as journal, Journal.open(where, "other") as other:
        sit(journal, Scripted(BadReply("half"), reply()), element="8")
        sit(other, Scripted(BadReply("half"), reply()))
        assert [(facts.calls, facts.unanswered) for facts in journal.runs()] == [(2, 1), (1, 1)]


# What cannot be.


@pytest.mark.parametrize("name", ["", "two\nlines", "\0", "\ud800"])
def test_names_are_printable(where, name):
    with pytest.raises(InvalidInput, match="a run's name must be printable"):
        Journal.open(where, name)
    with Journal.open(where, "run") as journal:
        with pytest.raises(InvalidInput, match="an element must be printable"):
            put_all(journal, [(question(name), reply())])
        with pytest.raises(InvalidInput, match="an element must be printable"):
            put_artifacts(journal, (name, "work"))


def assert_refused_beside_a_good_one(where, bad_question, bad_reply):
    async def put(journal):
        good = journal.put(question("good"), reply())
        return await asyncio.gather(good, journal.put(bad_question, bad_reply), return_exceptions=True)

    with Journal.open(where, "run") as journal:
        good, refused = asyncio.run(put(journal))
        assert good.text == "done"
        assert isinstance(refused, InvalidInput)
        assert len(list(journal.calls())) == 1


@pytest.mark.parametrize(
    "bad",
    [
        (question(occurrence=-1), reply()),
        (question(), Reply(text="", model=MODEL, usage=Usage(10**40, 0))),
        (question(), Reply(text="", model=MODEL, usage=Usage(0, -1))),
        (question(), Reply(text="", model=MODEL, usage=Usage(0, 0, float("nan")))),
        (question(), Reply(text="", model=MODEL, latency_s=float("inf"))),
    ],
)
def test_figures_that_no_database_holds_are_refused_before_they_harm_others(where, bad):
    assert_refused_beside_a_good_one(where, *bad)


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(("role", "finish"), [("developer", "stop"), ("user", "end_turn")])
def test_words_of_other_protocols_are_refused_before_they_harm_others(where, role, finish):
    assert_refused_beside_a_good_one(where, Question("bad", (Message(role, ("mend",)),)), reply(finish=finish))


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("element", "occurrence", "role"),
    [("two\nlines", 0, "user"), ("Zo\u00eb\u00a0K", 0, "user"), ("7", 2**63, "user"), ("7", 0, "developer")],
)
def test_what_could_not_be_kept_is_refused_before_it_is_paid(where, element, occurrence, role):
    bad = Question(element, (Message(role, ("mend",)),), occurrence=occurrence)

    async def ask(journal):
        async with Session(Rehearsal(echo), journal=journal) as session:
            with pytest.raises(InvalidInput, match="must be"):
                await session.ask(bad)
        return session.tally.sent

    with Journal.open(where, "run") as journal:
        assert asyncio.run(ask(journal)) == 0


@pytest.mark.parametrize("bad", [{"note": "\ud800"}, {"note": "a\0b"}, {"parents": ("3", "\ud800")}])
def test_notes_and_parents_that_are_no_text_are_refused_before_they_harm_others(where, bad):
    with Journal.open(where, "run") as journal:
        journal.put_artifact_later("good", "work")
        with pytest.raises(InvalidInput, match="must be text without zeros"):
            journal.put_artifact_later("bad", "work", **bad)
        with pytest.raises(InvalidInput, match="must be text without zeros"):
            asyncio.run(journal.put_artifact("bad", "work", **bad))
        journal.settle()
        assert [made.element for made in journal.artifacts()] == ["good"]


@pytest.mark.usefixtures("past_the_types")
def test_a_row_that_nobody_thought_of_fails_alone(where):
    async def put(journal):
        said = [reply("one"), Reply(text=None, model=MODEL), reply("three")]
        return await asyncio.gather(
            *(journal.put(question(str(n)), one) for n, one in enumerate(said)), return_exceptions=True
        )

    with Journal.open(where, "run") as journal:
        one, bad, three = asyncio.run(put(journal))
        assert (one.text, three.text) == ("one", "three")
        assert isinstance(bad, TypeError)
        assert sorted(call.reply.text for call in journal.calls()) == ["one", "three"]
        assert get(journal, question("1")) is None  # and may be asked again


def test_a_run_to_replay_must_be_there_and_is_not_written(where):
    with Journal.open(where, "first") as journal:
        put_all(journal, [(question(), reply())])
    with pytest.raises(UnknownName, match="unknown run 'frist'; did you mean 'first'"):
        Journal.open(where, "frist", replay_only=True)
    with Journal.open(where, "first", replay_only=True) as journal:
        for attempt in (
            lambda: put_all(journal, [(question("8"), reply())]),
            lambda: put_artifacts(journal, ("8", "work")),
            lambda: journal.fork("second"),
            lambda: journal.forget("first"),
        ):
            with pytest.raises(InvalidInput, match="may only be read"):
                attempt()


def test_a_fork_needs_a_run_to_start_from_and_a_name_of_its_own(where):
    with Journal.open(where, "run") as journal:
        with pytest.raises(UnknownName, match="unknown run 'run'"):
            journal.fork("again")
        put_all(journal, [(question(), reply())])
        with pytest.raises(InvalidInput, match=r"run 'run' is already in"):
            journal.fork("run")
        with pytest.raises(UnknownName, match="unknown run 'nun'; did you mean 'run'"):
            journal.diff("run", "nun")


def test_a_closed_journal_says_so(where):
    journal = Journal.open(where, "run")
    journal.close()
    journal.close()
    with pytest.raises(InvalidInput, match="it is closed"):
        put_all(journal, [(question(), reply())])


@pytest.mark.parametrize("address", ["mysql://here/journal", "http://here"])
def test_other_databases_are_named(address):
    with pytest.raises(InvalidInput, match=r"a file or a database at postgresql\+psycopg://"):
        Journal.open(address, "run")
