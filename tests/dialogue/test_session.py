"""A question is sent once, paid once, kept before the asker has its reply, and leaves nothing when it is given up."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from fast_loop import loop_time, run_fast
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.limits import Limits
from consilience.dialogue.messages import Message, Question, Reply, Settings, Usage
from consilience.dialogue.models import BadReply, Denied, Refused, TimedOut, Unreachable
from consilience.dialogue.players import echo, talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import InvalidInput

QUICK = Retry(first_s=0.01, most_s=0.02)


def question(element: str = "7", text: str = "Hello", *, max_tokens: int | None = 50, occurrence: int = 0) -> Question:
    return Question(element, (Message("user", (text,)),), Settings(max_tokens=max_tokens), occurrence)


class Memory:
    """A journal that forgets at the end."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.kept: dict[bytes, Reply] = {}
        self.pause_s = pause_s

    async def get(self, question: Question, model: str, *, key: bytes | None = None) -> Reply | None:
        assert key == question.key(model)
        reply = self.kept.get(key)
        return None if reply is None else replace(reply, replayed=True)

    async def put(
        self, question: Question, reply: Reply, *, model: str | None = None, key: bytes | None = None
    ) -> Reply:
        await asyncio.sleep(self.pause_s)
        assert model is not None
        assert key == question.key(model)
        return self.kept.setdefault(key, reply)


class Scripted:
    """A model that does what it is told, call by call; the last entry stands for all further calls."""

    def __init__(self, *script: Exception | str, name: str = "scripted:one", pause_s: float = 0.0) -> None:
        self.name = name
        self.script = script
        self.pause_s = pause_s
        self.asked: list[tuple[float, Question]] = []
        self.closed = False

    async def reply(self, question: Question) -> Reply:
        step = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append((loop_time(), question))
        await asyncio.sleep(self.pause_s)
        if isinstance(step, Exception):
            raise step
        return Reply(text=step, model="dated", usage=Usage(10, 20))

    async def close(self) -> None:
        self.closed = True


def test_a_key_is_sent_once_however_many_ask_for_it_at_the_same_time():
    async def play() -> tuple[int, list[bool], int]:
        model = Scripted("yes", pause_s=1.0)
        async with Session(model, budget=Budget(calls=1)) as session:
            replies = await asyncio.gather(*(session.ask(question()) for _ in range(20)))
        return len(model.asked), sorted(reply.replayed for reply in replies), session.purse.calls

    assert run_fast(play()) == (1, [False] + [True] * 19, 1)


def test_another_occurrence_is_another_question():
    async def play() -> int:
        model = Scripted("yes")
        async with Session(model) as session:
            await asyncio.gather(*(session.ask(question(occurrence=number)) for number in range(3)))
        return len(model.asked)

    assert run_fast(play()) == 3


def test_when_the_asker_is_cancelled_another_one_who_waits_asks():
    async def play() -> tuple[str, int, tuple[int, int, float]]:
        model = Scripted("yes", pause_s=1.0)
        async with Session(model, budget=Budget(calls=5)) as session:
            first, second = (asyncio.ensure_future(session.ask(question())) for _ in range(2))
            await asyncio.sleep(0.5)
            first.cancel()
            reply = await second
        return reply.text, len(model.asked), session.purse.reserved

    assert run_fast(play()) == ("yes", 2, (0, 0, 0.0))


def test_an_empty_purse_is_that_of_whoever_asked():
    async def play() -> tuple[list[object], int]:
        model = Scripted(Unreachable("gone"), "yes", pause_s=1.0)
        async with Session(model, retry=QUICK) as session:
            purses = Budget(calls=1), Budget(calls=1), Budget(calls=0)
            outcomes = await asyncio.gather(
                *(session.with_purse(budget).ask(question()) for budget in purses), return_exceptions=True
            )
        assert session._flying == {}
        return outcomes, len(model.asked)

    (one, two, three), sent = run_fast(play())
    assert isinstance(one, BudgetExhausted)
    assert isinstance(two, Reply)
    assert isinstance(three, Reply)  # it was on its way, and costs nothing
    assert (two.text, two.replayed, three.replayed, sent) == ("yes", False, True, 2)


