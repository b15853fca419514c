"""Calling a model: async or not, and for text."""

import asyncio
import functools
import threading
from collections.abc import Awaitable
from contextvars import ContextVar

import pytest

from consilience.methods.self_correction.message import user
from consilience.methods.self_correction.reply import is_async, reply_of

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


async def echo(messages) -> str:
    return messages[-1]["content"]


def plain(messages) -> str:
    return f"{COLOUR.get()} in {threading.current_thread().name}"


def giving_a_coroutine(messages) -> Awaitable[str]:
    return echo(messages)


class Async:
    async def __call__(self, messages) -> str:
        return "object"


def reply(model) -> str:
    return asyncio.run(asyncio.wait_for(reply_of(model, [user("Q")]), 20))


def test_who_is_async_is_told_without_a_call() -> None:
    assert is_async(echo)
    assert is_async(Async())
    assert is_async(functools.partial(echo))
    assert not is_async(plain)
    assert not is_async(giving_a_coroutine)


@pytest.mark.parametrize("model", [echo, functools.partial(echo), giving_a_coroutine])
def test_what_is_to_be_awaited_is(model) -> None:
    assert reply(model) == "Q"


def test_a_plain_function_runs_in_a_thread_and_sees_the_context() -> None:
    token = COLOUR.set("blue")
    try:
        said = reply(plain)
    finally:
        COLOUR.reset(token)
    assert said.startswith("blue in ")
    assert threading.main_thread().name not in said


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize("found", [None, 4, b"4"])
def test_what_is_no_text_is_told(found) -> None:
    with pytest.raises(TypeError, match=f"expected text; got {type(found).__name__}"):
        reply(lambda messages: found)


def test_an_iterator_that_has_run_out_is_an_error_and_no_endless_wait() -> None:
    replies = iter(())
    with pytest.raises(RuntimeError, match="it has no more replies"):
        reply(lambda messages: next(replies))
