"""The dictionary of cross products: what is in it, what is not, and what its features are."""

from math import comb

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.convex_networks import dictionary
from consilience.methods.convex_networks.cells import enumerate_cells
from consilience.methods.convex_networks.dictionary import count_hyperplanes, dispersion_factor, enumerate_neurons


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_neurons_are_unit_normals_of_the_rows_that_define_them(norm: str, n_features: int, bias: bool) -> None:
    samples = np.random.default_rng(0).standard_normal((6, n_features))
    neurons = enumerate_neurons(samples, norm="l1" if norm == "l1" else "l2", bias=bias)
    np.testing.assert_allclose(np.linalg.norm(neurons.weights, ord=1 if norm == "l1" else 2, axis=1), 1.0)
    scores = samples @ neurons.weights.T + neurons.biases
    free = n_features if bias else n_features - 1
    met = np.sum(np.abs(scores) < 1e-9, axis=0) + np.sum(neurons.weights == 0.0, axis=1)
    assert np.all(met >= free)
    assert neurons.n_neurons <= 2 * count_hyperplanes(6, n_features, bias=bias, coordinates=norm == "l1")
    assert len(np.unique(np.round(np.column_stack([neurons.weights, neurons.biases]), 9), axis=0)) == neurons.n_neurons


def test_features_are_the_relu_with_exact_zeros_on_the_defining_samples() -> None:
    samples = 1e3 + np.random.default_rng(1).standard_normal((12, 2))
    neurons = enumerate_neurons(samples, norm="l2", coordinates=False)
    features = neurons.features()
    np.testing.assert_allclose(
        features, np.maximum(samples @ neurons.weights.T + neurons.biases, 0.0), atol=1e-11 * np.abs(samples).max()
    )
    assert np.all(np.take_along_axis(features.T, neurons.on_boundary, axis=1) == 0.0)
    some = np.array([3, 0, 7])
    np.testing.assert_array_equal(neurons.features(some), features[:, some])
    np.testing.assert_array_equal(neurons.take(some).features(), features[:, some])


def test_prices_are_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(2).standard_normal((9, 2))
    neurons = enumerate_neurons(samples)
    dual = np.random.default_rng(3).standard_normal(9)
    monkeypatch.setattr(dictionary, "BLOCK_BYTES", 8 * 9 * 7)
    assert len(list(neurons.blocks())) > 10
    np.testing.assert_allclose(neurons.price(dual), dual @ neurons.features(), atol=1e-14)


@pytest.mark.parametrize(("far", "scale"), [(0.0, 1e-12), (1e12, 1.0), (0.0, 1e9)])
def test_no_hinge_is_lost_wherever_samples_lie_and_however_far_apart(far: float, scale: float) -> None:
    near, moved = np.array([[1.0], [2.0], [3.0]]), far + scale * np.array([[1.0], [2.0], [3.0]])
    neurons = enumerate_neurons(moved)
    assert neurons.n_neurons == 4
    np.testing.assert_allclose(neurons.features(), scale * enumerate_neurons(near).features(), rtol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_columns_of_any_scale_have_as_many_neurons(bias: bool) -> None:
    samples = np.random.default_rng(5).standard_normal((7, 2))
    many = enumerate_neurons(samples, bias=bias).n_neurons
    assert enumerate_neurons(samples * [1e-12, 1.0], bias=bias).n_neurons == many
    assert enumerate_neurons(samples * [1e6, 1e-6], bias=bias).n_neurons == many


@pytest.mark.parametrize("scale", [1.0, [1e-9, 1e3]])
def test_collinear_and_repeated_points_define_their_line_once(scale: object) -> None:
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [0.0, 1.0]])
    neurons = enumerate_neurons(line * scale, norm="l2", coordinates=False)
    distinct_lines = 1 + 3  # the diagonal, and the odd point with each of three others
    assert neurons.n_neurons <= 2 * distinct_lines


def test_counts() -> None:
    assert count_hyperplanes(7, 3, bias=False) == comb(7, 2) + 7 * 3 + 3
    assert count_hyperplanes(7, 3, bias=True) == comb(7, 3) + comb(7, 2) * 3 + 7 * 3
    assert count_hyperplanes(5, 1, bias=False) == 1


def test_memory_is_refused_with_what_would_fit() -> None:
    samples = np.random.default_rng(4).standard_normal((400, 3))
    with pytest.raises(InvalidInput, match=r"needs .* GiB, more than the limit of .*; \d+ samples would fit"):
        enumerate_neurons(samples, memory_limit=1 << 20)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        enumerate_neurons(np.array([[np.inf, 1.0]]))
    with pytest.raises(InvalidInput, match="define no hyperplane without coordinate vectors"):
        enumerate_neurons(np.array([[1.0, 2.0]]), norm="l2")
    flat = np.column_stack([np.arange(4.0), np.zeros(4)])
    with pytest.raises(InvalidInput, match="full rank"):
        dispersion_factor(flat, enumerate_cells(flat))
