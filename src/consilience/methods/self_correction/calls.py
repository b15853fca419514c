"""The one place where calls go out: within the budget, onto the trace, or from it when they were made before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.budget import Meter
from consilience.methods.self_correction.message import CountTokens, Message, Respond, prompt_hash
from consilience.methods.self_correction.progress import LoopEnded
from consilience.methods.self_correction.record import Call
from consilience.methods.self_correction.reply import is_async, reply_of
from consilience.methods.self_correction.trace import Trace


class CallKey(NamedTuple):
    """Which call is being served, for models that are seeded or cached by it."""

    item: str
    """Name of the question in its batch."""
    number: int
    """Number of the call within the question, from 0."""
    role: str
    """What the call is for, such as ``"answer"`` or ``"check"``."""


_CURRENT: ContextVar[CallKey | None] = ContextVar("consilience_self_correction_call", default=None)


def current_call() -> CallKey | None:
    """Return which call of a corrector is being served, asked from within the model; None outside of one.

    A model that draws samples and takes a seed stays reproducible, also when a killed run is resumed, if the seed is
    made from this key.
    """
    return _CURRENT.get()


class Ask(Protocol):
    """How critics reach models: what they ask this way is counted, traced and replayed."""

    async def __call__(self, messages: list[Message], *, role: str, model: Respond | None = None) -> str:
        """Return the reply of `model`, or of the model that answers."""


class CallFailed(Exception):
    """A model raised, took too long, or gave something that is not text; the words are on the trace."""


class AnotherRun(InvalidInput):
    """A trace holds the calls of another run: other questions, prompts or strategy."""


class Caller:
    """Makes the calls for one question, one after the other.

    Parameters
    ----------
    item
        Name of the question.
    respond
        The model that answers.
    meter
        Budget of the question.
    count_tokens
        Estimates tokens.
    trace
        Where calls are kept, and taken from.
    clock
        Seconds from an arbitrary start.
    deadline
        Reading of the clock after which the batch makes no calls.
    executor
        Threads for models that are not async; the event loop's own unless given.
    """

    def __init__(
        self,
        item: str,
        respond: Respond,
        meter: Meter,
        *,
        count_tokens: CountTokens,
        trace: Trace | None = None,
        clock: Callable[[], float] = time.perf_counter,
        deadline: float | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._item = item
        self._respond = respond
        self._respond_is_async = is_async(respond)
        self._meter = meter
        self._count_tokens = count_tokens
        self._trace = trace
        self._clock = clock
        self._deadline = deadline
        self._executor = executor
        self._number = 0
        self._around: asyncio.Timeout | None = None
        self._broken_promise: str | None = None

    async def ask(self, messages: list[Message], *, role: str, model: Respond | None = None) -> str:
        """Return the reply, from the trace where it has one.

        Raises
        ------
        LoopEnded
            If the budget refuses, or a replay has come to the end of its trace.
        CallFailed
            If the model failed.
        AnotherRun
            If the trace holds another call in this place.
        """
        number, prompt = self._number, prompt_hash(messages)
        tokens_in = sum(self._count_tokens(message["content"]) for message in messages)
        kept = None if self._trace is None else self._kept(self._trace, number, role, prompt)
        self._admit(tokens_in, made_before=kept is not None)
        self._number += 1
        call = kept
        if call is None:
            call = await self._make(CallKey(self._item, number, role), prompt, tokens_in, messages, model)
        else:
            self._meter.settle(tokens_in, call.tokens_out, seconds=call.seconds, made_before=True)
        self._hold_to_promise(call.tokens_out)
        if call.text is None:
            raise CallFailed(call.error)
        return call.text

    @asynccontextmanager
    async def within_time(self, whose: str) -> AsyncIterator[None]:
        """Cut off what waits for anything but calls, which have a limit of their own, when there is no time left.

        Raises
        ------
        LoopEnded
            If it was cut off.
        """
        cut = asyncio.timeout(self._time_left())
        try:
            async with cut as self._around:
                yield
        except TimeoutError:
            if cut.expired():
                raise LoopEnded("budget", f"seconds: {whose} took longer than was left") from None
            raise
        finally:
            self._around = None

    def _kept(self, trace: Trace, number: int, role: str, prompt: str) -> Call | None:
        kept = trace.kept(self._item, number)
        if kept is not None and (kept.role, kept.prompt) != (role, prompt):
            raise AnotherRun(
                f"{trace.path} holds another run: call {number} of item {self._item!r} was to be {role!r} of {prompt}, "
                f"it is {kept.role!r} of {kept.prompt}; questions, prompts or strategy have changed: name a new file"
            )
        if kept is None and trace.read_only:
            raise LoopEnded("trace", f"ends before call {number}")
        return kept

    def _admit(self, tokens_in: int, *, made_before: bool) -> None:
        if self._broken_promise is not None:
            raise LoopEnded("budget", self._broken_promise)
        if self._deadline is not None and not made_before and self._clock() >= self._deadline:
            raise LoopEnded("budget", "seconds: none left for the whole batch")
        self._meter.reserve(tokens_in, made_before=made_before)

    async def _make(
        self, key: CallKey, prompt: str, tokens_in: int, messages: list[Message], model: Respond | None
    ) -> Call:
        text, error, tokens_out = None, None, 0
        begin = self._clock()
        token = _CURRENT.set(key)
        self._cut_off_in(None)
        try:
            text = await self._reply(model, [*messages])
            tokens_out = self._count_tokens(text)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            error = "CancelledError: the model gave up by itself"
        except Exception as failure:  # noqa: BLE001  a stranger's code may raise anything, and the trace must say so
            text, error = None, f"{type(failure).__name__}: {failure}".removesuffix(": ")
        finally:
            _CURRENT.reset(token)
            seconds = self._clock() - begin
            self._meter.settle(tokens_in, tokens_out, seconds=seconds)
            self._cut_off_in(self._time_left())
        call = Call(key.item, key.number, key.role, prompt, tokens_in, tokens_out, seconds, text, error)
        if self._trace is not None:
            self._trace.add(call)
        return call

    async def _reply(self, model: Respond | None, messages: list[Message]) -> str:
        waits = self._respond_is_async if model is None else None
        reply = reply_of(self._respond if model is None else model, messages, waits=waits, executor=self._executor)
        limit = self._time_left()
        if limit is None:
            return await reply
        cut = asyncio.timeout(max(limit, 0.0))
        try:
            async with cut:
                return await reply
        except TimeoutError:
            if cut.expired():
                raise TimeoutError("no reply in the time that the budget left") from None
            raise

    def _time_left(self) -> float | None:
        left = [self._meter.seconds_left]
        if self._deadline is not None:
            left.append(self._deadline - self._clock())
        return min((seconds for seconds in left if seconds is not None), default=None)

    def _cut_off_in(self, seconds: float | None) -> None:
        if self._around is not None:
            self._around.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    def _hold_to_promise(self, tokens_out: int) -> None:
        longest = self._meter.longest_reply
        if longest is not None and tokens_out > longest:
            self._broken_promise = f"a reply had {tokens_out} tokens, at most {longest} were promised"


def _is_cancelled() -> bool:
    """Whether somebody cancelled this very task, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
