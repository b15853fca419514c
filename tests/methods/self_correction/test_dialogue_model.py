"""A session as a model of the loop: its budget ends questions, its journal gives answers back, draws are told apart."""

import asyncio
from pathlib import Path

import pytest
from fast_loop import loop_time, run_fast

from consilience.dialogue.budget import Budget as Spendable
from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.faults import Faults
from consilience.dialogue.journal import Journal, JournalUnavailable
from consilience.dialogue.messages import Reply, Settings
from consilience.dialogue.models import Denied, ModelError, Refused
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal, rehearse
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.methods.self_correction.arranging import arranged
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.message import user
from consilience.methods.self_correction.strategies import SingleAnswer, Vote


def run(work, **session):
    async def opened():
        async with Session(session.pop("model", None) or rehearse("talker"), **session) as one:
            return await work(one)

    return asyncio.run(opened())


def test_independent_answers_are_drawn_one_by_one_and_the_first_is_shared() -> None:
    async def work(session: Session):
        model = DialogueModel(session)
        single = await Corrector(model, strategy=SingleAnswer()).correct("Say something.", item="7")
        several = await Corrector(model, strategy=Vote(3)).correct("Say something.", item="7")
        return single, several

    single, several = run(work)
    answers = [attempt.answer for attempt in several.attempts]
    assert len(set(answers)) == 3
    assert answers[0] == single.answer


def test_a_journal_gives_back_what_was_answered(tmp_path: Path) -> None:
    async def work(session: Session):
        outcome = await Corrector(DialogueModel(session), strategy=Vote(3)).correct("Say something.", item="7")
        return [attempt.answer for attempt in outcome.attempts], session.tally.sent

    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        first, sent = run(work, journal=journal)
        again, sent_again = run(work, journal=journal)
    assert (first, sent, sent_again) == (again, 3, 0)


def test_the_session_s_budget_is_not_exceeded_and_is_not_lost_among_failures() -> None:
    async def work(session: Session):
        model = DialogueModel(session)
        outcomes = await Corrector(model, strategy=Vote(3), budget=Budget(calls=9)).batch([f"{n}?" for n in range(4)])
        with pytest.raises(BudgetExhausted):
            model.require_whole()
        return outcomes, session.purse.calls

    outcomes, calls = run(work, budget=Spendable(calls=5))
    assert calls == 5
    assert {outcome.stopped.rule for outcome in outcomes} <= {"answer failed", "strategy"}
    assert any("BudgetExhausted" in outcome.stopped.words for outcome in outcomes)


def test_a_failing_model_ends_one_question_and_is_told_when_nothing_came() -> None:
    async def work(session: Session):
        model = DialogueModel(session)
        outcome = await Corrector(model, strategy=SingleAnswer()).correct("?")
        with pytest.raises(ModelError):
            model.require_whole()
        return outcome

    broken = Rehearsal(talker, faults=Faults(server_error=1.0))
    outcome = run(work, model=broken, retry=Retry(attempts=1))
    assert (outcome.answer, outcome.stopped.rule) == (None, "answer failed")


class _Locked:
    name = "locked"
    asked = 0

    async def reply(self, question):
        self.asked += 1
        raise Denied("the key is wrong")

    async def close(self) -> None:
        pass


def test_a_key_that_is_refused_is_tried_once() -> None:
    locked = _Locked()

    async def work(session: Session):
        model = DialogueModel(session)
        await Corrector(model, strategy=SingleAnswer()).batch(["a", "b", "c"], concurrency=1)
        with pytest.raises(Denied):
            model.require_whole()

    run(work, model=locked)
    assert locked.asked == 1


class _Full:
    """A journal that nothing can be written to."""

    async def get(self, question, model, *, key=None):
        return None

    async def put(self, question, reply, *, model=None, key=None):
        raise JournalUnavailable("the disk is full")


def test_where_nothing_can_be_kept_nothing_more_is_asked() -> None:
    async def work(session: Session):
        model = DialogueModel(session)
        await Corrector(model, strategy=SingleAnswer()).batch(["a", "b", "c"], concurrency=1)
        with pytest.raises(JournalUnavailable):
            model.require_whole()
        return session.tally.sent

    assert run(work, journal=_Full()) == 1


class _Closed(_Locked):
    """A model whose day is over, as it says once."""

    name = "closed"

    async def reply(self, question):
        self.asked += 1
        if self.asked == 1:
            raise Refused(3600.0)
        return Reply(text="Well.", model=self.name)


def test_who_asks_to_wait_for_an_hour_is_asked_no_more_and_nobody_waits() -> None:
    closed = _Closed()

    async def play() -> float:
        async with Session(closed) as session:
            model = DialogueModel(session)
            await Corrector(model, strategy=SingleAnswer()).batch(["a", "b", "c"], concurrency=1)
            with pytest.raises(Refused, match="ask again in 3600 s"):
                model.require_whole()
            return loop_time()

    assert run_fast(play()) < 10
    assert closed.asked == 1


def test_replies_cut_short_are_counted() -> None:
    async def work(session: Session):
        model = DialogueModel(session, settings=Settings(max_tokens=2))
        await model([user("Say a lot.")])
        return model

    model = run(work)
    assert (model.replies, model.cut, model.answered_by) == (1, 1, {"rehearsal:talker"})


def test_answers_and_checks_have_the_same_limit_on_tokens() -> None:
    """The published code gives a first answer 256 tokens, and the one after its check 10."""
    asked = []

    class Listening:
        name = "listening"

        async def reply(self, question):
            asked.append(question.settings.max_tokens)
            return Reply(text="Well.", model=self.name)

        async def close(self) -> None:
            pass

    async def work(session: Session):
        model = DialogueModel(session, settings=Settings(max_tokens=64))
        return await arranged("cac", model, calls=5).correct("?")

    assert run(work, model=Listening()).spent.calls == 5
    assert asked == [64] * 5
