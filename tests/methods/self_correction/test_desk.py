"""The desk: runs have folders of their own, what was said is kept, troubles are told, files appear whole."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.command.sitting import MISTAKEN, STOPPED
from consilience.dialogue.models import Denied
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import InvalidInput
from consilience.methods.self_correction.desk import Desk
from consilience.methods.self_correction.message import user
from consilience.methods.self_correction.orders import Answering, Spending

Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def desk(verb: str = "ask", answering: Answering | None = None, spending: Spending | None = None, **given) -> Desk:
    settings = {"kept": ["q"], "out": None} | given
    return Desk(verb, answering or Answering(model="rehearsal:echo"), spending or Spending(), **settings)


def test_runs_that_differ_do_not_share_a_folder() -> None:
    others = [desk(), desk("defend"), desk(kept=["other"]), desk(answering=Answering(model="rehearsal:talker"))]
    assert len({one.folder for one in others}) == 4
    assert desk().folder == desk(spending=Spending(budget_calls=3)).folder
    assert desk(out=Path("mine")).folder == Path("mine")


def test_a_price_must_be_known_where_money_is_capped() -> None:
    unpriced = Answering(model="own", base_url="http://localhost:1/v1")
    with pytest.raises(InvalidInput, match="--budget-usd needs the price of own"):
        desk(answering=unpriced, spending=Spending(budget_usd=1.0))


def test_no_sum_is_told_where_a_price_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    for known, name in ((True, "rehearsal:echo"), (True, "openai:gpt-4o"), (False, "openai:made-at-home-1")):
        one = desk(answering=Answering(model=name))
        assert (one.bill["usd"], "price not known" in one.bill_line()) == (0.0 if known else None, not known)
    beside = desk()
    beside.other("openai:made-at-home-1", None)
    assert beside.bill["usd"] is None


def test_replies_that_ran_out_of_tokens_are_in_the_bill() -> None:
    one = desk(answering=Answering(model="rehearsal:talker", max_tokens=2))

    async def work(model, _):
        return [await model([user(text)]) for text in ("a", "b")]

    one.sitting(work)
    assert one.bill["cut"] == 2
    assert "; 2 replies were cut by the limit on tokens (--max-tokens); kept in " in one.bill_line()


def test_what_was_said_is_kept_and_another_is_asked_beside(capsys: Told) -> None:
    one = desk()
    other = one.other("rehearsal:constant", None)

    async def work(model, beside):
        return await model([user("hi")]), await beside(other)([user("hi")]), await beside(one.model)([user("ho")])

    assert one.sitting(work).outcome == ("hi", "ok", "ho")
    assert (one.bill["sent"], one.bill["replayed"]) == (3, 0)
    again = desk()
    third = again.other("rehearsal:constant", None)

    async def same(model, beside):
        return await model([user("hi")]), await beside(third)([user("hi")])

    assert again.sitting(same).outcome == ("hi", "ok")
    assert (again.bill["sent"], again.bill["replayed"]) == (0, 2)
    assert (again.folder / "transcript.jsonl").read_text().count('"replayed"') == 2
    assert "0 questions sent, 2 taken from the journal; 0 tokens, $0.00" in again.bill_line()


def test_the_budget_holds_over_sittings(capsys: Told) -> None:
    async def work(model, _):
        return [await model([user(text)]) for text in ("a", "b", "c")]

    found = desk(spending=Spending(budget_calls=2)).sitting(work)
    assert (found.outcome, found.status) == (None, STOPPED)
    told = capsys.readouterr().err
    assert "raise --budget-calls; what was answered is kept in runs/self_correction/ask-" in told
    assert desk(spending=Spending(budget_calls=2)).sitting(work).status == STOPPED
    assert desk(spending=Spending(budget_calls=3)).sitting(work).outcome == ["a", "b", "c"]


def test_a_wrong_key_is_the_caller_s_mistake(capsys: Told) -> None:
    async def work(model, _):
        raise Denied("no such key")

    assert desk().sitting(work).status == MISTAKEN
    assert capsys.readouterr().err.count("\n") == 1


def test_a_bug_keeps_its_traceback() -> None:
    async def work(model, _):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk().sitting(work)


def test_a_stand_in_is_said_first_and_last_and_a_model_is_not(capsys: Told) -> None:
    with desk().said(as_json=False):
        print("between")
    assert capsys.readouterr().out.splitlines() == [REHEARSAL_NOTICE, "between", REHEARSAL_NOTICE]
    unknown = desk(answering=Answering(model="own", base_url="http://localhost:1/v1"))
    with unknown.said(as_json=False):
        pass
    assert capsys.readouterr().out == ""


def test_files_are_whole_and_hold_what_json_has() -> None:
    one = desk(out=Path("mine"))
    one.sitting(lambda model, beside: _nothing())
    one.keep("result.json", {"nan": float("nan"), "path": Path("x"), 1: (1, True, None)})
    assert json.loads(Path("mine/result.json").read_text()) == {"nan": None, "path": "x", "1": [1, True, None]}
    assert not Path("mine/result.part").exists()


async def _nothing() -> None:
    return None
