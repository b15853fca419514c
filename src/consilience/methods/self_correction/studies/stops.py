"""Whether each rule stops at the round that it should, on conversations written down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.message import Message
from consilience.methods.self_correction.rounds import Rounds
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

__all__ = ["CASES", "Case", "stopped_at"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A rule, what model and critic will say, and where that must end."""

    stop: StopRule
    """The rule."""
    answers: str
    """A letter an answer; the last one goes on for ever."""
    scores: Sequence[float] = (0.2,)
    """The critic's scores, a number an answer; the last one goes on for ever."""
    rounds: int
    """The round at which to stop."""
    rule: str
    """The reason to be recorded."""


_GAINS = Rounds(0.3, 0.1)
"""From .2 the rounds of this model gain .22, .132, .079, .048, ..."""

CASES: tuple[Case, ...] = (
    Case(stop=MaxRounds(0), answers="abc", rounds=0, rule="max rounds"),
    Case(stop=MaxRounds(3), answers="abcdef", rounds=3, rule="max rounds"),
    Case(stop=Threshold(0.9), answers="abcdef", scores=(0.2, 0.5, 0.9), rounds=2, rule="threshold"),
    Case(stop=CriticAgrees(), answers="abcdef", scores=(0.1, 0.3, 0.2, 0.6), rounds=3, rule="critic agrees"),
    Case(stop=NoChange(), answers="abab" + "cc", rounds=5, rule="no change"),
    Case(stop=Repeat(), answers="abcb", rounds=3, rule="repeat"),
    Case(stop=Repeat(), answers="aa", rounds=1, rule="repeat"),
    Case(stop=PredictedGain(_GAINS, start=0.2, cost=0.1), answers="abcdef", rounds=2, rule="predicted gain"),
    Case(stop=PredictedGain(_GAINS, start=0.8, cost=0.0), answers="abcdef", rounds=0, rule="predicted gain"),
    Case(stop=Seconds(3.0), answers="abcdef", rounds=2, rule="seconds"),
    Case(stop=Tokens(8), answers="abcdef", rounds=1, rule="tokens"),
    Case(stop=NoChange() | MaxRounds(2), answers="abcd", rounds=2, rule="max rounds"),
    Case(
        stop=CriticAgrees() & NoChange(),
        answers="abbc",
        scores=(0.9, 0.1, 0.9),
        rounds=2,
        rule="critic agrees & no change",
    ),
    Case(stop=Never(), answers="abcdefghi", rounds=5, rule="budget"),
)
"""Every answer takes a second and a token; the budget is six calls."""


def stopped_at(case: Case) -> tuple[int, str]:
    """Send the case through the loop and return the round at which it stopped, and the reason."""
    clock = [0.0]
    said: list[str] = []

    async def model(_messages: list[Message]) -> str:
        clock[0] += 1
        said.append(case.answers[min(len(said), len(case.answers) - 1)])
        return said[-1]

    def critic(_question: str, _answer: str) -> float:
        return case.scores[min(len(said), len(case.scores)) - 1]

    corrector = Corrector(model, critic, stop=case.stop, budget=Budget(calls=6), clock=lambda: clock[0])
    outcome = asyncio.run(corrector.correct("Q"))
    return len(outcome.attempts) - 1, outcome.stopped.rule
