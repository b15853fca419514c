"""Equations and promises of the correction loop that outlive its code."""

import asyncio
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from consilience.ground.intervals import Pairs, paired_difference, wilson
from consilience.methods.self_correction.budget import Budget, Price
from consilience.methods.self_correction.calls import current_call
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.rounds import Rounds, break_even_ratio
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.selection import Best, Last, Majority, Revert
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, Never, NoChange, Repeat
from consilience.methods.self_correction.strategies import BestOfN, CheckingAsContext, SelfRefine, Vote
from consilience.methods.self_correction.trace import fingerprint

chances = some.floats(0, 1)
strategies = some.sampled_from([CheckingAsContext(), SelfRefine(), BestOfN(), BestOfN(2), Vote(), Vote(3)])
rules = some.sampled_from(
    [Never(), MaxRounds(2), CriticAgrees(), NoChange(), Repeat() | MaxRounds(4), CriticAgrees() & NoChange()]
)
choices = some.sampled_from([Last(), Best(), Revert(), Majority()])
TRUTHS = {f"question {number}": f"answer {number}" for number in range(6)}
QUESTIONS = {question: question for question in TRUTHS}
MODEL = ScriptedModel(TRUTHS, start=0.5, tpr=0.7, fpr=0.3, fix=0.5, spoil=0.5)


# Rounds


@given(start=chances, repair=chances, damage=chances, rounds=some.integers(0, 30))
def test_the_closed_form_is_the_recursion(start: float, repair: float, damage: float, rounds: int) -> None:
    accuracy = start
    for _ in range(rounds):
        accuracy = accuracy + repair * (1 - accuracy) - damage * accuracy
    assert Rounds(repair, damage).after(start, rounds) == pytest.approx(accuracy, abs=1e-12)


@given(start=chances, repair=some.floats(0.01, 1), damage=some.floats(0.01, 0.98))
def test_rounds_lead_to_the_limit_and_leave_it(start: float, repair: float, damage: float) -> None:
    rounds = Rounds(repair, damage)
    assert rounds.gain(rounds.limit) == pytest.approx(0, abs=1e-15)
    assert rounds.after(start, 3000) == pytest.approx(rounds.limit, abs=1e-9)
    assert rounds.after(start, 7) - rounds.limit == pytest.approx(rounds.memory**7 * (start - rounds.limit), abs=1e-12)


@given(start=some.floats(0.01, 0.99), tpr=chances, fpr=some.floats(0.01, 1), fix=some.floats(0.01, 1), spoil=chances)
def test_a_round_helps_exactly_above_the_break_even_line(start, tpr, fpr, fix, spoil) -> None:
    rounds, needed = Rounds.of(tpr=tpr, fpr=fpr, fix=fix, spoil=spoil), break_even_ratio(start, fix=fix, spoil=spoil)
    if not math.isclose(tpr / fpr, needed, rel_tol=1e-9, abs_tol=1e-12):
        assert rounds.helps(start) == (tpr / fpr > needed)


@given(repair=some.floats(0.02, 1), damage=some.floats(0.02, 1), start=chances, cost=some.floats(0.002, 0.3))
def test_no_number_of_rounds_is_worth_more_than_the_best(repair, damage, start, cost) -> None:
    rounds = Rounds(repair, damage)
    best = rounds.best_rounds(start, cost=cost)

    def worth(number: int) -> float:
        return rounds.after(start, number) - cost * number

    assert all(worth(best) >= worth(number) - 1e-12 for number in range(60))


def test_a_chain_of_the_same_rates_is_what_the_table_of_moves_says() -> None:
    """Enumerated: two rounds from either state, weighed by their probabilities."""
    p, q, start = 0.3, 0.2, 0.6
    move = {(1, 1): 1 - q, (1, 0): q, (0, 1): p, (0, 0): 1 - p}
    total = sum(
        (start if first else 1 - start) * move[first, second] * move[second, 1]
        for first, second in itertools.product((0, 1), repeat=2)
    )
    assert Rounds(p, q).after(start, 2) == pytest.approx(total)


# Intervals


@given(count=some.integers(0, 60), more=some.integers(0, 60))
def test_an_interval_holds_its_share_and_turns_with_it(count: int, more: int) -> None:
    of = count + more
    there, back = wilson(count, of), wilson(more, of)
    assert there.low == pytest.approx(1 - back.high)
    if of:
        assert there.low <= there.value <= there.high


@given(some.tuples(*[some.integers(0, 40)] * 4).filter(any))
def test_a_paired_interval_holds_its_gain_within_its_bounds(cells: tuple[int, int, int, int]) -> None:
    gain = paired_difference(Pairs(cells[0], cells[2], cells[1], cells[3]))
    assert -1 <= gain.low <= gain.value + 1e-12
    assert gain.value - 1e-12 <= gain.high <= 1


