"""Dice: within bounds, without repeats, and the same from the same source."""

import numpy as np
import pytest

from consilience.methods.backdoor_audits.world.dice import Dice


@pytest.fixture
def dice() -> Dice:
    return Dice(np.random.default_rng(3))


def test_numbers_stay_in_their_bounds(dice: Dice) -> None:
    drawn = [dice.below(5) for _ in range(500)]
    assert set(drawn) == {0, 1, 2, 3, 4}


def test_some_are_different_ones_and_everything_comes(dice: Dice) -> None:
    draws = [tuple(dice.some("abcd", 2)) for _ in range(400)]
    assert all(one != other for one, other in draws)
    assert len(set(draws)) == 12


def test_all_of_them_is_an_order(dice: Dice) -> None:
    assert sorted(dice.some("abcd", 4)) == list("abcd")


def test_chance_is_as_often_as_it_says(dice: Dice) -> None:
    assert 0.25 < np.mean([dice.chance(0.3) for _ in range(2000)]) < 0.35
    assert not any(dice.chance(0) for _ in range(100))


def test_the_same_source_gives_the_same_draws() -> None:
    one, other = Dice(np.random.default_rng(1)), Dice(np.random.default_rng(1))
    assert [one.unit() for _ in range(300)] == [other.unit() for _ in range(300)]
