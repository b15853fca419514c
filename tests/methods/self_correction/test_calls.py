"""Calls: in or out of the budget, on or from the trace, in a thread where they would block."""

import asyncio
import functools
import threading
from pathlib import Path

import pytest

from consilience.methods.self_correction.budget import Budget, Meter
from consilience.methods.self_correction.calls import (
    AnotherRun,
    Caller,
    CallFailed,
    CallKey,
    current_call,
)
from consilience.methods.self_correction.message import quarter_of_characters, user
from consilience.methods.self_correction.progress import LoopEnded
from consilience.methods.self_correction.trace import Trace


def caller(respond, budget: Budget | None = None, **settings) -> Caller:
    meter = settings.pop("meter", None) or Meter(budget or Budget(calls=9))
    return Caller("item", respond, meter, count_tokens=quarter_of_characters, **settings)


def ask(one: Caller, text: str = "Q", role: str = "answer", **model) -> str:
    return asyncio.run(one.ask([user(text)], role=role, **model))


async def echo(messages) -> str:
    return messages[-1]["content"] * 2


class Async:
    async def __call__(self, messages) -> str:
        return "object"


def plain(messages) -> str:
    return threading.current_thread().name


def giving_a_coroutine(messages):
    return echo(messages)


@pytest.mark.parametrize(
    ("model", "reply"),
    [(echo, "QQ"), (Async(), "object"), (functools.partial(echo), "QQ"), (giving_a_coroutine, "QQ")],
)
def test_any_callable_is_a_model(model, reply: str) -> None:
    assert ask(caller(model)) == reply


def test_a_plain_function_runs_in_a_thread() -> None:
    assert ask(caller(plain)) != threading.main_thread().name


def test_another_model_may_be_asked() -> None:
    assert ask(caller(echo), model=Async()) == "object"


def test_a_model_knows_which_call_it_serves() -> None:
    async def key(messages) -> str:
        return str(current_call())

    def key_in_thread(messages) -> str:
        return str(current_call())

    one = caller(key)
    assert ask(one) == str(CallKey("item", 0, "answer"))
    assert ask(one, role="check", model=key_in_thread) == str(CallKey("item", 1, "check"))
    assert current_call() is None


def test_a_model_may_spoil_its_list_and_nothing_else() -> None:
    async def greedy(messages) -> str:
        messages.clear()
        return "x"

    messages = [user("Q")]
    asyncio.run(caller(greedy).ask(messages, role="answer"))
    assert messages == [user("Q")]


@pytest.mark.parametrize(("reply", "words"), [(None, "expected text; got NoneType"), (7, "expected text; got int")])
def test_what_is_no_text_is_a_failed_call(reply, words: str) -> None:
    async def wrong(messages):
        return reply

    with pytest.raises(CallFailed, match=words):
        ask(caller(wrong))


def test_a_failed_call_is_paid_and_traced(tmp_path: Path) -> None:
    async def broken(messages) -> str:
        raise ConnectionError("reset by peer")

    meter = Meter(Budget(calls=9))
    with Trace(tmp_path / "t") as trace, pytest.raises(CallFailed, match="ConnectionError: reset by peer"):
        ask(caller(broken, meter=meter, trace=trace))
    assert (meter.spent.calls, meter.spent.tokens_in, meter.spent.tokens_out) == (1, 1, 0)
    assert Trace(tmp_path / "t", read_only=True).calls[0].error == "ConnectionError: reset by peer"


def test_a_call_is_cut_where_the_seconds_end() -> None:
    async def slow(messages) -> str:
        await asyncio.sleep(30)
        return "late"

    meter = Meter(Budget(seconds=0.02))
    one = caller(slow, meter=meter)
    with pytest.raises(CallFailed, match="TimeoutError: no reply in the time that the budget left"):
        ask(one)
    assert 0.02 <= meter.spent.seconds < 5
    with pytest.raises(LoopEnded, match="seconds"):
        ask(one)


def test_no_call_begins_after_the_batch_s_deadline() -> None:
    with pytest.raises(LoopEnded, match="none left for the whole batch"):
        ask(caller(echo, clock=lambda: 5.0, deadline=5.0))


def test_a_reply_longer_than_promised_is_the_last() -> None:
    async def talkative(messages) -> str:
        return "word " * 40

    one = caller(talkative, Budget(tokens=1000, longest_reply=10))
    assert ask(one)
    with pytest.raises(LoopEnded, match="a reply had 50 tokens, at most 10 were promised"):
        ask(one)


def test_a_kept_call_is_not_made_again(tmp_path: Path) -> None:
    with Trace(tmp_path / "t") as trace:
        assert ask(caller(echo, trace=trace)) == "QQ"

    async def never(messages) -> str:
        raise AssertionError

    meter = Meter(Budget(calls=9))
    with Trace(tmp_path / "t") as trace:
        assert ask(caller(never, meter=meter, trace=trace)) == "QQ"
    assert meter.spent.calls == 1
    assert len((tmp_path / "t").read_text().splitlines()) == 2


@pytest.mark.parametrize("other", [{"text": "another question"}, {"role": "check"}])
def test_the_trace_of_another_run_is_refused(tmp_path: Path, other: dict[str, str]) -> None:
    with Trace(tmp_path / "t") as trace:
        ask(caller(echo, trace=trace))
    with Trace(tmp_path / "t") as trace, pytest.raises(AnotherRun, match="name a new file"):
        ask(caller(echo, trace=trace), **other)


def test_a_replay_makes_no_calls(tmp_path: Path) -> None:
    with Trace(tmp_path / "t") as trace:
        ask(caller(echo, trace=trace))
    one = caller(echo, trace=Trace(tmp_path / "t", read_only=True))
    assert ask(one) == "QQ"
    with pytest.raises(LoopEnded, match="trace: ends before call 1"):
        ask(one)


def test_a_timeout_of_the_model_s_own_is_told_from_the_budget_s() -> None:
    async def impatient(messages) -> str:
        raise TimeoutError("the server is asleep")

    with pytest.raises(CallFailed, match="TimeoutError: the server is asleep"):
        ask(caller(impatient, Budget(seconds=30)))


def test_a_model_that_cancels_itself_has_failed() -> None:
    async def gives_up(messages) -> str:
        raise asyncio.CancelledError

    with pytest.raises(CallFailed, match="CancelledError: the model gave up by itself"):
        ask(caller(gives_up))


def test_a_reply_whose_tokens_cannot_be_counted_is_an_error_and_no_reply(tmp_path: Path) -> None:
    def only_questions(text: str) -> int:
        if text != "Q":
            raise ValueError(text)
        return 1

    with Trace(tmp_path / "t") as trace:
        one = Caller("item", echo, Meter(Budget(calls=9)), count_tokens=only_questions, trace=trace)
        with pytest.raises(CallFailed, match="ValueError"):
            ask(one)
    (kept,) = Trace(tmp_path / "t", read_only=True).calls
    assert (kept.text is None, bool(kept.error)) == (True, True)
