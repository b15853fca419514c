"""Orders: as many calls as rounds need, means as every room has them, nothing that makes no sense."""

import pytest
from pydantic import ValidationError

from consilience.ground import InvalidInput
from consilience.methods.self_correction.orders import Answering, Defending, Spending


def test_rounds_are_calls() -> None:
    assert [Answering(rounds=rounds).calls for rounds in (0, 1, 3)] == [1, 3, 7]


def test_who_answers() -> None:
    assert Answering().name("stand-in") == "stand-in"
    assert Answering(model="m", base_url="http://localhost:1/v1").name("stand-in") == "m"
    with pytest.raises(InvalidInput, match="--base-url must come with --model"):
        Answering(base_url="http://localhost:1/v1").name("stand-in")


def test_how_is_answered() -> None:
    settings = Answering(temperature=0.5, max_tokens=64).settings
    assert (settings.temperature, settings.max_tokens, settings.seed) == (0.5, 64, None)


def test_what_it_may_cost() -> None:
    means = Spending(budget_calls=7, budget_usd=0.5, concurrency=3, attempts=2).means
    assert (means.budget.calls, means.budget.usd, means.limits.concurrency, means.retry.attempts) == (7, 0.5, 3, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Answering(rounds=-1),
        lambda: Answering(temperature=-1.0),
        lambda: Spending(budget_calls=-1),
        lambda: Spending(concurrency=0),
        lambda: Defending(limit=0),
        lambda: Defending(colour="blue"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises((ValidationError, TypeError)):
        wrong()
