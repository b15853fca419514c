"""Penalties: proximal maps by hand, values between each other, zero blocks, torch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty, Nuclear, Penalty, Ridge

DIAGONAL = np.array([[[3.0, 0.0], [0.0, 1.0]]])


@pytest.mark.parametrize(
    ("penalty", "value", "polar", "shrunk"),
    [
        (Frobenius(), np.sqrt(10.0), np.sqrt(10.0), (1 - 2 / np.sqrt(10.0)) * DIAGONAL),
        (Columns(), 4.0, 3.0, np.array([[[1.0, 0.0], [0.0, 0.0]]])),
        (Nuclear(), 4.0, 3.0, np.array([[[1.0, 0.0], [0.0, 0.0]]])),
    ],
)
def test_norms_by_hand(penalty: NormPenalty, value: float, polar: float, shrunk: np.ndarray) -> None:
    np.testing.assert_allclose(penalty.value(DIAGONAL), [value])
    np.testing.assert_allclose(penalty.polar(DIAGONAL), [polar])
    np.testing.assert_allclose(penalty.prox(DIAGONAL, 2.0), shrunk, atol=1e-15)


def test_ridge_by_hand() -> None:
    assert Ridge().value(DIAGONAL).tolist() == [5.0]
    np.testing.assert_array_equal(Ridge().prox(DIAGONAL, 1.0), DIAGONAL / 2)


@given(st.integers(0, 2**32 - 1))
def test_order_of_the_norms(seed: int) -> None:
    """Frobenius is the smallest; a rotation of the outputs changes only the sum over columns."""
    generator = np.random.default_rng(seed)
    blocks = generator.standard_normal((4, 3, 2))
    rotation, _ = np.linalg.qr(generator.standard_normal((2, 2)))
    frobenius, nuclear = Frobenius().value(blocks), Nuclear().value(blocks)
    assert (frobenius <= nuclear * (1 + 1e-12)).all()
    assert (frobenius <= Columns().value(blocks) * (1 + 1e-12)).all()
    np.testing.assert_allclose(Nuclear().value(blocks @ rotation), nuclear)
    np.testing.assert_allclose(Frobenius().value(blocks @ rotation), frobenius)


@pytest.mark.parametrize("penalty", [Frobenius(), Columns(), Nuclear(), Ridge()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_stays_zero_and_precision_stays(penalty: Penalty, dtype: type) -> None:
    zero = np.zeros((2, 3, 2), dtype=dtype)
    moved = penalty.prox(zero, 0.5)
    assert moved.dtype == dtype
    np.testing.assert_array_equal(moved, zero)
    np.testing.assert_array_equal(penalty.value(zero), 0.0)


@pytest.mark.parametrize("penalty", [Frobenius(), Columns(), Nuclear()])
def test_torch_says_the_same(penalty: NormPenalty) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    blocks = np.random.default_rng(0).standard_normal((5, 4, 3))
    tensor = torch.tensor(blocks)
    np.testing.assert_allclose(penalty.value(tensor), penalty.value(blocks))
    np.testing.assert_allclose(penalty.polar(tensor), penalty.polar(blocks))
    np.testing.assert_allclose(penalty.prox(tensor, 0.8), penalty.prox(blocks, 0.8), atol=1e-14)
