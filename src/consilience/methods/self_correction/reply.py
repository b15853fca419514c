"""How a model is called: in the event loop if it is async, in a thread if it is not, and for text in either case."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial

from consilience.methods.self_correction.message import Message, Respond


async def reply_of(
    model: Respond, messages: list[Message], *, waits: bool | None = None, executor: Executor | None = None
) -> str:
    """Return what a model says.

    Parameters
    ----------
    model
        Any callable from messages to text, or to something to await that gives text.
    messages
        What it is asked.
    waits
        Whether it is async, where that is known.
    executor
        Threads for a model that is not; the event loop's own unless given.

    Raises
    ------
    TypeError
        If it says something else than text.
    """
    if is_async(model) if waits is None else waits:
        reply = model(messages)
    else:
        call = partial(copy_context().run, _called, model, messages)
        reply = await asyncio.get_running_loop().run_in_executor(executor, call)
    text = await reply if inspect.isawaitable(reply) else reply
    if not isinstance(text, str):
        raise TypeError(f"expected text; got {type(text).__name__}")
    return text


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling a function, or an object with `__call__`, gives something to await.

    Examples
    --------
    >>> is_async(len)
    False
    """
    target = getattr(function, "func", function)  # a functools.partial is what it wraps
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__)


def _called(model: Respond, messages: list[Message]) -> str | Awaitable[str]:
    """Call a plain model; no future can hold a `StopIteration`, so that whoever waits for it would wait for ever."""
    try:
        return model(messages)
    except StopIteration as end:
        raise RuntimeError("the model raised StopIteration: it has no more replies") from end
