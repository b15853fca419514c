"""A forecast: paces are times, and only caps that are set can be too low."""

from typing import NamedTuple

import pytest

from consilience.dialogue.command.forecast import Pace, Span, counted, lacking, row, rows, seconds_with, short
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


class Found(NamedTuple):
    """A forecast of the test."""

    calls: Span = Span(2, 4)
    input_tokens: Span = Span(100, 200)
    output_tokens: Span = Span(10, 20)
    usd: Span | None = None
    turns: Span = Span(1, 2)
    seconds: Span = Span(3, 6)
    work_s: Span = Span(8, 16)
    largest_prompt: int = 50


def test_few_at_once_take_longer_than_the_slowest_path() -> None:
    assert seconds_with(Found(), None) == seconds_with(Found(), 100) == Found().seconds
    assert seconds_with(Found(), 1) == Found().work_s
    with pytest.raises(InvalidInput, match="`at_once` must be at least 1; got 0"):
        seconds_with(Found(), 0)


def test_what_is_counted_goes_by_the_means() -> None:
    facts = counted(Found(), Means(concurrency=1))
    assert (facts["at_once"], facts["seconds"], facts["usd"]) == (1, {"least": 8, "most": 16}, None)
    assert counted(Found(usd=Span(0.1, 0.2)), Means())["usd"] == {"least": 0.1, "most": 0.2}


def test_caps_are_held_against_the_most() -> None:
    assert lacking(Found(), Means(budget_calls=4, budget_tokens=220, budget_wall_s=6, budget_usd=0.1)) == []
    told = lacking(Found(), Means(budget_calls=3, budget_tokens=219, budget_wall_s=6, concurrency=1))
    assert [line.partition(" ")[0] for line in told] == ["--budget-calls", "--budget-tokens", "--budget-wall-s"]


def test_a_table_says_where_no_price_is_known() -> None:
    assert [line.split()[0] for line in rows(Found(), Means())] == ["input", "output", "usd", "turns", "seconds", "one"]
    assert "no price known" in list(rows(Found(), Means()))[2]
    assert "0.25" in list(rows(Found(usd=Span(0.25, 0.5)), Means()))[2]
