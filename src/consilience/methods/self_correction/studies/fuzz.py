"""Ten thousand odd runs: strategies, critics, rules, budgets and failures at random, and every call counted twice.

The model counts its own calls, tokens and money, beside the meter that is to be judged.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consilience.methods.self_correction.budget import Budget, Price
from consilience.methods.self_correction.calls import current_call
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import Critic, EnsembleCritic, FunctionCritic, ModelCritic, SelfCritic
from consilience.methods.self_correction.message import Message, quarter_of_characters
from consilience.methods.self_correction.progress import Outcome
from consilience.methods.self_correction.rounds import Rounds
from consilience.methods.self_correction.selection import Best, Last, Majority, Revert
from consilience.methods.self_correction.stopping import (
    CriticAgrees,
    MaxRounds,
    Never,
    NoChange,
    PredictedGain,
    Repeat,
    Seconds,
    StopRule,
    Threshold,
    Tokens,
)
from consilience.methods.self_correction.strategies import BestOfN, CheckingAsContext, SelfRefine, Vote

__all__ = ["Found", "fuzz"]

LONGEST_REPLY = 12
"""Tokens."""
PRICE = Price(per_call=0.01, per_input_token=0.001, per_output_token=0.003)
_REPLIES = {
    "VERDICT: wrong\nCONFIDENCE: 70": 40,
    "4": 10,
    "I looked.\nVERDICT: wrong": 30,
    "VERDICT: right": 10,
    "five": 3,
    "hm": 3,
    "": 1,
    "VERDICT: wrong\nCONFIDENCE: 700": 1,
}
"""What the model says, and how often; most of it keeps the loop going, so that budgets are put to the test."""


@dataclass
class Found:
    """What was found in all runs."""

    runs: int = 0
    """Runs, of one to four questions each."""
    calls: int = 0
    """Calls that models served."""
    over: Counter[str] = field(default_factory=Counter)
    """Budgets that were exceeded, by what they limit."""
    unsound: int = 0
    """Outcomes without a reason, or whose answer is none of the attempts, or missing though there was one."""
    miscounted: int = 0
    """Runs in which the meter and the model differ about the calls that were made."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why questions ended."""


class _Counting:
    """A model that says anything, fails at times, and counts what it is asked."""

    def __init__(self, chance: random.Random, clock: list[float]) -> None:
        self._chance = chance
        self._clock = clock
        self.calls: Counter[str] = Counter()
        self.tokens_in: Counter[str] = Counter()
        self.tokens_out: Counter[str] = Counter()
        self.before_last: dict[str, float] = {}
        self.seconds: dict[str, float] = defaultdict(float)

    async def __call__(self, messages: list[Message]) -> str:
        call = current_call()
        item = call.item if call else ""
        self.before_last[item] = self.seconds[item]
        self.calls[item] += 1
        self.tokens_in[item] += sum(quarter_of_characters(message["content"]) for message in messages)
        for _ in range(self._chance.randrange(3)):
            await asyncio.sleep(0)
        self._clock[0] += (took := self._chance.random())
        self.seconds[item] += took
        if self._chance.random() < 0.03:  # noqa: PLR2004
            raise RuntimeError("no model today")
        (reply,) = self._chance.choices(tuple(_REPLIES), weights=tuple(_REPLIES.values()))
        self.tokens_out[item] += quarter_of_characters(reply)
        return reply

    def money(self, items: Sequence[str]) -> float:
        """Return what these items cost."""
        return PRICE.of(
            calls=sum(self.calls[item] for item in items),
            tokens_in=sum(self.tokens_in[item] for item in items),
            tokens_out=sum(self.tokens_out[item] for item in items),
        )


async def fuzz(runs: int, seed: int) -> Found:
    """Make so many runs and judge each."""
    chance = random.Random(seed)  # noqa: S311  odd runs, no secrets
    found = Found()
    for _ in range(runs):
        await _run(chance, found)
    return found


