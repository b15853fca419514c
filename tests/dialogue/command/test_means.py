"""Means: what earlier sittings spent is spent; what is out of range is refused."""

import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.command.means import Means
from consilience.dialogue.history import RunFacts
from consilience.ground.errors import InvalidInput

SPENT = RunFacts(
    name="run", began_at=0.0, forked_from=None, calls=3, artifacts=0, input_tokens=60, output_tokens=40, usd=0.5
)


def _means(budget: Budget) -> Means:
    means = Means(
        budget_calls=budget.calls, budget_tokens=budget.tokens, budget_usd=budget.usd, budget_wall_s=budget.wall_s
    )
    assert means.budget == budget
    return means


def test_what_was_spent_is_taken_from_the_purse() -> None:
    async def spend() -> None:
        purse = _means(Budget(calls=5, tokens=1000, usd=2.0)).purse(SPENT)
        assert (purse.calls, purse.tokens, purse.usd) == (3, 100, 0.5)
        assert _means(Budget(calls=5)).purse(None).calls == 0
        for budget in (Budget(calls=2), Budget(tokens=50), Budget(usd=0.1), Budget(calls=3)):
            with pytest.raises(BudgetExhausted):
                _means(budget).purse(SPENT).reserve(1, 1, 0.01)

    asyncio.run(spend())


def test_what_is_left_is_shared_out() -> None:
    assert _means(Budget(calls=5, usd=0.25, wall_s=9.0)).left(SPENT) == Budget(calls=2, usd=0, wall_s=9.0)
    assert _means(Budget(calls=5)).left(None) == Budget(calls=5)


def test_what_was_sent_in_vain_is_spent_too() -> None:
    vain = replace(SPENT, unanswered=2, unanswered_tokens=70, unanswered_usd=0.25)
    left = _means(Budget(calls=6, tokens=1000, usd=1.0)).left(vain)
    assert left == Budget(calls=1, tokens=830, usd=0.25)
    purse = _means(Budget(calls=6)).purse(replace(vain, calls=0, input_tokens=0, output_tokens=0))
    assert (purse.calls, purse.tokens, purse.usd) == (2, 70, 0.75)


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget_usd": -1},
        {"concurrency": 0},
        {"timeout_s": 0},
        {"engine": "cloud"},
        {"budget_usd": math.inf},
        {"budget_wall_s": math.inf},
        {"requests_per_minute": math.nan},
    ],
)
def test_means_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Means(**wrong)


def test_limits_and_attempts_are_as_they_were_given() -> None:
    means = Means(requests_per_minute=60, tokens_per_minute=1000, concurrency=4, attempts=2)
    limits = means.limits
    assert (limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency) == (60, 1000, 4)
    assert means.retry.attempts == 2


def test_money_needs_a_price() -> None:
    for means, model in (
        (Means(), "compatible:m"),
        (Means(budget_calls=1), "compatible:m"),
        (Means(budget_usd=1), "openai:gpt-4o"),
        (Means(budget_usd=0), "rehearsal:solver"),
    ):
        means.require_price(model, "m")
    with pytest.raises(InvalidInput, match="--budget-usd needs the price of m there, which is not known"):
        Means(budget_usd=0).require_price("compatible:m", "m there")


def test_what_a_verb_has_of_them_is_taken_as_it_was_typed() -> None:
    flags = SimpleNamespace(**{name: getattr(Means(), name) for name in vars(Means())} | {"budget_calls": 7})
    flags.journal, flags.attempts = "not a flag that is meant", 2
    assert Means.typed(flags) == Means(budget_calls=7, attempts=2)
