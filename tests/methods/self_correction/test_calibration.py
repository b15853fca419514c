"""Calibration: against scikit-learn where it has the measure, against the definition where it has not."""

import asyncio

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.calibration import (
    calibrate,
    calibrate_outcomes,
    expected_calibration_error,
)
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import MaxRounds


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.random(400)
    return rng.random(400) < scores, scores


def test_it_is_what_scikit_learn_says(sample) -> None:
    right, scores = sample
    found = calibrate(right, scores < 0.4, scores)
    assert found.tpr.value == pytest.approx(recall_score(~right, scores < 0.4))
    assert found.fpr.value == pytest.approx(1 - recall_score(~right, scores < 0.4, pos_label=False))
    assert found.auroc.value == pytest.approx(roc_auc_score(right, scores))
    assert found.brier == pytest.approx(brier_score_loss(right, scores))
    assert found.auroc.low < found.auroc.value < found.auroc.high


def test_the_calibration_error_is_that_of_its_definition(sample) -> None:
    right, scores = sample
    expected = 0.0
    for low in np.arange(10) / 10:
        there = (scores >= low) & (scores < low + 0.1)
        expected += there.mean() * abs(right[there].mean() - scores[there].mean())
    assert expected_calibration_error(right, scores) == pytest.approx(expected)
    assert expected_calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0.0


def test_an_honest_critic_is_not_told_from_chance_and_a_vain_one_is(sample) -> None:
    right, scores = sample
    honest, vain = calibrate(right, scores < 0.5, scores), calibrate(right, scores < 0.5, scores**0.2)
    assert honest.ece.value < 2 * honest.ece_by_chance
    assert vain.ece.low > 2 * vain.ece_by_chance
    assert honest.auroc.value == vain.auroc.value


def test_without_scores_there_is_less_to_say() -> None:
    found = calibrate(np.array([True, False]), np.array([False, True]))
    assert (found.auroc, found.ece, found.brier, found.ece_by_chance) == (None, None, None, None)


def test_of_one_kind_alone_little_is_known() -> None:
    found = calibrate(np.ones(5, dtype=np.bool_), np.zeros(5, dtype=np.bool_), np.full(5, 0.9))
    assert np.isnan(found.tpr.value)
    assert (found.tpr.low, found.tpr.high, found.fpr.value) == (0.0, 1.0, 0.0)
    assert np.isnan(found.auroc.value)


def test_it_knows_what_ratio_is_needed() -> None:
    found = calibrate(np.repeat([True, False], [80, 20]), np.zeros(100, dtype=np.bool_))
    assert found.needed_ratio(fix=0.5, spoil=0.25) == pytest.approx(2.0)


def test_the_critic_of_a_loop_is_judged_on_all_that_it_saw() -> None:
    truths = {f"question {number}": f"answer {number}" for number in range(800)}
    model = ScriptedModel(truths, start=0.5, tpr=0.8, fpr=0.2, fix=0.5, spoil=0.5)
    corrector = Corrector(model, stop=MaxRounds(2), budget=Budget(calls=5))
    outcomes = asyncio.run(corrector.batch({question: question for question in truths}))
    right = [[model.is_right(o.item, a.answer) for a in o.attempts] for o in outcomes]
    found = calibrate_outcomes(outcomes, right)
    assert found.answers == 1600  # the last answers were not looked at
    assert found.tpr.low < 0.8 < found.tpr.high
    assert found.fpr.low < 0.2 < found.fpr.high


@pytest.mark.parametrize(
    ("right", "flagged", "scores"),
    [
        ([], [], None),
        ([True], [True, False], None),
        ([True], [True], [0.5, 0.5]),
        ([True], [True], [1.5]),
        ([True], [True], [np.nan]),
    ],
)
def test_what_does_not_fit_is_refused(right, flagged, scores) -> None:
    flags = np.array(flagged, dtype=np.bool_)
    with pytest.raises((InvalidInput, TypeError)):
        calibrate(np.array(right, dtype=np.bool_), flags, None if scores is None else np.array(scores))
