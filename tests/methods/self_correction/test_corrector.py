"""The corrector: many questions, one budget, a trace that survives ctrl-C."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.calls import AnotherRun, current_call
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import ModelCritic
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.selection import Majority
from consilience.methods.self_correction.stopping import MaxRounds, Never
from consilience.methods.self_correction.strategies import SingleAnswer, Vote
from consilience.methods.self_correction.trace import Trace, fingerprint

TRUTHS = {f"question {number}": f"answer {number}" for number in range(12)}
QUESTIONS = {question: question for question in TRUTHS}


def scripted(**changes) -> ScriptedModel:
    return ScriptedModel(TRUTHS, **{"start": 0.5, "tpr": 0.8, "fpr": 0.2, "fix": 0.5, "spoil": 0.5, **changes})


def test_outcomes_come_in_the_order_of_the_questions() -> None:
    async def slower_for_the_first(messages) -> str:
        await asyncio.sleep(0.01 if messages[0]["content"] == "a" else 0)
        return messages[0]["content"] * 2

    outcomes = Corrector(slower_for_the_first, strategy=SingleAnswer()).run(["a", "b", "c"], concurrency=3)
    assert [(outcome.item, outcome.answer) for outcome in outcomes] == [("0", "aa"), ("1", "bb"), ("2", "cc")]


@pytest.mark.parametrize("concurrency", [1, 5, 100])
def test_no_more_are_under_way_than_allowed(concurrency: int) -> None:
    under_way, most = 0, 0

    async def model(messages) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return "x"

    Corrector(model, strategy=Vote(3)).run(QUESTIONS, concurrency=concurrency)
    assert most == min(concurrency, len(QUESTIONS))


def test_plain_functions_wait_side_by_side() -> None:
    def model(messages) -> str:
        time.sleep(0.05)
        return "x"

    begin = time.perf_counter()
    Corrector(model, strategy=SingleAnswer()).run(QUESTIONS, concurrency=12)
    assert time.perf_counter() - begin < 0.05 * len(QUESTIONS)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_budget_for_all_holds_for_all(concurrency: int) -> None:
    made = Counter()

    async def model(messages) -> str:
        made[current_call().item] += 1
        await asyncio.sleep(0)
        return "VERDICT: wrong"

    corrector = Corrector(model, stop=Never(), budget=Budget(calls=5))
    outcomes = corrector.run(QUESTIONS, concurrency=concurrency, total=Budget(calls=17))
    assert made.total() == 17
    assert {outcome.stopped.rule for outcome in outcomes} == {"budget"}
    assert max(made.values()) <= 5
    assert any("for the whole batch" in outcome.stopped.words for outcome in outcomes)


def test_an_earlier_session_counts_towards_the_budget_for_all(tmp_path: Path) -> None:
    corrector = Corrector(scripted(), stop=Never(), budget=Budget(calls=5))
    for made, limit in ((17, 17), (17, 10), (30, 30), (60, 90)):
        corrector.run(QUESTIONS, concurrency=4, total=Budget(calls=limit), trace=tmp_path / "t")
        assert Trace(tmp_path / "t", read_only=True).spent.calls == made


def test_seconds_for_all_are_on_the_clock() -> None:
    async def model(messages) -> str:
        await asyncio.sleep(0.05)
        return "x"

    begin = time.perf_counter()
    outcomes = Corrector(model, strategy=Vote(50), budget=Budget(calls=50)).run(
        QUESTIONS, concurrency=4, total=Budget(seconds=0.12)
    )
    assert time.perf_counter() - begin < 2
    assert outcomes[0].answer == "x"
    assert outcomes[-1].answer is None
    assert {outcome.stopped.rule for outcome in outcomes} <= {"budget", "answer failed"}


def test_a_trace_changes_nothing_and_is_gone_on_from(tmp_path: Path) -> None:
    corrector = Corrector(scripted(), stop=MaxRounds(3), budget=Budget(calls=7))
    bare = corrector.run(QUESTIONS)
    traced = corrector.run(QUESTIONS, trace=tmp_path / "t")
    content = (tmp_path / "t").read_bytes()
    again = corrector.run(QUESTIONS, trace=tmp_path / "t")
    assert [o.attempts for o in bare] == [o.attempts for o in traced] == [o.attempts for o in again]
    assert [o.stopped for o in traced] == [o.stopped for o in again]
    assert (tmp_path / "t").read_bytes() == content


def test_a_larger_budget_goes_on_after_the_smaller(tmp_path: Path) -> None:
    small = Corrector(scripted(), stop=Never(), budget=Budget(calls=3))
    large = Corrector(scripted(), stop=Never(), budget=Budget(calls=9))
    small.run(QUESTIONS, trace=tmp_path / "grown")
    grown = large.run(QUESTIONS, trace=tmp_path / "grown")
    large.run(QUESTIONS, trace=tmp_path / "at once")
    assert fingerprint(tmp_path / "grown") == fingerprint(tmp_path / "at once")
    assert {outcome.spent.calls for outcome in grown} == {9}


def test_another_model_s_trace_is_refused_by_its_prompts(tmp_path: Path) -> None:
    Corrector(scripted(), budget=Budget(calls=5)).run(QUESTIONS, trace=tmp_path / "t")
    other = {name: f"{question}, please?" for name, question in QUESTIONS.items()}
    with pytest.raises(AnotherRun, match="have changed"):
        Corrector(scripted(), budget=Budget(calls=5)).run(other, trace=tmp_path / "t")
    with pytest.raises(AnotherRun, match="was to be 'answer'"):
        Corrector(scripted(), strategy=Vote(3)).run(QUESTIONS, trace=tmp_path / "t", concurrency=1)


def test_failed_calls_stay_failed_unless_they_are_to_be_tried_again(tmp_path: Path) -> None:
    up = False

    async def model(messages) -> str:
        if not up:
            raise ConnectionError("down")
        return "4"

    corrector = Corrector(model, strategy=Vote(2))
    assert corrector.run(["Q"], trace=tmp_path / "t")[0].stopped.rule == "answer failed"
    up = True
    assert corrector.run(["Q"], trace=tmp_path / "t")[0].answer is None
    assert corrector.run(["Q"], trace=tmp_path / "t", retry_errors=True)[0].answer == "4"
    assert corrector.run(["Q"], trace=tmp_path / "t")[0].answer == "4"


def test_a_replay_may_choose_otherwise_and_makes_no_call(tmp_path: Path) -> None:
    voted = Corrector(scripted(), strategy=Vote(5)).run(QUESTIONS, trace=tmp_path / "t")

    async def silent(messages) -> str:
        raise AssertionError("a replay asked")

    fewer = asyncio.run(Corrector(silent, strategy=Vote(3)).replay(QUESTIONS, tmp_path / "t"))
    more = asyncio.run(Corrector(silent, strategy=Vote(9)).replay(QUESTIONS, tmp_path / "t"))
    for three, five, nine in zip(fewer, voted, more, strict=True):
        assert three.attempts == five.attempts[:3]
        assert three.chosen == Majority().choose(five.attempts[:3])
        assert nine.attempts == five.attempts
        assert nine.stopped == ("trace", "ends before call 5")


def test_cancelling_leaves_a_trace_that_is_gone_on_from(tmp_path: Path) -> None:
    model, asked = scripted(latency_s=0.001), []

    async def interrupted(messages) -> str:
        asked.append(messages)
        if len(asked) == 30:
            batch.cancel()
        return await model(messages)

    async def cut() -> None:
        nonlocal batch
        batch = asyncio.ensure_future(
            Corrector(interrupted, stop=MaxRounds(3), budget=Budget(calls=7)).batch(
                QUESTIONS, concurrency=3, trace=tmp_path / "cut"
            )
        )
        await batch

    batch = None
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cut())
    left = (tmp_path / "cut").read_bytes()
    assert 20 < left.count(b'"call"') < 30
    corrector = Corrector(model, stop=MaxRounds(3), budget=Budget(calls=7))
    corrector.run(QUESTIONS, concurrency=3, trace=tmp_path / "cut")
    corrector.run(QUESTIONS, concurrency=7, trace=tmp_path / "whole")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")
    assert (tmp_path / "cut").read_bytes().startswith(left)


def test_ctrl_c_does_so_too(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from consilience.methods.self_correction.studies.interruption import traced_run\n"
        "traced_run(Path(sys.argv[1]), 40, 7)"
    )
    trace = tmp_path / "t"
    child = subprocess.Popen([sys.executable, "-c", code, str(trace)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not trace.exists() or trace.read_bytes().count(b"\n") < 40):
        time.sleep(0.001)
    os.kill(child.pid, signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=60)[1]
    lines = trace.read_text().splitlines()
    assert all(json.loads(line) for line in lines)
    subprocess.run([sys.executable, "-c", code, str(trace)], check=True)
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "whole")], check=True)
    assert trace.read_text().splitlines()[: len(lines)] == lines
    assert fingerprint(trace) == fingerprint(tmp_path / "whole")


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda corrector: corrector.run("Q"), "use `correct`"),
        (lambda corrector: corrector.run(["Q"], concurrency=0), "`concurrency` must be at least 1"),
        (lambda corrector: corrector.run([[]]), "must end with a message of the user"),
        (lambda corrector: corrector.run([{"role": "user", "content": "Q"}]), "put messages into lists"),
        (lambda corrector: corrector.run({1: "Q"}), "texts for names; got 1"),
        (lambda _: Corrector(scripted(), strategy=Vote), "`strategy` must be a Strategy; got the class Vote: call it"),
        (lambda _: Corrector(scripted(), stop=3), "`stop` must be a StopRule; got 3"),
        (lambda _: Corrector(scripted(), select="best"), "`select` must be a Select; got 'best'"),
        (lambda _: Corrector(scripted(), budget=7), "`budget` must be a Budget; got 7"),
    ],
)
def test_mistakes_are_told(call, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        call(Corrector(scripted()))


def test_no_questions_no_outcomes() -> None:
    assert Corrector(scripted()).run([]) == []


def test_a_thread_that_hangs_holds_up_no_other_question() -> None:
    let_go = threading.Event()

    def model(messages) -> str:
        if messages[0]["content"] == "a":
            let_go.wait(30)
        return messages[0]["content"]

    corrector = Corrector(model, strategy=SingleAnswer(), budget=Budget(seconds=0.3))
    first, *others = corrector.run(["a", "b", "c"], concurrency=1)
    let_go.set()
    assert first.stopped == ("answer failed", "TimeoutError: no reply in the time that the budget left")
    assert [other.answer for other in others] == ["b", "c"]


def test_a_plain_critic_model_waits_side_by_side_where_the_model_is_async() -> None:
    together = threading.Barrier(24)

    async def model(messages) -> str:
        return "4"

    def critic(messages) -> str:
        together.wait(30)
        return "VERDICT: right"

    outcomes = Corrector(model, ModelCritic(critic)).run(["Q"] * 24, concurrency=24)
    assert {outcome.stopped.rule for outcome in outcomes} == {"critic agrees"}