def test_a_failure_is_everybodys_who_waits_for_it():
    async def play() -> list[object]:
        async with Session(Scripted(Denied("wrong key"), pause_s=1.0)) as session:
            return await asyncio.gather(*(session.ask(question()) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in run_fast(play())] == [Denied] * 3


def test_what_is_replayed_costs_nothing_and_is_not_sent():
    async def play() -> None:
        journal, model = Memory(), Scripted("yes")
        async with Session(model, journal=journal) as session:
            first = await session.ask(question())
        async with Session(model, journal=journal, budget=Budget(calls=0, tokens=0, usd=None)) as session:
            again = await session.ask(question())
        assert (first.text, first.replayed) == ("yes", False)
        assert (again.text, again.replayed, again.usage) == ("yes", True, first.usage)
        assert (len(model.asked), session.purse.calls, session.purse.tokens) == (1, 0, 0)

    run_fast(play())


def test_offline_never_sends():
    async def play() -> int:
        journal, model = Memory(), Scripted("yes")
        async with Session(model, journal=journal) as session:
            await session.ask(question())
        async with Session(model, journal=journal, offline=True) as session:
            assert (await session.ask(question())).text == "yes"
            with pytest.raises(NotInJournal, match="question 0 of '3->7'"):
                await session.ask(question("3->7"))
        return len(model.asked)

    assert run_fast(play()) == 1


def test_offline_needs_a_journal():
    with pytest.raises(InvalidInput, match="journal"):
        Session(Scripted("yes"), offline=True)


def test_the_reply_is_in_the_journal_before_the_asker_has_it():
    async def play() -> bool:
        journal = Memory(pause_s=3.0)
        async with Session(Scripted("yes"), journal=journal) as session:
            asking = asyncio.ensure_future(session.ask(question()))
            await asyncio.sleep(2.0)
            assert not asking.done()
            assert session.purse.calls == 1  # it is paid as soon as it is there
            await asking
            return question().key("scripted:one") in journal.kept

    assert run_fast(play())


@given(
    st.integers(1, 30),
    st.integers(0, 2000),
    st.integers(0, 25),
    st.lists(
        st.tuples(st.sampled_from(["server_error", "half_json", "disconnect", "rate_limited"]), st.floats(0, 0.25))
    ),
)
def test_a_budget_never_overshoots_whatever_fails(askers, tokens, calls, faults):
    async def play() -> Session:
        model = Rehearsal(
            talker, latency=Latency.lognormal(0.1, 1.0), faults=Faults(**dict(faults[:3]), retry_after_s=0.1)
        )
        session = Session(model, budget=Budget(tokens=tokens, calls=calls), retry=Retry(attempts=3))
        await asyncio.gather(*(session.ask(question(str(n))) for n in range(askers)), return_exceptions=True)
        return session

    session = run_fast(play())
    assert session.purse.tokens <= tokens
    assert session.purse.calls == session.tally.sent <= calls
    assert session.purse.reserved == (0, 0, 0.0)
    assert session.throttle.busy == 0


@given(st.lists(st.floats(0, 2), min_size=1, max_size=12), st.integers(1, 3))
def test_cancel_leaves_nothing(times, concurrency):
    async def play() -> None:
        model = Rehearsal(talker, latency=Latency.const(0.5), faults=Faults(server_error=0.3))
        session = Session(
            model, journal=Memory(pause_s=0.1), budget=Budget(tokens=300), limits=Limits(concurrency=concurrency)
        )
        async with session:
            asking = [asyncio.ensure_future(session.ask(question(str(number % 5)))) for number in range(len(times))]
            for task, time in zip(asking, times, strict=True):
                asyncio.get_running_loop().call_later(time, task.cancel)
            await asyncio.gather(*asking, return_exceptions=True)
            assert session.purse.reserved == (0, 0, 0.0)
            assert (session.throttle.busy, session.throttle.waiting) == (0, 0)
            assert session._flying == {}
            assert model.attendance.present == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run_fast(play())


def test_what_was_cut_off_on_the_way_is_charged_as_it_was_estimated():
    async def play() -> tuple[int, int]:
        async with Session(Scripted("yes", pause_s=9.0), budget=Budget(tokens=1000)) as session:
            asking = asyncio.ensure_future(session.ask(question()))
            await asyncio.sleep(1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return session.purse.calls, session.purse.tokens

    assert run_fast(play()) == (1, 56)  # 4 + 2 for the question, 50 for the reply


def test_every_attempt_is_a_call_and_only_what_may_have_been_charged_is_paid():
    async def play() -> tuple[int, int, int]:
        failed = BadReply("status 500", charged=False)
        model = Scripted(Unreachable("gone"), Refused(0.1), failed, BadReply("half"), "yes")
        async with Session(model, budget=Budget(tokens=1000), retry=QUICK) as session:
            await session.ask(question())
        return session.tally.sent, session.purse.calls, session.purse.tokens

    assert run_fast(play()) == (5, 5, 56 + 30)


@pytest.mark.parametrize("failure", [Refused(0.01), Unreachable("gone"), BadReply("status 500", charged=False)])
def test_a_cap_of_calls_caps_what_is_sent(failure):
    async def play() -> tuple[int, BaseException | None]:
        model = Scripted(failure)
        async with Session(model, budget=Budget(calls=3), retry=QUICK) as session:
            with pytest.raises(BudgetExhausted, match="`calls` allows 3; 3 spent") as caught:
                await session.ask(question())
        assert session.purse.reserved == (0, 0, 0.0)
        return len(model.asked), caught.value.__cause__

    assert run_fast(play()) == (3, failure)  # which says what went wrong


def test_what_waits_for_its_turn_is_not_a_call():
    async def play() -> tuple[int, int]:
        session = Session(Scripted("yes", pause_s=1.0), budget=Budget(calls=5), limits=Limits(concurrency=1))
        asking = [asyncio.ensure_future(session.ask(question(str(number)))) for number in range(2)]
        await asyncio.sleep(0.5)
        asking[1].cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return session.tally.sent, session.purse.calls

    assert run_fast(play()) == (1, 1)


def test_exhausted_says_so_and_what_was_answered_stays():
    async def play() -> tuple[int, int]:
        journal, model = Memory(), Scripted("yes")
        async with Session(model, journal=journal, budget=Budget(calls=2)) as session:
            outcomes = await asyncio.gather(
                *(session.ask(question(str(number))) for number in range(4)), return_exceptions=True
            )
        return sum(isinstance(outcome, BudgetExhausted) for outcome in outcomes), len(journal.kept)

    assert run_fast(play()) == (2, 2)


def test_time_cuts_off_what_is_under_way():
    async def play() -> BudgetExhausted:
        async with Session(Scripted("yes", pause_s=9.0), budget=Budget(wall_s=0.05)) as session:
            with pytest.raises(BudgetExhausted) as caught:
                await session.ask(question())
            assert session.purse.reserved == (0, 0, 0.0)
            return caught.value

    assert asyncio.run(play()).cap == "wall_s"


def test_money_needs_a_price():
    with pytest.raises(InvalidInput, match="scripted:one"):
        Session(Scripted("yes"), budget=Budget(usd=1.0))


def test_money_is_counted_by_the_price_of_the_provider():
    class Priced(Scripted):
        async def reply(self, question: Question) -> Reply:
            return replace(await super().reply(question), priced=False)

    async def play() -> tuple[float, float]:
        async with Session(Priced("yes", name="openai:gpt-4o"), budget=Budget(usd=0.001)) as session:
            reply = await session.ask(question())
            assert reply.priced
            with pytest.raises(BudgetExhausted, match="usd"):
                await session.ask(question(max_tokens=1000))
            return reply.usage.usd, session.purse.usd

    paid, spent = run_fast(play())
    assert paid == pytest.approx(10 * 2.5e-6 + 20 * 10e-6)
    assert spent == pytest.approx(paid)


def test_failures_that_pass_are_tried_again_and_others_are_not():
    async def play(*script: Exception | str) -> int:
        model = Scripted(*script)
        async with Session(model, retry=QUICK) as session:
            with suppress(Denied, TimedOut):
                await session.ask(question())
        return len(model.asked)

    assert run_fast(play(TimedOut("slow"), BadReply("half"), "yes")) == 3
    assert run_fast(play(TimedOut("slow"))) == QUICK.attempts
    assert run_fast(play(Denied("wrong key"))) == 1


def test_a_provider_that_asks_to_wait_is_waited_for():
    async def play() -> float:
        model = Scripted(Refused(7.0), "yes")
        async with Session(model) as session:
            await session.ask(question())
        return model.asked[1][0] - model.asked[0][0]

    assert 7.0 <= run_fast(play()) < 8.5


def test_whoever_asks_to_wait_for_an_hour_is_not_waited_for():
    async def play() -> float:
        async with Session(Scripted(Refused(3600.0))) as session:
            with pytest.raises(Refused):
                await session.ask(question())
        return loop_time()

    assert run_fast(play()) < 1


def test_whoever_is_not_waited_for_holds_nobody_else_up():
    async def play() -> tuple[str, float]:
        async with Session(Scripted(Refused(3600.0), "yes")) as session:
            with pytest.raises(Refused):
                await session.ask(question("7"))
            return (await session.ask(question("8"))).text, loop_time()

    text, took_s = run_fast(play())
    assert text == "yes"
    assert took_s < 10


def test_a_wish_within_patience_holds_all_up():
    async def play() -> float:
        model = Scripted(Refused(500.0), "yes")
        async with Session(model) as session:
            asking = asyncio.ensure_future(session.ask(question("7")))
            await asyncio.sleep(1)
            await session.ask(question("8"))
            await asking
        return model.asked[1][0] - model.asked[0][0]

    assert 499 <= run_fast(play()) < 510


def test_refusals_fail_nobody_while_others_get_through():
    class Every(Scripted):
        async def reply(self, question: Question) -> Reply:
            if len(self.asked) % 3:
                self.asked.append((loop_time(), question))
                raise Refused(0.01)
            return await super().reply(question)

    async def play() -> int:
        async with Session(Every("yes"), retry=Retry(attempts=3)) as session:
            return len(await asyncio.gather(*(session.ask(question(str(number))) for number in range(40))))

    assert run_fast(play()) == 40


def test_an_attempt_that_takes_too_long_is_given_up():
    async def play() -> int:
        model = Scripted("yes", pause_s=10.0)
        async with Session(model, timeout_s=1.0, retry=Retry(attempts=2)) as session:
            with pytest.raises(TimedOut, match="within 1 s"):
                await session.ask(question())
        return len(model.asked)

    assert run_fast(play()) == 2


def test_a_view_pays_from_its_own_purse_and_from_the_first():
    async def play() -> tuple[int, int]:
        async with Session(Scripted("yes"), budget=Budget(calls=5)) as session:
            one, two = (session.with_purse(purse) for purse in session.purse.share(2))
            await one.ask(question("1"))
            await two.ask(question("2"))
            await session.ask(question("3"))
            with pytest.raises(BudgetExhausted):
                await asyncio.gather(*(two.ask(question(str(number))) for number in range(4, 8)))
            return one.purse.calls, session.purse.calls

    ones, all_ = run_fast(play())
    assert (ones, all_) == (1, 4)


def test_a_closed_session_takes_no_questions_and_lets_the_model_go():
    async def play() -> bool:
        model = Scripted("yes")
        async with Session(model) as session:
            view = session.with_purse(Budget())
        for one in (session, view):
            with pytest.raises(InvalidInput, match="closed"):
                await one.ask(question())
        return model.closed

    assert run_fast(play())


def test_a_timeout_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="timeout_s"):
        Session(Scripted("yes"), timeout_s=0.0)


def test_events_tell_what_happened_and_why_without_a_prompt():
    async def play() -> Transcript:
        transcript = Transcript()
        begun = transcript.add("run.begins")
        journal = Memory()
        async with Session(
            Scripted(BadReply("half"), "yes"), transcript=transcript, journal=journal, retry=QUICK
        ) as session:
            await session.ask(question(text="a secret"), caused_by=(begun,))
            assert session.last_event("3") == ()
            await session.ask(question(text="a secret"), caused_by=session.last_event("7"))
        return transcript

    events = run_fast(play()).events()
    assert [(event.kind, event.after) for event in events] == [
        ("run.begins", ()),
        ("asked", ("0",)),
        ("retried", ("1",)),
        ("replied", ("1",)),
        ("replayed", ("3",)),
    ]
    assert events[3].facts["output_tokens"] == 20
    assert "secret" not in repr(events)


def test_a_failure_is_taken_down_with_its_class():
    async def play() -> Transcript:
        transcript = Transcript()
        async with Session(Scripted("yes"), transcript=transcript, budget=Budget(calls=0)) as session:
            with pytest.raises(BudgetExhausted):
                await session.ask(question())
        return transcript

    events = run_fast(play()).events()
    assert [event.kind for event in events] == ["asked", "budget", "failed"]
    assert events[1].facts["cap"] == "calls"
    assert events[2].facts["error"] == "BudgetExhausted"


def test_with_a_real_journal_a_run_goes_on_where_it_was(tmp_path):
    async def run(calls: int) -> tuple[int, int]:
        model = Rehearsal(echo)
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(model, journal=journal, budget=Budget(calls=calls)) as session:
                await asyncio.gather(
                    *(session.ask(question(str(number))) for number in range(10)), return_exceptions=True
                )
        return session.tally.sent, session.tally.replayed

    assert asyncio.run(run(4)) == (4, 0)
    assert asyncio.run(run(20)) == (6, 4)
    assert asyncio.run(run(0)) == (0, 10)
