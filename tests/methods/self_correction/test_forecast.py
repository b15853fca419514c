"""What is known after a table: counts, and draws that agree with the formula."""

import numpy as np
import pytest

from consilience.methods.self_correction.forecast import DRAWS, Counts, Posterior
from consilience.methods.self_correction.rounds import Rounds

TABLE = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=np.bool_)


def test_moves_are_counted_over_all_rounds() -> None:
    assert Counts.of(TABLE) == Counts(first_right=1, first_wrong=3, wrong=5, repaired=2, right=3, damaged=1)


def test_draws_are_of_the_jeffreys_posterior_and_always_the_same() -> None:
    draws = Posterior.of(Counts.of(TABLE), 2)
    assert draws.repair.mean() == pytest.approx(2.5 / 6, abs=0.01)
    assert draws.damage.mean() == pytest.approx(1.5 / 4, abs=0.01)
    assert (draws.start == Posterior.of(Counts.of(TABLE), 2).start).all()


def test_each_draw_obeys_the_formula() -> None:
    draws = Posterior.of(Counts.of(TABLE), 2)
    best = draws.best_rounds(0.01)
    assert best.shape == (DRAWS,)
    for place in range(0, DRAWS, 997):
        rounds, start = Rounds(float(draws.repair[place]), float(draws.damage[place])), float(draws.start[place])
        assert draws.next_gain[place] == pytest.approx(rounds.gain(rounds.after(start, 2)))
        assert draws.limit[place] == pytest.approx(rounds.limit)
        assert best[place] == rounds.best_rounds(start, cost=0.01, most=20)


def test_nothing_broken_yet_is_not_never_broken() -> None:
    counts = Counts(first_right=15, first_wrong=15, wrong=15, repaired=5, right=15, damaged=0)
    assert np.quantile(Posterior.of(counts, 1).damage, 0.975) > 0.1
