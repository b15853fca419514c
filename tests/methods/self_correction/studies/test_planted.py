"""The arithmetic of planted rates, against chains that are simulated step by step."""

from dataclasses import replace

import numpy as np
import pytest

from consilience.methods.self_correction.arranging import STRATEGIES
from consilience.methods.self_correction.studies.planted import planted
from consilience.methods.self_correction.template_bot import BotRates

RATES = BotRates()
DRAWS = 200_000


def test_all_but_smooth_have_a_formula() -> None:
    assert set(STRATEGIES) - set(planted(RATES)) == {"smooth"}


def chain(rng, start: float, seen: float, turned: float, *, agreed: bool) -> float:
    complied, open_ = rng.random(DRAWS) < start, np.ones(DRAWS, dtype=bool)
    for _ in range(2):
        objected = complied & open_ & (rng.random(DRAWS) < seen)
        if agreed:
            open_ &= objected
        complied &= ~(objected & (rng.random(DRAWS) < turned))
    return complied.mean()


@pytest.mark.parametrize(
    ("name", "agreed", "fix"), [("cac", False, 0.85), ("cac-agree", True, 0.85), ("self-refine", True, 0.7)]
)
def test_rounds(name: str, agreed: bool, fix: float) -> None:
    found = chain(np.random.default_rng(100), 0.85, 0.75, fix, agreed=agreed)
    assert planted(RATES)[name][0] == pytest.approx(found, abs=0.005)


def test_reflexion_and_best_of_n() -> None:
    rng = np.random.default_rng(101)
    final = rng.random(DRAWS) < 0.85
    open_ = np.ones(DRAWS, dtype=bool)
    for _ in range(2):
        open_ &= final & (rng.random(DRAWS) < 0.75)
        final = np.where(open_, rng.random(DRAWS) < 0.25, final)
    assert planted(RATES)["reflexion"][0] == pytest.approx(final.mean(), abs=0.005)
    two = rng.random((DRAWS, 2)) < 0.85
    objected = two & (rng.random((DRAWS, 2)) < 0.75)
    score = np.where(objected, -1, 1) * rng.random((DRAWS, 2))
    best = two[np.arange(DRAWS), score.argmax(axis=1)]
    assert planted(RATES)["best-of-n"][0] == pytest.approx(best.mean(), abs=0.005)


def test_a_critic_that_sees_nothing_changes_nothing() -> None:
    blind = replace(RATES, flag_same=0.0, flag_fresh=0.0, flag_request=0.0, false_flag=0.0)
    found = planted(blind)
    for name in ("cac", "cac-agree", "cac-fresh", "self-refine", "reflexion", "rails", "input-rail", "output-rail"):
        assert found[name] == pytest.approx(found["none"])
    assert found["refuse-all"] == (0.0, 1.0)
