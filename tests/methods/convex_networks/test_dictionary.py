"""The dictionary of cross products: what is in it, what is not, and what its features are."""

from itertools import combinations
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


@pytest.mark.parametrize("far", [1e9, 1e12, 1e15, 1e18])
def test_an_outlier_hides_no_hinges_among_ordinary_samples(far: float) -> None:
    samples = np.array([[0.0], [1.0], [2.0], [3.0], [far]])
    hinges = enumerate_neurons(samples)
    expected = np.maximum(np.concatenate([samples - samples.T, samples.T - samples], axis=1), 0.0)
    expected = expected[:, expected.any(axis=0)]
    np.testing.assert_array_equal(np.unique(hinges.features(), axis=1), np.unique(expected, axis=1))


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_features", [2, 3])
def test_every_cross_product_is_there_beside_an_outlier(n_features: int, bias: bool, norm: str) -> None:
    generator = np.random.default_rng(8)
    for column in (0, slice(None)):
        samples = generator.integers(-9, 10, (6, n_features)).astype(float)
        samples[2, column] = 1e12
        neurons = enumerate_neurons(samples, norm="l1" if norm == "l1" else "l2", bias=bias)
        features = neurons.features()
        for plane in exact_planes(samples.astype(np.int64), bias=bias, coordinates=norm == "l1"):
            size = np.linalg.norm(np.array(plane[:n_features], dtype=float), ord=1 if norm == "l1" else 2)
            scores = [sum(a * b for a, b in zip((*map(int, row), 1), plane, strict=False)) for row in samples]
            answers = np.maximum(np.array(scores, dtype=float) / size, 0.0)
            rounding = 1e-14 * (np.abs(samples) @ np.abs(np.array(plane[:n_features], dtype=float))) / size
            near = np.abs(features - answers[:, None]) <= (1e-9 * answers + rounding)[:, None]
            assert near.all(axis=0).any() or not answers.any()


def exact_planes(samples: np.ndarray, *, bias: bool, coordinates: bool) -> list[tuple[int, ...]]:
    """All hyperplanes through samples and along axes, in both orientations, by determinants of whole numbers."""
    n_features = samples.shape[1]
    rows = [[*map(int, row), *[1] * bias] for row in samples]
    rows += [[int(k == axis) for k in range(n_features + bias)] for axis in range(n_features)] if coordinates else []
    planes = []
    for chosen in combinations(rows, n_features + bias - 1):
        plane = tuple(
            (-1) ** k * determinant([row[:k] + row[k + 1 :] for row in chosen]) for k in range(n_features + bias)
        )
        if any(plane[:n_features]):
            planes += [plane, tuple(-number for number in plane)]
    return planes


def determinant(rows: list[list[int]]) -> int:
    return (
        sum(
            (-1) ** k * rows[0][k] * determinant([row[:k] + row[k + 1 :] for row in rows[1:]]) for k in range(len(rows))
        )
        if rows
        else 1
    )


def test_no_dual_point_escapes_its_price_beside_an_outlier() -> None:
    """A bound that a lost hinge would have broken is no bound: the largest price is that of ordinary samples alone."""
    bend = np.array([1.0, -2.0, 1.0, 0.0])
    ordinary = np.arange(4.0)[:, None]
    alone = np.abs(enumerate_neurons(ordinary).price(bend)).max()
    beside = np.abs(enumerate_neurons(np.append(ordinary, [[1e12]], axis=0)).price(np.append(bend, 0.0))).max()
    assert beside == alone == 1.0


def test_what_may_be_rounding_is_said() -> None:
    with pytest.warns(RuntimeWarning, match="hyperplanes are missing"):
        enumerate_neurons(np.array([[0.0], [1.0], [1e17], [2e17], [3e17], [4e17]]))


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
