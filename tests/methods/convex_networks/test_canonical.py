"""The canonical form of a sample does not know how the sample was written down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from consilience.methods.convex_networks.canonical import CanonicalSamples, canonical_samples, is_sparse


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw few distinct values, so that rows repeat, and weights that are often zero."""
    n, d, c = draw(st.integers(1, 8)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    x = draw(arrays(np.float64, (n, d), elements=st.sampled_from([-1.5, -0.0, 0.0, 1.0])))
    y = draw(arrays(np.float64, (n, c), elements=st.floats(-3, 3)))
    w = draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]))) + np.eye(n)[0]
    return x, y, w


def dense(canonical: CanonicalSamples) -> np.ndarray:
    return canonical.features.toarray() if is_sparse(canonical.features) else canonical.features


def same(left: CanonicalSamples, right: CanonicalSamples, *, atol: float) -> None:
    np.testing.assert_array_equal(dense(left), dense(right))
    np.testing.assert_allclose(left.weights, right.weights, rtol=0, atol=atol)
    np.testing.assert_allclose(left.targets, right.targets, rtol=0, atol=atol)
    np.testing.assert_allclose(left.within, right.within, rtol=0, atol=atol)


@given(samples())
def test_mass_and_members(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, y, w = sample
    canonical = canonical_samples(x, y, w)
    assert canonical.features.shape[0] == len({tuple(row + 0.0) for row in x[w > 0]})
    assert canonical.weights.sum() == pytest.approx(w.sum())
    np.testing.assert_allclose(canonical.weights @ canonical.targets, w @ y, atol=1e-12)
    around = (y - canonical.targets[canonical.members]) ** 2
    assert canonical.weights @ canonical.within == pytest.approx((w @ around).sum(), abs=1e-12)
    np.testing.assert_array_equal(canonical.members == -1, w == 0)
    np.testing.assert_array_equal(canonical.features[canonical.members[w > 0]], x[w > 0])


@given(samples(), st.randoms(use_true_random=False))
def test_order_leaves_no_trace(sample: tuple[np.ndarray, np.ndarray, np.ndarray], random) -> None:
    x, y, w = sample
    order = random.sample(range(len(x)), len(x))
    same(canonical_samples(x, y, w), canonical_samples(x[order], y[order], w[order]), atol=0.0)


@given(samples(), st.data())
def test_a_weight_is_a_number_of_repetitions(
    sample: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    x, y, w = sample
    times = data.draw(arrays(np.int64, len(x), elements=st.integers(0, 3)))
    times[0] = max(times[0], 1)
    rows = np.repeat(np.arange(len(x)), times)
    same(canonical_samples(x, y, w * times), canonical_samples(x[rows], y[rows], w[rows]), atol=1e-13)


@given(samples(), st.sampled_from([sparse.csr_matrix, sparse.csr_array]))
def test_sparse_and_dense_are_one(sample: tuple[np.ndarray, np.ndarray, np.ndarray], form: type) -> None:
    x, y, w = sample
    same(canonical_samples(x, y, w), canonical_samples(form(x), y, w), atol=0.0)


@given(samples())
def test_the_sign_of_zero_does_not_count(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, y, w = sample
    same(canonical_samples(x, y, w), canonical_samples(x + 0.0, y, w), atol=0.0)


def test_near_rows_stay_apart() -> None:
    """Rows that differ in the last bit of one feature, or by a swap of two features, are different rows."""
    row = np.random.default_rng(0).standard_normal(5)
    rows = np.stack([row, np.nextafter(row, np.inf), row[::-1], -row, 2 * row, np.where(np.arange(5) == 3, 0.0, row)])
    assert len(canonical_samples(rows, np.zeros((6, 1)), np.ones(6)).weights) == 6
