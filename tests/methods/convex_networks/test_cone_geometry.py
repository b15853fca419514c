"""Values, cones and bounds of the cone program, on cases small enough to be known."""

import numpy as np
import pytest

from consilience.methods.convex_networks.cone_geometry import ConeProgram, climb, cone_support, project_on_cone


def program(**options: bool) -> ConeProgram:
    features = np.array([[1.0, 1.0], [-1.0, 1.0], [2.0, 1.0]])
    patterns = np.array([[True, True, False], [False, True, False], [True, True, False]])
    return ConeProgram.prepare(features, patterns, np.array([1.0, 0.0, 2.0]), 0.1, **options)


def test_silent_patterns_are_left_out_and_come_back_as_zero() -> None:
    small = program()
    assert small.switches.shape == (3, 4)
    V, W = small.unpack(np.arange(8.0).reshape(2, 4))
    assert (V.shape, W.shape) == ((3, 2), (3, 2))
    np.testing.assert_array_equal(V, [[0.0, 4.0], [1.0, 5.0], [0.0, 0.0]])
    np.testing.assert_array_equal(W, [[2.0, 6.0], [3.0, 7.0], [0.0, 0.0]])


def test_value_is_loss_and_penalty_at_the_best_intercept() -> None:
    small = program()
    vectors = small.zero()
    vectors[:, 0] = [1.0, 0.0]
    assert small.intercept(vectors) == pytest.approx(0.0)
    assert small.value(vectors) == pytest.approx(0.1)
    assert small.violation(vectors) == 0.0
    assert small.violation(-vectors) == pytest.approx(2.0)
    assert small.dual(small.zero()).sum() == pytest.approx(0.0)


def test_free_bias_is_outside_the_norms() -> None:
    vectors = np.ones((2, 4))
    np.testing.assert_allclose(program().norms(vectors), np.sqrt(2.0))
    np.testing.assert_allclose(program(free_bias=True).norms(vectors), 1.0)


def test_vectors_inside_stay_and_opposite_ones_vanish() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0]])
    inside = np.array([2.0, 1.0])
    np.testing.assert_array_equal(project_on_cone(rows, inside), inside)
    np.testing.assert_array_equal(project_on_cone(rows, np.array([-1.0, 0.0])), np.zeros(2))
    assert climb(rows, np.array([-1.0, 0.0]), 2)[1] == 0.0
    assert cone_support(rows, np.zeros(2), 2) == 0.0


def test_climbing_reaches_the_support() -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((12, 4))
    rows *= np.sign(rows @ generator.standard_normal(4))[:, None]
    pull = generator.standard_normal(4)
    vector, rate = climb(rows, pull, 4)
    assert rate == pytest.approx(cone_support(rows, pull, 4))
    assert pull @ vector == pytest.approx(rate)
    assert np.all(rows @ vector >= -1e-12)
