"""Probes on features that tell all, and on features that tell nothing."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.probe import Folds, probed

LABELS = np.repeat(np.arange(3), [60, 40, 20])


def test_parts_are_balanced_and_few_labels_come_from_other_parts() -> None:
    folds = Folds.drawn(LABELS, folds=4, shots=5, draws=3)
    assert folds.count == 4
    assert folds.commonest == 0.5
    for number, draws in enumerate(folds.few):
        assert np.bincount(LABELS[folds.part == number]).tolist() == [15, 10, 5]
        assert len(draws) == 3
        for chosen in draws:
            assert np.bincount(LABELS[chosen]).tolist() == [5, 5, 5]
            assert (folds.part[chosen] != number).all()


def test_features_that_tell_all_and_features_that_tell_nothing() -> None:
    generator = np.random.default_rng(0)
    folds = Folds.drawn(LABELS)
    telling = np.eye(3)[LABELS] + 0.1 * generator.standard_normal((120, 3))
    good, bad = (probed(lambda _, table=table: table, folds) for table in (telling, generator.random((120, 3))))
    assert good.accuracy == 1
    assert good.few.min() > 0.95
    assert len(good.few) == 24
    assert bad.accuracy < 0.6


def test_a_document_is_tested_on_features_learned_without_it() -> None:
    folds = Folds.drawn(LABELS)
    leaking = np.eye(3)[LABELS]

    def features(part: int) -> np.ndarray:
        return np.where((folds.part == part)[:, None], 0.0, leaking)

    assert probed(features, folds).accuracy == pytest.approx(0.5)


def test_one_label_and_rare_labels_are_refused() -> None:
    with pytest.raises(InvalidInput, match="two labels with at least 3 documents"):
        Folds.drawn(np.zeros(9, dtype=np.int64))
    with pytest.raises(InvalidInput, match="two labels with at least 3 documents"):
        Folds.drawn(np.array([0] * 9 + [1] * 2))
