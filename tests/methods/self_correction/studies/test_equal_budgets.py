"""Strategies at equal calls: the same budget for all, the same first answers, and what is known beforehand."""

from consilience.ground import Streams
from consilience.methods.self_correction.studies.equal_budgets import (
    GOOD,
    POOR,
    compared,
    comparison_table,
    over_budgets,
)


def test_nobody_spends_more_and_all_begin_alike() -> None:
    rows = compared(GOOD, items=40, calls=5, seed=0)
    assert all(outcome.spent.calls <= 5 for row in rows for outcome in row.outcomes)
    firsts = [[outcome.attempts[0].answer for outcome in row.outcomes] for row in rows]
    assert all(first == firsts[0] for first in firsts)
    assert [row.strategy for row in rows if row.calls == 5] == [
        "checking as context, all rounds",
        "best of n",
        "vote",
    ]


def test_a_good_critic_gains_more_than_a_poor_one() -> None:
    good, poor = (compared(population, items=100, calls=5, seed=0)[1].paired for population in (GOOD, POOR))
    assert good.gain().low > 0.05
    assert good.gain().value > poor.gain().high


def test_the_table_has_a_row_a_strategy_and_critic() -> None:
    table = comparison_table(20, Streams(0))
    assert len(table.rows) == 14
    assert {row[0] for row in table.rows} == {GOOD.name, POOR.name}
    assert "nothing about language models" in table.note


def test_one_call_is_the_single_answer_for_everyone() -> None:
    found = over_budgets(20, (1, 3), Streams(0))
    for lines in found.values():
        assert len({line[0] for line in lines.values()}) == 1
        assert {len(line) for line in lines.values()} == {2}
