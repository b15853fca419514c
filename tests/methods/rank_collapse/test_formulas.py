"""Measures as formulas of a profile; that they are right is a law."""

import pytest
import torch

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.formulas import MEASURES, RANK_TOLERANCE, numerical_rank
from consilience.methods.rank_collapse.profile import profile


def tokens_of(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_what_runs_over_powers_of_ten_has_a_scale_or_is_a_part() -> None:
    logarithmic = {name for name, measure in MEASURES.items() if measure.logarithmic}
    scaled = {name for name, measure in MEASURES.items() if measure.scale is not None}
    assert logarithmic - scaled == {"relative_mu"}
    assert str(RANK_TOLERANCE) in MEASURES["numerical_rank"].words


def test_a_measure_says_what_it_needs() -> None:
    with pytest.raises(InvalidInput, match=r"needs a profile with its 'spectrum'; make it with needs=\{'spectrum'\}"):
        MEASURES["effective_rank"](profile(tokens_of(1, 4, 3)))


@pytest.mark.parametrize("tolerance", [1e-7, 0.0, 1.0])
def test_a_tolerance_below_the_floor_counts_rounding(tolerance: float) -> None:
    with pytest.raises(InvalidInput, match=r"at least 1.2e-06, ten machine epsilons of torch.float32, and below 1"):
        numerical_rank(profile(tokens_of(1, 4, 3), needs={"spectrum"}), tolerance)
