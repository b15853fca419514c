"""The study of the estimator: what it counts."""

import pytest

from consilience.ground import Streams
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies import estimating as study
from consilience.methods.self_correction.studies.estimating import CASES, estimating


def test_every_table_gets_one_answer() -> None:
    table, (wrong, naive, held) = estimating(Config(rounds_tables=4), Streams(0))
    assert len(table.rows) == len(CASES)
    for row in table.rows:
        assert row[3] + row[4] + row[5] == 4
        assert row[6] <= row[3] + row[4]
    assert 0 <= wrong.value <= naive.value
    assert 50 <= held.value <= 100


def test_an_estimator_that_always_says_yes_is_wrong_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Eager:
        answer = "pays"

        class next_gain:  # noqa: N801
            low, high = 0.0, 0.0

    monkeypatch.setattr(study, "payoff", lambda right, cost_per_call: Eager())
    monkeypatch.setattr(study, "_is_wrong", lambda found, case: not case.pays)
    table, (wrong, *_) = estimating(Config(rounds_tables=2), Streams(0))
    assert wrong.value == pytest.approx(100 * sum(not case.pays for case in CASES) / len(CASES))
    assert {row[7] for row in table.rows} == {0.0}
