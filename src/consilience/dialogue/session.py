"""A session: questions to one model, journalled, budgeted, limited, tried again, and taken down.

A question goes this way: its key is looked up in the journal; if the reply is there, nothing is sent and nothing
spent. Else an upper bound of its cost is set aside, it waits for its turn, is sent, is sent again if that failed in a
way that passes, and the reply is paid and in the journal before the asker has it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from consilience.dialogue.budget import Budget, BudgetExhausted, Hold, Purse
from consilience.dialogue.clock import now
from consilience.dialogue.estimate import bound
from consilience.dialogue.limits import Limits, Throttle
from consilience.dialogue.messages import Question, Reply, Usage
from consilience.dialogue.models import ChatModel, ModelError, Refused, TimedOut
from consilience.dialogue.prices import price
from consilience.dialogue.retrying import Breaker, Pauses, Retry
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["Events", "NotInJournal", "Replies", "Session", "Tally"]

_Fact = str | int | float | bool | None


class NotInJournal(ConsilienceError, LookupError):
    """A session that must not send anything was asked what the journal does not hold."""


@runtime_checkable
class Replies(Protocol):
    """What a session needs of a journal.

    One that has ``charge(usage)`` too, as `consilience.dialogue.journal.Journal`, is told what left no reply there.
    """

    async def get(self, question: Question, model: str, *, key: bytes | None = None) -> Reply | None:
        """Return what was answered, or None."""

    async def put(
        self, question: Question, reply: Reply, *, model: str | None = None, key: bytes | None = None
    ) -> Reply:
        """Keep a reply, and return the one that stands when it is safe."""


@runtime_checkable
class Events(Protocol):
    """What a session needs of a transcript."""

    def add(self, kind: str, element: str = "", *, after: Iterable[str] = (), **facts: _Fact) -> str:
        """Take down an event and return its id."""


@dataclass(slots=True)
class Tally:
    """What a session did so far."""

    sent: int = 0
    """Times that a question was sent."""
    answered: int = 0
    """Replies that came."""
    replayed: int = 0
    """Replies that the journal gave."""
    shared: int = 0
    """Replies that were on their way for somebody else who had asked the same."""
    refused: int = 0
    """Times that the provider asked to be asked later."""
    retried: int = 0
    """Times that a question was to be sent again, after a refusal or a failure."""
    failed: int = 0
    """Questions without a reply in the end."""


@dataclass(slots=True)
class _Call:
    """A question on its way."""

    question: Question
    priority: float
    asked: tuple[str, ...]
    number: int | None = None
    sent: bool = False


class _Door:
    """Whether a session and its views still take questions."""

    closed = False


class Session:
    """Asks one model; an async context manager that lets go of the model's connections at the end.

    Parameters
    ----------
    model
        Who is asked.
    journal
        Where replies are kept, and looked up first; None to keep nothing.
    budget
        What may be spent; a `Purse` to share it with other sessions.
    limits
        How fast the model may be asked; a `Throttle` to share it with other sessions.
    retry
        What to do when a call fails.
    transcript
        Where events are taken down.
    timeout_s
        How long one attempt may take; None leaves it to the model.
    offline
        Whether to answer from the journal only and never send anything.

    Raises
    ------
    InvalidInput
        When money is capped and the model has no known price.

    Examples
    --------
    >>> from consilience.dialogue.messages import Message
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> async def greet():
    ...     async with Session(rehearse("echo"), budget=Budget(calls=1)) as session:
    ...         reply = await session.ask(Question("7", (Message("user", ("Hello",)),)))
    ...         return reply.text, session.purse.calls
    >>> asyncio.run(greet())
    ('Hello', 1)
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        journal: Replies | None = None,
        budget: Budget | Purse = Budget(),  # noqa: B008  frozen
        limits: Limits | Throttle = Limits(),  # noqa: B008  frozen
        retry: Retry = Retry(),  # noqa: B008  frozen
        transcript: Events | None = None,
        timeout_s: float | None = None,
        offline: bool = False,
    ) -> None:
        if timeout_s is not None and not timeout_s > 0:
            raise InvalidInput(f"`timeout_s` must be above 0, or None; got {timeout_s!r}")
        if offline and journal is None:
            raise InvalidInput("a session that is offline answers from a journal; give `journal`")
        self.model = model
        """Who is asked."""
        self.purse = budget if isinstance(budget, Purse) else Purse(budget)
        """What is spent and reserved."""
        self.throttle = limits if isinstance(limits, Throttle) else Throttle(limits)
        """The pace."""
        self.tally = Tally()
        """What was done so far; one for all views of a session."""
        self.retry = retry
        """What is done when a call fails."""
        self.offline = offline
        """Whether nothing is ever sent."""
        self._journal = journal
        self._charge: Callable[[Usage], None] = getattr(journal, "charge", _uncounted)
        self._transcript = transcript
        self._timeout_s = timeout_s
        self._pauses = Pauses(retry)
        self._breaker = Breaker(retry)
        self._flying: dict[bytes, list[asyncio.Future[Reply | None]] | None] = {}
        self._last: dict[str, str] = {}
        self._door = _Door()
        self._name = model.name
        self._count = _counter(model)
        self._require_price()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Take no more questions, and let go of the model's connections."""
        self._door.closed = True
        await self.model.close()

    def with_purse(self, budget: Budget | Purse) -> Session:
        """Return a view of this session that pays from another purse; a budget becomes a part of this one's.

        A view is not closed: it ends with the session.
        """
        return self._view(self.model, budget if isinstance(budget, Purse) else self.purse.child(budget))

    def with_model(self, model: ChatModel) -> Session:
        """Return a view of this session that asks through another client, at the same pace and from the same purse.

        It is the caller who closes that client.
        """
        return self._view(model, self.purse)

    def _view(self, model: ChatModel, purse: Purse) -> Session:
        view = copy(self)
        vars(view).update(model=model, purse=purse, _name=model.name, _count=_counter(model))
        view._require_price()  # noqa: SLF001  one's own kind
        return view

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element, for `caused_by`; empty before the first, or without events."""
        event = self._last.get(element)
        return () if event is None else (event,)

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply to a question: from the journal, or from the model.

        The same question asked again while it is on its way is not sent again: both get the one reply.

        Parameters
        ----------
        question
            What is asked.
        priority
            Who waits for a turn or for budget goes before those of a lower priority.
        caused_by
            Events that had to happen first.

        Raises
        ------
        BudgetExhausted
            When the call might cost more than is left.
        NotInJournal
            When the session is offline and the journal has no reply.
        ModelError
            When all attempts failed, or another one would not help.
        """
        if self._door.closed:
            raise InvalidInput("the session is closed; ask within its `async with` block")
        key = question.key(self._name)
        flying = self._flying
        while key in flying:
            landed = await self._join(key)
            if landed is not None:
                return landed
        flying[key] = None
        outcome: Reply | ConsilienceError | None = None
        try:
            outcome = await self._answer(question, key, priority, caused_by)
        except ConsilienceError as error:
            outcome = error
            raise
        finally:
            joined = flying.pop(key)
            if joined:
                _land(joined, outcome)
        return outcome

    async def _join(self, key: bytes) -> Reply | None:
        """Wait for a reply that is on its way; None where whoever asked was cancelled, or could not pay."""
        joined = self._flying[key]
        if joined is None:
            joined = self._flying[key] = []
        future: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        joined.append(future)
        reply = await future
        if reply is None:
            return None
        self.tally.shared += 1
        return replace(reply, replayed=True)

    async def _answer(self, question: Question, key: bytes, priority: float, caused_by: tuple[str, ...]) -> Reply:
        journal = self._journal
        if journal is not None:
            kept = await journal.get(question, self._name, key=key)
            if kept is not None:
                self.tally.replayed += 1
                self._tell_reply("replayed", question.element, kept, caused_by)
                return kept if kept.replayed else replace(kept, replayed=True)
        if self.offline:
            raise NotInJournal(
                f"the journal has no reply of {self._name} to question {question.occurrence} of {question.element!r}, "
                "and the session is offline; run it online, or with the settings that it was recorded with"
            )
        call = _Call(question, priority, self._tell_question(question, caused_by))
        try:
            reply = await self._within_time(call)
        except ConsilienceError as error:
            self._tell_failure(call, error)
            raise
        if journal is not None:
            reply = await self._keep(journal, question, reply, key)
        self._tell_reply("replied", question.element, reply, call.asked)
        return reply

    async def _keep(self, journal: Replies, question: Question, reply: Reply, key: bytes) -> Reply:
        try:
            stands = await journal.put(question, reply, model=self._name, key=key)
        except InvalidInput:
            self._charge(self._most(question))
            raise
        if stands is not reply:  # somebody else had asked the same, and was answered first
            self._charge(reply.usage)
        return stands

    def _most(self, question: Question) -> Usage:
        """Return what a question may cost at most, as far as prices are known."""
        most = bound(question, self._count)
        return replace(most, usd=self._price(most) or 0.0)

    async def _within_time(self, call: _Call) -> Reply:
        left_s = self.purse.begin()
        if left_s is None:
            return await self._try(call)
        try:
            async with asyncio.timeout(left_s) as cut:
                return await self._try(call)
        except TimeoutError:
            if cut.expired():
                raise self.purse.out_of_time() from None
            raise

    async def _try(self, call: _Call) -> Reply:
        attempt, answered = 0, self.tally.answered
        failed: ModelError | None = None
        while True:
            try:
                return await self._pay(call)
            except BudgetExhausted as error:
                raise error from failed
            except ModelError as error:
                failed = error
                # A refusal while others get through is no failure: the queue moves, only not as fast as hoped.
                attempt += not (isinstance(error, Refused) and self.tally.answered > answered)
                answered = self.tally.answered
                pause_s = self._pause_s(error, attempt)
                if pause_s is None:
                    raise
                self._tell_retry(call, error, attempt, pause_s)
            await asyncio.sleep(pause_s)

    def _pause_s(self, error: ModelError, attempt: int) -> float | None:
        """Return how long to wait before the next attempt, or None where there is none."""
        wished_s = error.retry_after_s if isinstance(error, Refused) else None
        if not error.passing or attempt >= self.retry.attempts or not self.retry.waits(wished_s):
            return None
        return self._pauses.after(max(attempt - 1, 0), wished_s)

    async def _pay(self, call: _Call) -> Reply:
        """Send once, and see that the purse is right afterwards, whatever happens."""
        hold = await self._set_aside(call)
        call.sent = False
        try:
            reply = await self._in_turn(call)
        except BaseException as error:
            # What was cut off on the way, or came broken, may have been charged, and nobody says how much.
            if not call.sent:
                hold.release()
            elif isinstance(error, ModelError) and not error.charged:
                hold.settle(Usage())
                self._charge(Usage())
            else:
                hold.settle(None)
                self._charge(self._most(call.question))
            raise
        hold.settle(reply.usage)
        return reply

    async def _set_aside(self, call: _Call) -> Hold:
        purse = self.purse
        if not purse.capped:
            return purse.reserve()
        most = bound(call.question, self._count)
        usd = self._price(most) if purse.needs_prices else 0.0
        return await purse.hold(1, most.input_tokens + most.output_tokens, usd or 0.0, priority=call.priority)

    async def _in_turn(self, call: _Call) -> Reply:
        throttle = self.throttle
        if throttle.free:
            return await self._past_breaker(call)
        tokens = 0
        if throttle.counts_tokens:
            most = bound(call.question, self._count)
            tokens = most.input_tokens + most.output_tokens
        if call.number is None:
            call.number = throttle.number()
        turn = await throttle.enter(tokens, priority=call.priority, number=call.number)
        actual: float | None = None
        try:
            reply = await self._past_breaker(call)
            actual = reply.usage.input_tokens + reply.usage.output_tokens
        except Refused:
            actual = 0.0
            raise
        finally:
            throttle.leave(turn, actual)
        return reply

    async def _past_breaker(self, call: _Call) -> Reply:
        breaker = self._breaker
        probe = False if breaker.closed else await breaker.admit()
        sent_at = now()
        call.sent = True
        self.tally.sent += 1
        try:
            reply = await self._send(call.question)
        except Refused as error:
            self.tally.refused += 1
            breaker.succeeded()
            # Nobody waits in silence for a time that is not waited for: each call hears for itself.
            wished_s = error.retry_after_s if self.retry.waits(error.retry_after_s) else None
            self.throttle.refused(wished_s, sent_at)
            raise
        except ModelError as error:
            if error.passing:
                breaker.failed(error, probe=probe)
            else:
                breaker.succeeded()
            raise
        except BaseException:
            if probe:
                breaker.abandoned()
            raise
        if not breaker.calm:
            breaker.succeeded()
        self.tally.answered += 1
        self.throttle.answered()
        return reply

    async def _send(self, question: Question) -> Reply:
        if self._timeout_s is None:
            reply = await self.model.reply(question)
        else:
            try:
                async with asyncio.timeout(self._timeout_s) as cut:
                    reply = await self.model.reply(question)
            except TimeoutError:
                if not cut.expired():
                    raise
                raise TimedOut(
                    f"{self._name} gave no reply within {self._timeout_s:g} s; ask again, or raise `timeout_s`"
                ) from None
        if reply.priced:
            return reply
        usd = self._price(reply.usage)
        if usd is None:
            return reply
        return replace(reply, usage=replace(reply.usage, usd=usd), priced=True)

    def _require_price(self) -> None:
        if self.purse.needs_prices and self._price(Usage(1, 1)) is None:
            raise InvalidInput(
                f"a budget in dollars needs the price of {self._name}, which is not known; give `tokens` or `calls`"
            )

    def _price(self, usage: Usage) -> float | None:
        return price(self._name, None, usage)

    def _tell_question(self, question: Question, caused_by: tuple[str, ...]) -> tuple[str, ...]:
        if self._transcript is None:
            return ()
        settings = question.settings
        return self._tell(
            "asked",
            question.element,
            caused_by,
            model=self._name,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
        )

    def _tell_reply(self, kind: str, element: str, reply: Reply, after: tuple[str, ...]) -> None:
        if self._transcript is None:
            return
        usage = reply.usage
        self._tell(
            kind,
            element,
            after,
            model=reply.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            usd=usage.usd if reply.priced else None,
            latency_s=reply.latency_s,
            finish=reply.finish,
            digest=hashlib.blake2b(reply.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        )

    def _tell_retry(self, call: _Call, error: ModelError, attempt: int, pause_s: float) -> None:
        self.tally.retried += 1
        if self._transcript is not None:
            self._tell(
                "retried", call.question.element, call.asked, attempt=attempt, pause_s=pause_s, reason=str(error)
            )

    def _tell_failure(self, call: _Call, error: ConsilienceError) -> None:
        self.tally.failed += 1
        if self._transcript is None:
            return
        if isinstance(error, BudgetExhausted):
            self._tell("budget", "", call.asked, cap=error.cap, spent=error.spent, reserved=error.reserved)
        self._tell("failed", call.question.element, call.asked, error=type(error).__name__, reason=str(error))

    def _tell(self, kind: str, element: str, after: tuple[str, ...], **facts: _Fact) -> tuple[str, ...]:
        if self._transcript is None:
            return ()
        event = self._transcript.add(kind, element, after=after, **facts)
        if element:
            self._last[element] = event
        return (event,)


def _counter(model: ChatModel) -> Callable[[str], int] | None:
    """Return the tokenizer of a model that has one, as `count_tokens`."""
    found: Callable[[str], int] | None = getattr(model, "count_tokens", None)
    return found


def _uncounted(usage: Usage) -> None:
    """Count nothing: there is no journal, or none that counts."""


def _land(joined: list[asyncio.Future[Reply | None]], outcome: Reply | ConsilienceError | None) -> None:
    if isinstance(outcome, BudgetExhausted):  # of whoever asked; the others may have a purse of their own
        outcome = None
    for future in joined:
        if future.done():
            continue
        if isinstance(outcome, ConsilienceError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
