"""Checks of the bounds, start by start."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.rank_collapse.studies.checks import MASKS, Checked, checked_starts, gnomonic_error


@pytest.mark.parametrize("kind", ["attention", "LayerNorm"])
def test_every_mask_has_its_starts_and_every_layer_its_check(kind) -> None:
    starts = list(checked_starts(kind, trials=2, layers=5, streams=Streams(0)))
    assert [start.mask for start in starts] == [mask for mask in MASKS for _ in range(2)]
    assert all(start.measured.shape == start.bound.shape == (6,) for start in starts)
    assert all(start.measured[0] <= start.bound[0] for start in starts)
    assert all(start.weight_kept for start in starts)


def test_violations_are_layers_above_the_bound_beyond_rounding() -> None:
    measured = np.array([9.0, 1.0, 1.0 + 1e-14, 2.0, 3.0])
    assert Checked("attention", "causal", measured, np.ones(5), weight_kept=True).violations == 2


def test_the_consensus_is_followed_without_being_brought_together() -> None:
    assert 0 < gnomonic_error("causal", np.random.default_rng(0), layers=50) < 1e-12
