"""Laws of the exact programs: cells, the l1 theorem, the l2 bound, and certificates, whatever computes them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.methods.convex_networks.cells import count_cells, enumerate_cells, enumerate_rays
from consilience.methods.convex_networks.cone import solve_cone
from consilience.methods.convex_networks.cone_geometry import ConeProgram, cone_support, project_on_cone, support_bound
from consilience.methods.convex_networks.dictionary import dispersion_factor, enumerate_neurons
from consilience.methods.convex_networks.lasso import solve_lasso

SEEDS = st.integers(min_value=0, max_value=2**31)


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0.0)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n_samples=st.integers(1, 9), n_features=st.integers(1, 3), bias=st.booleans())
def test_general_position_has_as_many_cells_as_cover_counted(
    seed: int, n_samples: int, n_features: int, bias: bool
) -> None:
    samples = np.random.default_rng(seed).standard_normal((n_samples, n_features))
    cells = enumerate_cells(samples, bias=bias)
    assert cells.n_cells == count_cells(n_samples, min(n_samples, n_features + bias))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, bias=st.booleans())
def test_every_half_space_falls_in_an_enumerated_cell_and_every_cell_is_seen(seed: int, bias: bool) -> None:
    generator = np.random.default_rng(seed)
    samples = generator.integers(-2, 3, size=(7, 2)).astype(float)  # coincident, parallel and zero rows on purpose
    cells = enumerate_cells(samples, bias=bias)
    rows = np.column_stack([samples, np.ones(7)]) if bias else samples
    known = {tuple(pattern) for pattern in cells.patterns.T.tolist()}
    assert len(known) == cells.n_cells
    drawn = rows @ generator.standard_normal((rows.shape[1], 400)) >= 0.0
    assert {tuple(pattern) for pattern in drawn.T.tolist()} <= known
    np.testing.assert_array_equal(rows @ cells.interiors.T >= 0.0, cells.patterns)
    off = np.any(rows != 0.0, axis=1)
    assert np.all(np.abs(rows[off] @ cells.interiors.T) > 1e-9)


def reflections(dimension: int, *, signed: bool) -> np.ndarray:
    pairs = list(itertools.combinations(np.eye(dimension), 2))
    roots = [a - b for a, b in pairs]
    return np.array(roots + [a + b for a, b in pairs] + list(np.eye(dimension)) if signed else roots)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(np.eye(4), 16, id="orthants"),
        pytest.param(reflections(4, signed=False), 24, id="permutations of four"),
        pytest.param(reflections(3, signed=True), 48, id="signed permutations of three"),
        pytest.param(reflections(5, signed=False), 120, id="permutations of five"),
    ],
)
def test_reflection_arrangements_have_one_cell_for_each_group_element(rows: np.ndarray, expected: int) -> None:
    assert enumerate_cells(rows).n_cells == expected


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_features=st.integers(1, 3), bias=st.booleans())
def test_no_unit_neuron_correlates_more_than_an_enumerated_one(seed: int, n_features: int, bias: bool) -> None:
    """The theorem's dual form: under the l1 norm the supremum over all neurons is attained in the dictionary."""
    generator = np.random.default_rng(seed)
    samples = generator.standard_normal((8, n_features))
    dual = generator.standard_normal(8)
    dual -= dual.mean() if bias else 0.0
    largest = np.abs(enumerate_neurons(samples, bias=bias).price(dual)).max()
    weights = generator.standard_normal((n_features, 3000)) * generator.integers(0, 2, (n_features, 3000))
    weights /= np.maximum(np.abs(weights).sum(axis=0), 1e-300)
    offsets = 2.0 * generator.standard_normal(3000) if bias else np.zeros(3000)
    assert np.abs(dual @ relu(samples @ weights + offsets)).max() <= largest * (1.0 + 1e-12)


