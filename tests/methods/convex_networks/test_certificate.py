"""Certificates: gaps are never negative, scales make residuals feasible, alpha is checked."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.certificate import Certificate, check_alpha, norm_certificate
from consilience.methods.convex_networks.losses import Logistic, Squared


def test_a_bound_above_the_objective_by_rounding_is_no_gap() -> None:
    certificate = Certificate(objective=1.0, dual_bound=1.0 + 1e-15, scope="sampled program")
    assert (certificate.gap, certificate.relative_gap) == (0.0, 0.0)


def test_a_zero_objective_has_an_absolute_gap() -> None:
    assert Certificate(objective=0.0, dual_bound=-0.5, scope="sampled program").relative_gap == 0.5


@pytest.mark.parametrize("polar", [0.0, 0.05, 0.2, 7.0])
def test_the_dual_point_is_feasible_and_below(polar: float) -> None:
    generator = np.random.default_rng(0)
    target, weights = generator.standard_normal((8, 2)), generator.uniform(0.5, 2.0, 8)
    prediction = np.average(target, axis=0, weights=weights) + np.zeros((8, 2))
    certificate, scale = norm_certificate(
        loss=Squared(),
        alpha=0.1,
        penalty_value=0.0,
        largest_polar=polar,
        prediction=prediction,
        target=target,
        weights=weights,
    )
    assert scale * polar <= 0.1 * (1 + 1e-12)
    assert certificate.dual_bound <= certificate.objective * (1 + 1e-12)
    if polar <= 0.1:  # the constant is optimal where no gate is correlated by more than alpha
        assert certificate.relative_gap < 1e-12


def test_entropy_bound_by_hand() -> None:
    """With probabilities of one half and an even number of labels, the bound is log 2: nothing is gained by moving."""
    target = np.array([[0.0], [1.0]])
    certificate, scale = norm_certificate(
        loss=Logistic(),
        alpha=1.0,
        penalty_value=0.0,
        largest_polar=0.5,
        prediction=np.zeros((2, 1)),
        target=target,
        weights=np.ones(2),
    )
    assert scale == 1.0
    assert certificate.objective == pytest.approx(np.log(2))
    assert certificate.dual_bound == pytest.approx(np.log(2))


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, np.inf])
def test_alpha_is_positive_and_finite(alpha: float) -> None:
    with pytest.raises(InvalidInput, match=r"alpha must be positive and finite; got"):
        check_alpha(alpha)
