"""Scripted rounds: the settings, and that deviations are what they are called."""

import numpy as np
import pytest

from consilience.methods.self_correction.rounds import Rounds
from consilience.methods.self_correction.studies.scripted_rounds import SPECIAL, Setting, choose, simulate


def test_settings_are_special_ones_and_drawn_ones() -> None:
    chosen = choose(10, np.random.default_rng(0))
    assert len(chosen) == 10
    assert list(chosen)[:4] == list(SPECIAL)
    assert chosen == choose(10, np.random.default_rng(0))
    assert all(0 <= rate <= 1 for rates in chosen.values() for rate in rates)


def test_a_simulation_has_a_column_a_state_and_follows_its_formula() -> None:
    setting = simulate("one", (0.5, 0.8, 0.2, 0.6, 0.3), items=600, made=2, seed=1)
    assert setting.right.shape == (600, 3)
    assert np.abs(setting.deviations(setting.model)).max() < 4
    assert np.abs(setting.deviations(Rounds(setting.model.repair, 0.5))).max() > 4


def test_deviations_are_in_standard_errors_and_impossible_ones_infinite() -> None:
    right = np.array([[True] * 2] * 60 + [[False, True]] * 40)
    setting = Setting(name="x", start=0.5, rates=(1.0, 0.5, 1.0, 0.0), right=right)
    assert setting.deviations(setting.model) == pytest.approx([2.0, 0.0])
    assert setting.ratio == 2.0
    broken = Setting(name="x", start=0.5, rates=(1.0, 0.5, 1.0, 0.0), right=~right)
    assert broken.deviations(broken.model)[1] == -np.inf
