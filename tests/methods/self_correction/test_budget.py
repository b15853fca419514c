"""Budgets: what is refused, what is set aside, what is counted."""

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget, Meter, Price
from consilience.methods.self_correction.progress import LoopEnded, Spent


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({}, "must limit calls, tokens, seconds or money"),
        ({"calls": 0}, "`calls` must be a positive whole number; got 0"),
        ({"calls": 2.5}, "whole number; got 2.5"),
        ({"calls": "7"}, "whole number; got '7'"),
        ({"calls": True}, "whole number; got True"),
        ({"calls": float("inf")}, "whole number; got inf"),
        ({"seconds": float("inf")}, "positive and finite; got inf"),
        ({"seconds": float("nan")}, "positive and finite; got nan"),
        ({"seconds": -1.0}, "`seconds` must be positive"),
        ({"calls": 1, "longest_reply": 0}, "`longest_reply` must be a positive whole number"),
        ({"tokens": 10}, "needs `longest_reply`"),
        ({"money": 1.0, "longest_reply": 5}, "needs `price`"),
    ],
)
def test_what_cannot_be_kept_is_refused(limits, complaint) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        Budget(**limits)


def test_negative_prices_are_refused() -> None:
    with pytest.raises(InvalidInput, match="per_input_token"):
        Price(per_input_token=-1.0)


def spend(meter: Meter, *calls: tuple[int, int]) -> int:
    """Make calls until one is refused and return how many were made."""
    for made, (tokens_in, tokens_out) in enumerate(calls):
        try:
            meter.reserve(tokens_in)
        except LoopEnded:
            return made
        meter.settle(tokens_in, tokens_out, seconds=1.0)
    return len(calls)


@pytest.mark.parametrize(
    ("budget", "made"),
    [
        (Budget(calls=3), 3),
        (Budget(seconds=2.5), 3),  # the third begins at two seconds
        (Budget(seconds=2.0), 2),
        (Budget(tokens=32, longest_reply=10), 3),  # after three calls of 5 and 1 another 5 and 10 would not fit
        (Budget(tokens=33, longest_reply=10), 4),
        (Budget(tokens=38, longest_reply=10), 4),
        (Budget(tokens=39, longest_reply=10), 5),
        (Budget(money=0.3, price=Price(per_call=0.1), longest_reply=10), 3),  # three tenths are more than .3
    ],
)
def test_a_call_that_might_lead_over_a_limit_is_refused(budget: Budget, made: int) -> None:
    assert spend(Meter(budget), *[(5, 1)] * 10) == made


def test_calls_under_way_count() -> None:
    """Two at once may take what the limit holds once: the second must wait for what the first really takes."""
    meter = Meter(Budget(tokens=20, longest_reply=10))
    meter.reserve(5)
    with pytest.raises(LoopEnded, match="the next call may take 15"):
        meter.reserve(5)
    meter.settle(5, 0, seconds=0.0)
    meter.reserve(5)


def test_a_refusal_by_either_budget_sets_nothing_aside() -> None:
    total = Meter(Budget(calls=1))
    one, other = Meter(Budget(calls=5), total), Meter(Budget(calls=5), total)
    one.reserve(1)
    with pytest.raises(LoopEnded, match="for the whole batch"):
        other.reserve(1)
    assert (one.spent.calls, other.spent.calls, total.spent.calls) == (1, 0, 1)


def test_calls_of_an_earlier_session_are_the_batch_s_already() -> None:
    total = Meter(Budget(calls=3))
    total.charge(Spent(2, 10, 10, 1.0))
    meter = Meter(Budget(calls=5), total)
    for _ in range(2):
        meter.reserve(5, made_before=True)
        meter.settle(5, 5, seconds=0.5, made_before=True)
    meter.reserve(5)
    assert (meter.spent.calls, total.spent.calls) == (3, 3)
    with pytest.raises(LoopEnded):
        meter.reserve(5)


def test_money_is_counted_at_the_prices_of_either_budget() -> None:
    price = Price(per_call=1.0, per_output_token=0.5)
    total = Meter(Budget(money=100.0, price=price, longest_reply=9))
    meter = Meter(Budget(calls=5), total)
    meter.reserve(3)
    meter.settle(3, 4, seconds=0.0)
    assert meter.spent.money == total.spent.money == 3.0
    assert meter.longest_reply == 9
