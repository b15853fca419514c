"""The original's way finds what it can: it solves what is easy, and what it has solved wrongly stays."""

import numpy as np
import pytest

from consilience.methods.social_agents.studies.originally import originally
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.schedule import schedule


@pytest.mark.parametrize("hops", [1, 2])
def test_it_solves_what_two_know_where_readings_are_right(hops) -> None:
    assert originally(needle(2, hops, np.random.default_rng(100), length=20)).score == 1


def test_it_has_no_way_to_take_back_what_was_misread() -> None:
    world = schedule("easy", 4, np.random.default_rng(100), length=20)
    assert originally(world).score > originally(world, noise=0.6, seed=3).score
