"""The corrector: one question or many through the loop, under a budget, onto a trace and again from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.budget import Budget, Meter
from consilience.methods.self_correction.calls import Caller
from consilience.methods.self_correction.concurrency import side_by_side, threads
from consilience.methods.self_correction.critics import Critic, SelfCritic, as_critic
from consilience.methods.self_correction.loop import Loop
from consilience.methods.self_correction.message import (
    CountTokens,
    Message,
    Question,
    Questions,
    Respond,
    as_questions,
    quarter_of_characters,
)
from consilience.methods.self_correction.progress import Outcome, Progress
from consilience.methods.self_correction.reading import Judged
from consilience.methods.self_correction.record import End
from consilience.methods.self_correction.selection import Select
from consilience.methods.self_correction.stopping import StopRule
from consilience.methods.self_correction.strategies import CheckingAsContext, Strategy
from consilience.methods.self_correction.trace import Trace


@dataclass(frozen=True, kw_only=True)
class _Session:
    """What the questions of one batch share."""

    trace: Trace | None
    total: Meter | None
    deadline: float | None
    executor: Executor | None


class Corrector:
    """Lets a model answer, look at its answer and correct it, within a budget and with a recorded reason to stop.

    Parameters
    ----------
    model
        The model: any callable from messages to text. One that is not ``async`` is called in a thread.
    critic
        Who looks at answers: a `Critic`, or a function of question and answer that returns whether the answer is right,
        the chance that it is, or a `Verdict`. Unless given, the model itself in the same conversation.
    strategy
        What is asked; checking as context unless given.
    stop
        When to stop; the strategy's own rule unless given.
    select
        Which answer to return; the strategy's own choice unless given.
    budget
        What one question may take.
    count_tokens
        Estimates the tokens of a text; a quarter of its characters unless given.
    clock
        Seconds from an arbitrary start.

    Examples
    --------
    >>> async def model(messages):
    ...     return "4" if len(messages) > 1 else "5"
    >>> corrector = Corrector(model, lambda question, answer: answer == "4")
    >>> outcome = asyncio.run(corrector.correct("Two and two?"))
    >>> outcome.answer, outcome.stopped.rule, outcome.spent.calls
    ('4', 'critic agrees', 2)
    """

    def __init__(
        self,
        model: Respond,
        critic: Critic | Callable[[str, str], Judged | Awaitable[Judged]] | None = None,
        *,
        strategy: Strategy | None = None,
        stop: StopRule | None = None,
        select: Select | None = None,
        budget: Budget | None = None,
        count_tokens: CountTokens = quarter_of_characters,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not callable(model):
            raise InvalidInput(f"`model` must be a callable from messages to text; got {type(model).__name__}")
        self.model = model
        self.critic = SelfCritic() if critic is None else as_critic(critic)
        self.strategy = strategy or CheckingAsContext()
        _require("strategy", Strategy, self.strategy)
        self.stop = stop or self.strategy.stop
        self.select = select or self.strategy.select
        self.budget = budget or Budget(calls=25)
        for name, kind in (("stop", StopRule), ("select", Select), ("budget", Budget)):
            _require(name, kind, getattr(self, name))
        self.count_tokens = count_tokens
        self.clock = clock
        self._loop = Loop(critic=self.critic, strategy=self.strategy, stop=self.stop, select=self.select)

    async def correct(
        self, question: Question, *, item: str = "0", trace: Path | str | None = None, retry_errors: bool = False
    ) -> Outcome:
        """Answer one question.

        Parameters
        ----------
        question
            A text, or a conversation that ends with the user.
        item
            Its name on the trace.
        trace
            File to keep every call in; where it holds calls already, the loop goes on after them.
        retry_errors
            Make calls again that failed in an earlier session.

        Returns
        -------
        Outcome
            Always: whatever fails is its recorded reason.

        Raises
        ------
        InvalidInput
            If the question is none, or the trace is another run's.
        """
        (outcome,) = await self.batch({item: question}, concurrency=1, trace=trace, retry_errors=retry_errors)
        return outcome

    async def batch(
        self,
        questions: Questions,
        *,
        concurrency: int = 16,
        total: Budget | None = None,
        trace: Path | str | None = None,
        retry_errors: bool = False,
    ) -> list[Outcome]:
        """Answer many questions at once.

        Cancelled, as by ctrl-C, or killed, the same call with the same trace goes on where it stopped. Calls that were
        under way then are made again.

        Parameters
        ----------
        questions
            Questions by position, or by names that stay the same when the batch is resumed.
        concurrency
            How many questions are under way at a time.
        total
            What all of them together may take, earlier sessions on the same trace included; but seconds are counted on
            the clock and from now. Where it runs out before all questions are done, which of them came first depends on
            how long calls took.
        trace
            File to keep every call in; where it holds calls already, the loop goes on after them.
        retry_errors
            Make calls again that failed in an earlier session.

        Returns
        -------
        list of Outcome
            In the order of the questions.
        """
        asked = as_questions(questions)
        kept = nullcontext() if trace is None else Trace(trace, retry_errors=retry_errors)
        # A call that ran out of time leaves its thread busy and ends its question: no other must wait for that thread.
        with kept as journal, threads(len(asked)) as executor:
            session = _Session(
                trace=journal,
                total=self._total(total, journal),
                deadline=None if total is None or total.seconds is None else self.clock() + total.seconds,
                executor=executor,
            )
            return await self._all(asked, session, concurrency)

    def run(
        self,
        questions: Questions,
        *,
        concurrency: int = 16,
        total: Budget | None = None,
        trace: Path | str | None = None,
        retry_errors: bool = False,
    ) -> list[Outcome]:
        """Do as `batch`, from code that is not async."""
        return asyncio.run(
            self.batch(questions, concurrency=concurrency, total=total, trace=trace, retry_errors=retry_errors)
        )

    async def replay(self, questions: Questions, trace: Path | str) -> list[Outcome]:
        """Go through a trace again without a single call.

        What depends on no call may differ from the run that made it: stop rules, selection, budget, critics that are
        functions. Where the loop would go beyond the trace it ends with the reason ``"trace"``.
        """
        session = _Session(trace=Trace(trace, read_only=True), total=None, deadline=None, executor=None)
        return await self._all(as_questions(questions), session, 1)

    async def _all(self, asked: dict[str, tuple[Message, ...]], session: _Session, concurrency: int) -> list[Outcome]:
        async def one(pair: tuple[str, tuple[Message, ...]]) -> Outcome:
            return await self._one(*pair, session)

        return await side_by_side(one, list(asked.items()), concurrency)

    async def _one(self, item: str, question: tuple[Message, ...], session: _Session) -> Outcome:
        meter = Meter(self.budget, session.total)
        caller = Caller(
            item,
            self.model,
            meter,
            count_tokens=self.count_tokens,
            trace=session.trace,
            clock=self.clock,
            deadline=session.deadline,
            executor=session.executor,
        )
        progress = Progress(item=item, question=question, spending=lambda: meter.spent)
        reason = await self._loop.run(progress, caller)
        chosen = self.select.choose(progress.attempts) if progress.attempts else None
        if session.trace is not None:
            session.trace.end(End(item, reason.rule, reason.words, chosen))
        return Outcome(
            item=item,
            answer=None if chosen is None else progress.attempts[chosen].answer,
            chosen=chosen,
            attempts=tuple(progress.attempts),
            stopped=reason,
            spent=meter.spent,
        )

    def _total(self, total: Budget | None, trace: Trace | None) -> Meter | None:
        if total is None:
            return None
        meter = Meter(total)
        if trace is not None:
            meter.charge(trace.spent)
        return meter


def _require(name: str, kind: type, given: object) -> None:
    if not isinstance(given, kind):
        shown = f"the class {given.__name__}: call it" if isinstance(given, type) else repr(given)
        raise InvalidInput(f"`{name}` must be a {kind.__name__}; got {shown}")