async def _run(chance: random.Random, found: Found) -> None:
    clock = [0.0]
    model = _Counting(chance, clock)
    budget, total = _budget(chance), _budget(chance, 3) if chance.random() < 0.5 else None  # noqa: PLR2004
    timed = budget.seconds is not None or (total is not None and total.seconds is not None)
    corrector = Corrector(
        model,
        _critic(chance, model),
        strategy=chance.choice(_STRATEGIES)(chance),
        stop=_rule(chance, 2),
        select=chance.choice((Last(), Best(), Revert(), Majority(), None)),
        budget=budget,
        clock=lambda: clock[0],
    )
    questions = {f"q{number}": "Two and two?" * chance.randrange(1, 3) for number in range(chance.randrange(1, 5))}
    # A clock that all questions share tells the time of one only while there are no others.
    outcomes = await corrector.batch(questions, concurrency=1 if timed else chance.randrange(1, 5), total=total)
    found.runs += 1
    found.calls += model.calls.total()
    for outcome in outcomes:
        found.reasons[outcome.stopped.rule] += 1
        found.unsound += not _sound(outcome)
        found.miscounted += outcome.spent.calls != model.calls[outcome.item]
        _judge(budget, model, [outcome.item], found)
        if budget.seconds is not None and model.calls[outcome.item]:
            found.over["seconds"] += model.before_last[outcome.item] >= budget.seconds
    if total is not None:
        _judge(total, model, list(questions), found)


def _judge(budget: Budget, model: _Counting, items: Sequence[str], found: Found) -> None:
    calls = sum(model.calls[item] for item in items)
    tokens = sum(model.tokens_in[item] + model.tokens_out[item] for item in items)
    found.over["calls"] += budget.calls is not None and calls > budget.calls
    found.over["tokens"] += budget.tokens is not None and tokens > budget.tokens
    found.over["money"] += budget.money is not None and model.money(items) > budget.money + 1e-9


def _sound(outcome: Outcome) -> bool:
    if not outcome.stopped.rule or not outcome.stopped.words:
        return False
    if outcome.chosen is None:
        return outcome.answer is None and not outcome.attempts
    return outcome.answer == outcome.attempts[outcome.chosen].answer


def _budget(chance: random.Random, times: int = 1) -> Budget:
    def perhaps(limit: float) -> float | None:
        return limit * times if chance.random() < 0.4 else None  # noqa: PLR2004

    calls, tokens = perhaps(chance.randrange(1, 9)), perhaps(chance.randrange(15, 300))
    return Budget(
        calls=chance.randrange(1, 20) if calls is None else int(calls),
        tokens=None if tokens is None else int(tokens),
        seconds=perhaps(0.1 + 4 * chance.random()),
        money=perhaps(0.05 + chance.random()),
        price=PRICE,
        longest_reply=LONGEST_REPLY,
    )


def _rule(chance: random.Random, depth: int) -> StopRule:
    if depth and chance.random() < 0.4:  # noqa: PLR2004
        first, second = _rule(chance, depth - 1), _rule(chance, depth - 1)
        return first | second if chance.random() < 0.6 else first & second  # noqa: PLR2004
    return chance.choice(
        (
            Never(),
            MaxRounds(chance.randrange(5)),
            Threshold(0.8),
            CriticAgrees(),
            NoChange(),
            Repeat(),
            PredictedGain(Rounds(0.4, 0.1), start=0.5, cost=0.05),
            Seconds(1.5),
            Tokens(60),
        )
    )


def _critic(chance: random.Random, model: _Counting) -> Critic:
    def raises(_question: str, _answer: str) -> bool:
        raise ValueError("no critic today")

    others: tuple[Critic, ...] = (
        SelfCritic(),
        SelfCritic(eyes="fresh"),
        ModelCritic(model),
        FunctionCritic(lambda _question, answer: answer == "4"),
        FunctionCritic(lambda _question, _answer: chance.random()),
        FunctionCritic(lambda _question, _answer: chance.choice((0.2, 0.3, 0.4, float("nan"), 3.0))),
    )
    if chance.random() < 0.05:  # noqa: PLR2004
        return FunctionCritic(raises)
    if chance.random() < 0.2:  # noqa: PLR2004
        return EnsembleCritic([chance.choice(others), chance.choice(others)])
    return chance.choice(others)


_STRATEGIES: tuple[Callable[[random.Random], CheckingAsContext | SelfRefine | BestOfN | Vote], ...] = (
    lambda _chance: CheckingAsContext(),
    lambda _chance: SelfRefine(),
    lambda chance: BestOfN(chance.choice((None, 1, 3))),
    lambda chance: Vote(chance.choice((None, 2, 5))),
)
