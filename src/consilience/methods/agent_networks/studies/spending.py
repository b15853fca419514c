"""Budgets of random size, spent to the end by many at once, while the model itself counts what it would charge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.limits import Limits
from consilience.dialogue.messages import Message, Question, Reply, Settings, Usage
from consilience.dialogue.models import ModelError, Refused
from consilience.dialogue.players import talker
from consilience.dialogue.prices import price
from consilience.dialogue.rehearsal import Rehearsal, tokens_of
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.ground import Streams

__all__ = ["CAPS", "Cap", "Spending", "spend"]

Cap = Literal["calls", "tokens", "usd"]
CAPS: tuple[Cap, ...] = ("calls", "tokens", "usd")
PRICED = "openai:gpt-3.5-turbo"
"""By whose list price the rehearsal charges."""
ASKERS, QUESTIONS = 20, 4
PARTS = 3
RANGES: dict[Cap, tuple[float, float]] = {"calls": (1, 100), "tokens": (300, 30_000), "usd": (2e-4, 2e-2)}
FREE = "status 500"
"""What providers take nothing for, beside refusals; a reply that came broken or was cut off they may have charged."""
FAULTS = Faults(rate_limited=0.1, server_error=0.05, half_json=0.05, empty=0.05, disconnect=0.05, retry_after_s=0.001)
FAST = Limits(requests_per_minute=1e7)
"""So that nobody has to find out how fast it may ask."""
LATENCY = Latency.lognormal(0.001, 1.0)


@dataclass(frozen=True)
class Spending:
    """What became of a budget; shares of it."""

    used: float
    """What the model charged, or of calls, how many came."""
    over: float
    """What it charged beyond the budget."""
    baseline_over: float
    """The same where what is spent is looked at before each call and nothing is set aside."""


class _Meter:
    """A rehearsal at a list price, that counts what was sent or a provider would charge, whatever came of it."""

    def __init__(self, cap: Cap, seed: int) -> None:
        self.name = PRICED
        self.charged = 0.0
        self._cap = cap
        self._model = Rehearsal(talker, name="talker", seed=seed, latency=LATENCY, faults=FAULTS)

    async def reply(self, question: Question) -> Reply:
        try:
            reply = await self._model.reply(question)
        except ModelError as error:
            free = FREE in str(error) or isinstance(error, Refused)
            if self._cap == "calls" or not free:
                self._charge(question)
            raise
        self._charge(question)
        return replace(reply, priced=False)

    async def close(self) -> None:
        await self._model.close()

    def _charge(self, question: Question) -> None:
        asked = sum(len(part) for message in question.messages for part in message.parts)
        usage = Usage(tokens_of(asked), tokens_of(len(self._model.says(question))))
        amounts: dict[Cap, float] = {
            "calls": 1,
            "tokens": usage.input_tokens + usage.output_tokens,
            "usd": price(PRICED, None, usage) or 0.0,
        }
        self.charged += amounts[self._cap]


def spend(cap: Cap, budgets: int, streams: Streams) -> list[Spending]:
    """Spend random budgets with such a cap to the end, every other one in three parts, and say what became of them.

    Parameters
    ----------
    cap
        What is capped.
    budgets
        How many.
    streams
        For amounts and questions.
    """
    return asyncio.run(_all(cap, budgets, streams))


async def _all(cap: Cap, budgets: int, streams: Streams) -> list[Spending]:
    return [await _spent(cap, number, streams.child(f"budget {number}")) for number in range(budgets)]


async def _spent(cap: Cap, number: int, streams: Streams) -> Spending:
    chance = streams.generator("amounts")
    low, high = np.log(RANGES[cap])
    amount = float(np.exp(chance.uniform(low, high)))
    limit = amount if cap == "usd" else max(1, int(amount))
    asked = _questions(chance)
    charged = await _within(cap, limit, number % 2 == 1, asked, streams.integer("model"))
    baseline = await _looking(cap, limit, asked, streams.integer("model"))
    return Spending(charged / limit, _beyond(charged, limit), _beyond(baseline, limit))


def _beyond(charged: float, limit: float) -> float:
    # Dollars are sums of fractions: a billionth of the budget is rounding.
    over = charged / limit - 1
    return over if over > 1e-9 else 0.0  # noqa: PLR2004  rounding


def _questions(chance: np.random.Generator) -> list[list[Question]]:
    return [
        [
            Question(
                f"{asker}",
                (Message("user", ("word " * int(chance.integers(1, 200)),)),),
                Settings(max_tokens=int(chance.integers(10, 200))),
                occurrence,
            )
            for occurrence in range(QUESTIONS)
        ]
        for asker in range(ASKERS)
    ]


async def _within(cap: Cap, limit: float, split: bool, asked: list[list[Question]], seed: int) -> float:  # noqa: FBT001  a case
    meter = _Meter(cap, seed)
    retry = Retry(attempts=3, first_s=0.001, most_s=0.002, breaker_failures=10**6)
    async with Session(meter, budget=Budget(**{cap: limit}), retry=retry, limits=FAST) as session:  # type: ignore[arg-type]
        parts = [session.with_purse(part) for part in session.purse.share(PARTS)] if split else [session]
        await _all_ask(asked, lambda asker, question: parts[asker % len(parts)].ask(question))
    return meter.charged


async def _looking(cap: Cap, limit: float, asked: list[list[Question]], seed: int) -> float:
    meter = _Meter(cap, seed)

    async def ask(_: int, question: Question) -> Reply:
        if meter.charged >= limit:
            raise BudgetExhausted(cap, limit, meter.charged)
        return await meter.reply(question)

    await _all_ask(asked, ask)
    return meter.charged


async def _all_ask(asked: list[list[Question]], ask: Callable[[int, Question], Awaitable[Reply]]) -> None:
    async def some(asker: int, questions: list[Question]) -> None:
        for question in questions:
            try:
                await ask(asker, question)
            except BudgetExhausted:
                return
            except ModelError:
                continue

    await asyncio.gather(*(some(asker, questions) for asker, questions in enumerate(asked)))