# Budget


@settings(max_examples=60)
@given(
    strategy=strategies,
    stop=rules,
    select=choices,
    calls=some.integers(1, 9),
    tokens=some.integers(20, 400),
    total=some.integers(1, 30),
    concurrency=some.integers(1, 6),
)
def test_no_budget_is_exceeded_by_one_call(*, strategy, stop, select, calls, tokens, total, concurrency) -> None:
    made: dict[str, int] = dict.fromkeys(QUESTIONS, 0)
    read: dict[str, int] = dict.fromkeys(QUESTIONS, 0)

    async def counted(messages) -> str:
        item = current_call().item
        made[item] += 1
        read[item] += sum(-(-len(message["content"]) // 4) for message in messages)
        await asyncio.sleep(0)
        reply = await MODEL(messages)
        read[item] += -(-len(reply) // 4)
        return reply

    price = Price(per_call=1.0)
    budget = Budget(calls=calls, tokens=tokens, money=7.0, price=price, longest_reply=20)
    corrector = Corrector(counted, strategy=strategy, stop=stop, select=select, budget=budget)
    outcomes = corrector.run(QUESTIONS, concurrency=concurrency, total=Budget(calls=total))
    assert all(made[outcome.item] == outcome.spent.calls <= min(calls, 7) for outcome in outcomes)
    assert all(read[outcome.item] == outcome.spent.tokens <= tokens for outcome in outcomes)
    assert sum(made.values()) <= total
    assert all(outcome.stopped.rule and outcome.stopped.words for outcome in outcomes)


# Trace


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strategy=strategies,
    stop=rules,
    select=choices,
    calls=some.integers(1, 8),
    where=chances,
    workers=some.integers(1, 5),
)
def test_a_trace_cut_anywhere_is_completed_to_the_same_trace(
    *, strategy, stop, select, calls, where: float, workers: int, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.unlink(missing_ok=True)
    corrector = Corrector(MODEL, strategy=strategy, stop=stop, select=select, budget=Budget(calls=calls))
    first = corrector.run(QUESTIONS, trace=whole)
    content = whole.read_bytes()
    header = content.index(b"\n") + 1
    cut.write_bytes(content[: header + round(where * (len(content) - header))])
    again = corrector.run(QUESTIONS, trace=cut, concurrency=workers)
    assert fingerprint(cut) == fingerprint(whole)
    assert len(cut.read_bytes().splitlines()) == len(content.splitlines())
    for one, other in zip(first, again, strict=True):
        assert (one.answer, one.attempts, one.stopped, one.spent[:3]) == (
            other.answer,
            other.attempts,
            other.stopped,
            other.spent[:3],
        )


@pytest.mark.parametrize("strategy", [CheckingAsContext(), SelfRefine(), BestOfN(3), Vote(3)])
def test_a_replay_is_the_run(strategy, tmp_path: Path) -> None:
    corrector = Corrector(MODEL, strategy=strategy, budget=Budget(calls=7))
    run = corrector.run(QUESTIONS, trace=tmp_path / "t")
    replayed = asyncio.run(corrector.replay(QUESTIONS, tmp_path / "t"))
    kept = [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()]
    assert [outcome.attempts for outcome in run] == [outcome.attempts for outcome in replayed]
    assert [outcome.stopped for outcome in run] == [outcome.stopped for outcome in replayed]
    assert sum("call" in line for line in kept) == sum(outcome.spent.calls for outcome in run)


def test_how_many_are_under_way_changes_nothing() -> None:
    corrector = Corrector(MODEL, stop=MaxRounds(2), budget=Budget(calls=5))
    runs = [corrector.run(QUESTIONS, concurrency=concurrency) for concurrency in (1, 2, 6)]
    assert [o.attempts for o in runs[0]] == [o.attempts for o in runs[1]] == [o.attempts for o in runs[2]]


# The loop and the formula


def test_the_loop_obeys_the_formula() -> None:
    truths = {f"question {number}": f"answer {number}" for number in range(1000)}
    model = ScriptedModel(truths, start=0.3, tpr=0.8, fpr=0.1, fix=0.6, spoil=0.5, seed=4)
    corrector = Corrector(model, stop=MaxRounds(3), budget=Budget(calls=7))
    outcomes = corrector.run({question: question for question in truths})
    right = np.array([[model.is_right(o.item, a.answer) for a in o.attempts] for o in outcomes])
    for rounds, accuracy in enumerate(right.mean(axis=0)):
        expected = model.rounds.after(0.3, rounds)
        assert abs(accuracy - expected) < 4 * math.sqrt(expected * (1 - expected) / 1000)
