"""Scales on which rows and columns are even: the same eigenvalues, without the growth of rounding."""

import numpy as np
import pytest

from consilience.methods.rank_collapse.averaging import uniform_attention
from consilience.methods.rank_collapse.balancing import balanced
from consilience.methods.rank_collapse.mask_language import parse_mask

TEXTS = ("window(3, 1)", "window(12, 1)", "causal | global(1)", "ring(3)", "window(2)", "window(1, 0) | global(1)")


@pytest.mark.parametrize("text", TEXTS)
def test_each_row_has_the_sum_of_its_column(text) -> None:
    matrix = balanced(uniform_attention(parse_mask(text).array(24)))
    assert matrix.sum(axis=1) == pytest.approx(matrix.sum(axis=0), abs=1e-5)


@pytest.mark.parametrize("text", TEXTS)
def test_eigenvalues_stay(text) -> None:
    attention = uniform_attention(parse_mask(text).array(12))
    here, there = np.poly(balanced(attention)), np.poly(attention)
    assert here == pytest.approx(there, abs=1e-12)


def test_scales_beyond_the_range_of_numbers_are_no_trouble() -> None:
    chain = np.diag(np.full(400, 0.9), 1) + np.diag(np.full(400, 0.001), -1)
    matrix = balanced(chain)
    assert np.diag(matrix, 1) == pytest.approx(np.diag(matrix, -1))
    assert np.diag(matrix, 1) == pytest.approx(0.03)
