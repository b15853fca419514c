"""Where each rule stops, case by case."""

import pytest

from consilience.methods.self_correction.stopping import MaxRounds, StopRule
from consilience.methods.self_correction.studies.stops import CASES, Case, stopped_at


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.stop!r} on {case.answers}")
def test_it_stops_where_it_should(case: Case) -> None:
    assert stopped_at(case) == (case.rounds, case.rule)


def test_every_rule_has_a_case() -> None:
    rules = set(StopRule.__subclasses__())
    assert {type(case.stop) for case in CASES} == rules


def test_a_case_that_is_wrong_differs() -> None:
    assert stopped_at(Case(stop=MaxRounds(2), answers="abc", rounds=1, rule="max rounds")) == (2, "max rounds")
