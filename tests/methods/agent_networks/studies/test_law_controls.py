import numpy as np
import pytest

from consilience.methods.agent_networks.simulation import ASPECTS
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.studies.law_controls import CONTROLS, controls


def test_one_draft_is_the_same_whatever_is_made_of_it():
    found = controls(Solver(), range(20), doublings=0, seed=0)
    first = found.quality[CONTROLS[0]][0]
    assert all(np.array_equal(found.quality[control][0], first) for control in CONTROLS)
    assert first.mean() == pytest.approx(np.mean(0.9 / np.arange(1, ASPECTS + 1) ** 0.7), abs=0.02)


def test_calls_and_turns_are_counted():
    found = controls(Solver(), range(1), doublings=3, seed=0)
    assert found.calls["best of drafts"] == (1, 2, 4, 8)
    assert found.calls["drafts merged"] == (1, 3, 7, 15)
    assert found.turns["drafts merged"] == (1, 2, 3, 4)
    assert found.turns["majority of drafts"] == (1, 1, 1, 1)


def test_a_majority_finds_what_is_likelier_than_each_way_to_be_wrong():
    # Of three ways to be wrong each has a chance of a third of what is left, so the right one wins above a quarter.
    found = controls(Solver(), range(12), doublings=10, seed=1).quality["majority of drafts"][-1]
    likely = np.mean(0.9 / np.arange(1, ASPECTS + 1) ** 0.7 > 0.25)
    assert found.mean() == pytest.approx(likely, abs=0.02)


def test_two_drafts_that_differ_are_decided_by_lot():
    found = controls(Solver(), range(300), doublings=1, seed=2).quality["majority of drafts"]
    assert found[1].mean() == pytest.approx(found[0].mean(), abs=0.012)


def test_the_best_of_more_drafts_is_no_worse():
    found = controls(Solver(), range(10), doublings=7, seed=3).quality["best of drafts"]
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found[-1] > found[0]).all()


def test_merging_without_loss_keeps_whatever_any_draft_has():
    lossless = Solver(keeps=1, crowding=0)
    found = controls(lossless, range(10), doublings=8, seed=4).quality["drafts merged"]
    assert (np.diff(found, axis=0) >= 0).all()
    expected = np.mean(1 - (1 - 0.9 / np.arange(1, ASPECTS + 1) ** 0.7) ** 256)
    assert found[-1].mean() == pytest.approx(expected, abs=0.01)