def test_without_coordinate_vectors_some_neuron_correlates_more() -> None:
    samples = np.array([[1.0, 0.2], [0.9, -0.3]])
    dual = np.array([1.0, 1.0])
    with_axes, without = (
        np.abs(enumerate_neurons(samples, bias=False, coordinates=some).price(dual)).max() for some in (True, False)
    )
    assert with_axes == pytest.approx(1.9)  # the first coordinate itself
    assert without < 0.9 * with_axes


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_l2_optimum_over_cross_products_is_within_its_bound(seed: int) -> None:
    generator = np.random.default_rng(seed)
    samples, targets = generator.standard_normal((7, 2)), generator.standard_normal(7)
    cells = enumerate_cells(samples)
    alpha = 0.1 * float(np.abs(enumerate_neurons(samples, norm="l2", bias=False).price(targets)).max()) / 7
    whole = solve_cone(samples, cells.patterns, targets, alpha, fit_intercept=False, tolerance=1e-9)
    finite = solve_lasso(enumerate_neurons(samples, norm="l2", bias=False), targets, alpha, fit_intercept=False)
    by_hull, by_diameter = dispersion_factor(samples, cells)
    assert 1.0 - 1e-8 <= finite.objective / whole.objective <= by_hull * (1.0 + 1e-8)
    assert by_hull <= by_diameter * (1.0 + 1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_in_the_plane_the_bound_is_the_secant_of_half_the_widest_angle(seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal((6, 2))
    angles = np.sort(np.arctan2(*enumerate_rays(samples).T))
    widest = np.diff(np.append(angles, angles[0] + 2 * np.pi)).max()
    np.testing.assert_allclose(
        dispersion_factor(samples, enumerate_cells(samples)), 1.0 / np.cos(widest / 2), rtol=1e-7
    )


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_rows=st.integers(1, 30), n_features=st.integers(1, 6))
def test_projection_on_a_cone_splits_a_vector_into_orthogonal_parts(seed: int, n_rows: int, n_features: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n_rows, n_features))
    rows *= np.sign(rows @ generator.standard_normal(n_features))[:, None]
    vector = generator.standard_normal(n_features)
    projected = project_on_cone(rows, vector)
    assert np.all(rows @ projected >= -1e-10)
    assert abs(projected @ (vector - projected)) <= 1e-10
    assert cone_support(rows, vector, n_features) == pytest.approx(np.linalg.norm(projected), abs=1e-10)
    inside = generator.standard_normal((n_features, 2000))
    inside = inside[:, np.all(rows @ inside >= 0.0, axis=0)] / 1.0
    assert np.all((vector - projected) @ inside <= 1e-9 * (1.0 + np.linalg.norm(inside, axis=0)))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_support_with_a_free_bias_bounds_every_vector_of_the_cone(seed: int) -> None:
    generator = np.random.default_rng(seed)
    features = np.column_stack([generator.standard_normal((9, 2)), np.ones(9)])
    gate = generator.standard_normal(3)
    active = features @ gate >= 0.0
    dual = generator.standard_normal(9)
    dual -= dual.mean()
    pull = features.T @ (active * dual)
    pull[2] = 0.0 if active.all() else pull[2]
    bound = cone_support(np.where(active, 1.0, -1.0)[:, None] * features, pull, 2)
    near = gate[:, None] + 0.5 * generator.standard_normal((3, 4000))
    inside = near[:, np.all((features @ near >= 0.0) == active[:, None], axis=0)]
    assert np.all(pull @ inside <= bound * np.linalg.norm(inside[:2], axis=0) + 1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, free_bias=st.booleans())
def test_global_bound_covers_all_unit_neurons(seed: int, free_bias: bool) -> None:
    generator = np.random.default_rng(seed)
    features = np.column_stack([generator.standard_normal((12, 3)), np.ones(12)])
    dual = generator.standard_normal(12)
    dual -= dual.mean()
    patterns = np.ones((12, 1), dtype=bool)
    program = ConeProgram.prepare(features, patterns, dual, 1.0, free_bias=free_bias)
    weights = generator.standard_normal((4, 5000))
    weights /= np.linalg.norm(weights[:3] if free_bias else weights, axis=0)
    assert np.abs(dual @ relu(features @ weights)).max() <= support_bound(program, dual)
