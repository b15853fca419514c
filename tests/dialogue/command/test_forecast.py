"""A forecast: paces are times, and only caps that are set can be too low."""

import pytest

from consilience.dialogue.command.forecast import Pace, Span, row, short
from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput


def test_an_answer_takes_its_start_and_its_length() -> None:
    pace = Pace(first_s=0.5, tokens_per_s=10)
    assert pace.seconds(0) == 0.5
    assert pace.seconds(20) - pace.seconds(10) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"first_s": -1}, {"tokens_per_s": 0}, {"first_s": float("nan")}])
def test_a_pace_that_is_none_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInput, match="a pace must have"):
        Pace(**wrong)


def test_caps_that_may_not_suffice_are_named() -> None:
    needs = {"budget_calls": 5, "budget_tokens": 2000, "budget_usd": None, "budget_wall_s": 10.0}
    assert short(needs, Means()) == []
    told = short(needs, Means(budget_calls=5, budget_tokens=1000, budget_usd=0.1, budget_wall_s=9.5))
    assert [line.partition(" ")[0] for line in told] == ["--budget-tokens", "--budget-wall-s"]


def test_rows_stand_in_columns() -> None:
    assert len({len(row("calls", Span(1, 10))), len(row("output tokens", Span(1e6, 2e6)))}) == 1
