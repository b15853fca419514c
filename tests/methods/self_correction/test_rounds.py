"""The Markov model: its closed form, its fixed point, its break-even line."""

import math

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.rounds import Rounds, break_even_line, break_even_ratio


def test_published_losses_of_a_model_that_checks_itself() -> None:
    """arXiv:2310.01798, GPT-4 on GSM8K: 95.5, 91.5 and 89.0 % fit one pair of rates, whose limit is 84.8 %."""
    memory = (0.890 - 0.915) / (0.915 - 0.955)
    limit = 0.955 + (0.915 - 0.955) / (1 - memory)
    moved = 1 - memory
    rounds = Rounds(limit * moved, (1 - limit) * moved)
    assert moved == pytest.approx(0.375)
    assert rounds.limit == pytest.approx(0.8483, abs=1e-4)
    assert [rounds.after(0.955, k) for k in range(3)] == pytest.approx([0.955, 0.915, 0.890])
    assert not rounds.helps(0.955)


def test_a_round_that_does_nothing_leaves_everything() -> None:
    rounds = Rounds(0.0, 0.0)
    assert math.isnan(rounds.limit)
    assert rounds.after(0.3, 50) == 0.3
    assert rounds.memory == 1


def test_an_accuracy_that_swings_is_best_left_after_one_round() -> None:
    rounds = Rounds(0.9, 0.8)
    assert rounds.memory < 0
    assert rounds.best_rounds(0.2, cost=0.01) == 1
    assert rounds.best_rounds(0.9, cost=0.01) == 0


@pytest.mark.parametrize("cost", [0.001, 0.01, 0.05, 0.2])
@pytest.mark.parametrize(("repair", "damage"), [(0.4, 0.05), (0.1, 0.01), (0.3, 0.3)])
def test_the_best_number_of_rounds_stops_where_the_next_does_not_pay(repair, damage, cost) -> None:
    rounds, start = Rounds(repair, damage), 0.3
    best = rounds.best_rounds(start, cost=cost)
    assert rounds.gain(rounds.after(start, best)) <= cost
    if best:
        assert rounds.gain(rounds.after(start, best - 1)) > cost


def test_the_break_even_ratio_leaves_accuracy_as_it_is() -> None:
    ratio = break_even_ratio(0.8, fix=0.6, spoil=0.3)
    even = Rounds.of(tpr=0.2 * ratio, fpr=0.2, fix=0.6, spoil=0.3)
    assert even.gain(0.8) == pytest.approx(0.0, abs=1e-15)
    line = break_even_line(np.array([0.0, 0.2]), 0.8, fix=0.6, spoil=0.3)
    assert line == pytest.approx([0.0, 0.2 * ratio])


def test_break_even_at_its_edges() -> None:
    assert break_even_ratio(1.0, fix=0.5, spoil=0.1) == math.inf
    assert break_even_ratio(0.5, fix=0.0, spoil=0.1) == math.inf
    assert break_even_ratio(0.5, fix=0.5, spoil=0.0) == 0.0
    assert math.isnan(break_even_ratio(1.0, fix=0.5, spoil=0.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rounds(1.1, 0.0),
        lambda: Rounds(0.1, -0.1),
        lambda: Rounds(math.nan, 0.1),
        lambda: Rounds.of(tpr=2.0, fpr=0.1, fix=0.1, spoil=0.1),
        lambda: Rounds(0.1, 0.1).after(1.5, 1),
        lambda: Rounds(0.1, 0.1).after(0.5, -1),
        lambda: Rounds(0.1, 0.1).best_rounds(0.5, cost=0.0),
        lambda: break_even_ratio(-0.1, fix=0.5, spoil=0.5),
    ],
)
def test_what_is_no_probability_is_refused(make) -> None:
    with pytest.raises(InvalidInput):
        make()
