"""What the machinery takes beside the calls themselves, and what is gained by waiting for many at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from consilience.methods.self_correction.budget import Budget, Price
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.message import Message
from consilience.methods.self_correction.stopping import MaxRounds, Never
from consilience.methods.self_correction.strategies import (
    BestOfN,
    CheckingAsContext,
    SelfRefine,
    SingleAnswer,
    Strategy,
    Vote,
)

__all__ = ["MACHINERY", "machinery_us", "speedup"]

ITEMS, CALLS = 300, 7
"""Questions and calls of each."""
WAITING, LATENCY_S = 64, 0.01
"""Questions, and how long each of their calls takes."""

_PLAIN = Budget(calls=CALLS)
_ALL = Budget(calls=CALLS, tokens=10**6, seconds=60, money=100, price=Price(per_input_token=1e-6), longest_reply=100)

MACHINERY: Mapping[str, tuple[Strategy, Budget, bool]] = {
    "checking as context": (CheckingAsContext(), _PLAIN, True),
    "Self-Refine": (SelfRefine(), _PLAIN, True),
    "best of n": (BestOfN(), _PLAIN, True),
    "vote": (Vote(), _PLAIN, True),
    "checking as context, no trace": (CheckingAsContext(), _PLAIN, False),
    "checking as context, all four limits": (CheckingAsContext(), _ALL, True),
}
"""What is timed: strategy, budget, and whether there is a trace."""


async def _nothing(_messages: list[Message]) -> str:
    return "VERDICT: wrong"


def machinery_us(name: str, folder: Path, repeats: int) -> float:
    """Return the CPU time of the loop a call, in microseconds, with a model that does nothing: the median of repeats.

    CPU time rather than time on the clock, so that what else the machine does is not counted.
    """
    strategy, budget, traced = MACHINERY[name]
    corrector = Corrector(_nothing, strategy=strategy, stop=Never(), budget=budget)
    questions = {f"item {number}": f"Question {number}?" for number in range(ITEMS)}
    taken = []
    for _ in range(repeats):
        trace = folder / "overhead.jsonl"
        trace.unlink(missing_ok=True)
        begin = time.process_time()
        outcomes = asyncio.run(corrector.batch(questions, trace=trace if traced else None))
        calls = sum(outcome.spent.calls for outcome in outcomes)
        taken.append(1e6 * (time.process_time() - begin) / calls)
    return statistics.median(taken)


async def _waiting(_messages: list[Message]) -> str:
    await asyncio.sleep(LATENCY_S)
    return "VERDICT: wrong"


def _blocking(_messages: list[Message]) -> str:
    time.sleep(LATENCY_S)
    return "VERDICT: wrong"


def speedup(*, rounds: int = 0, blocking: bool = False) -> float:
    """Return how many times faster 64 questions are at once than one after the other.

    Parameters
    ----------
    rounds
        Corrections, of two calls each.
    blocking
        Whether the model is a plain function that waits, called in threads, in place of an ``async`` one.
    """
    strategy: Strategy = CheckingAsContext() if rounds else SingleAnswer()
    corrector = Corrector(_blocking if blocking else _waiting, strategy=strategy, stop=MaxRounds(rounds))
    questions = [f"Question {number}?" for number in range(WAITING)]
    taken = []
    for concurrency in (1, WAITING):
        begin = time.perf_counter()
        asyncio.run(corrector.batch(questions, concurrency=concurrency))
        taken.append(time.perf_counter() - begin)
    return taken[0] / taken[1]
