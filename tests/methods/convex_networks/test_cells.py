"""Enumeration of cells: degenerate data, orientation, limits and refusals."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.convex_networks.cells import count_cells, enumerate_cells, enumerate_rays


def test_grid_has_as_many_threshold_functions_as_are_known() -> None:
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    assert enumerate_cells(grid, bias=True).n_cells == 174
    assert enumerate_cells(grid[:9] * [1.0, 1.0], bias=True).n_cells < count_cells(9, 3)


def test_cells_do_not_depend_on_order_repetition_or_scale_of_samples() -> None:
    samples = np.random.default_rng(0).standard_normal((6, 3))
    plain = enumerate_cells(samples)
    order = np.array([3, 1, 5, 0, 2, 4])
    shuffled = enumerate_cells(samples[order] * np.array([[1.0], [2.0], [1e3], [1e-3], [1.0], [5.0]]))
    assert {tuple(p) for p in plain.patterns[order].T.tolist()} == {tuple(p) for p in shuffled.patterns.T.tolist()}
    repeated = enumerate_cells(np.concatenate([samples, -2.0 * samples[:2]]))
    assert repeated.n_cells == plain.n_cells
    np.testing.assert_array_equal(repeated.patterns[6:], ~repeated.patterns[:2])


@pytest.mark.parametrize(("far", "scale"), [(0.0, 1e-12), (150_000.0, 1.0), (2.0**20, [2.0**-10, 2.0**17])])
def test_with_a_bias_it_does_not_matter_where_samples_lie_and_how_far_apart(far: float, scale: object) -> None:
    samples = np.random.default_rng(4).integers(-3, 4, size=(7, 2)).astype(float)  # some coincide, some are collinear
    plain = enumerate_cells(samples, bias=True)
    moved = far + samples * scale
    cells = enumerate_cells(moved, bias=True)
    assert cells.rank == 3
    np.testing.assert_array_equal(cells.patterns, plain.patterns)
    np.testing.assert_array_equal(moved @ cells.interiors[:, :-1].T + cells.interiors[:, -1] >= 0.0, cells.patterns)
    np.testing.assert_allclose(np.linalg.norm(cells.interiors, axis=1), 1.0)
    near = enumerate_cells(np.array([[150_000.0], [150_001.0]]), bias=True)
    assert (near.n_cells, near.rank) == (4, 2)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("grid", [False, True])
def test_an_outlier_hides_no_cells_among_ordinary_samples(grid: bool, n_features: int, bias: bool) -> None:
    generator = np.random.default_rng(6)
    samples = (
        generator.integers(-3, 4, (6, n_features)).astype(float) if grid else generator.normal(size=(6, n_features))
    )
    outlier = np.arange(6) == 2
    for column in (0, slice(None)):
        near, far = samples.copy(), samples.copy()
        near[outlier, column], far[outlier, column] = 1e5, 1e12  # from 1e5 on it lies beyond all lines of the others
        cells = enumerate_cells(far, bias=bias)
        np.testing.assert_array_equal(cells.patterns, enumerate_cells(near, bias=bias).patterns)
        gates = cells.interiors[:, :n_features]
        offsets = cells.interiors[:, n_features] if bias else 0.0
        np.testing.assert_array_equal(far @ gates.T + offsets >= 0.0, cells.patterns)
        np.testing.assert_allclose(np.linalg.norm(cells.interiors, axis=1), 1.0)


@pytest.mark.parametrize("far", [1e9, 1e12, 1e15, 1e18])
def test_points_on_a_line_have_all_cells_beside_outliers(far: float) -> None:
    line = np.array([[0.0], [1.0], [2.0], [3.0], [far], [far * 1.5]])
    cells = enumerate_cells(line, bias=True)
    assert cells.n_cells == 12
    np.testing.assert_array_equal(line @ cells.interiors[:, :1].T + cells.interiors[:, 1] >= 0.0, cells.patterns)


def test_rows_and_columns_of_any_scale_have_all_cells_without_a_bias() -> None:
    samples = np.random.default_rng(7).standard_normal((7, 2))
    plain = enumerate_cells(samples)
    for scaled in (samples * [1e-11, 1.0], samples * np.geomspace(1.0, 1e-13, 7)[:, None]):
        np.testing.assert_array_equal(enumerate_cells(scaled).patterns, plain.patterns)
    rays = enumerate_rays(samples * [1e-11, 1.0])
    assert len(rays) == len(enumerate_rays(samples))
    assert np.all(np.sum(np.abs(samples * [1e-11, 1.0] @ rays.T) < 1e-24, axis=0) == 1)


def test_what_may_be_rounding_is_said_and_not_told_apart() -> None:
    ends = np.array([[0.0], [1.0], [1e17], [2e17], [3e17], [4e17]])
    with pytest.warns(RuntimeWarning, match=r"columns \[0\] .* count as equal"):
        assert enumerate_cells(ends, bias=True).n_cells == 10


def test_gates_that_double_precision_cannot_hold_are_refused() -> None:
    grid = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 2.0], [1e20, 1e20]])
    with pytest.raises(InvalidInput, match="double precision holds a gate of every cell"):
        enumerate_cells(grid, bias=True)
    with pytest.raises(InvalidInput, match=r"within 1e\+150"):
        enumerate_cells(grid * 1e140)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
def test_a_column_constant_up_to_rounding_cuts_nothing(constant: float) -> None:
    generator = np.random.default_rng(5)
    line, rounded = generator.standard_normal(6), constant * (1.0 + 2e-16 * generator.integers(-2, 3, 6))
    cells = enumerate_cells(np.column_stack([line, rounded]), bias=True)
    assert (cells.n_cells, cells.rank) == (12, 2)


def test_low_rank_data_have_the_cells_of_their_row_space() -> None:
    generator = np.random.default_rng(1)
    samples = generator.standard_normal((8, 2)) @ generator.standard_normal((2, 5))
    cells = enumerate_cells(samples)
    assert (cells.rank, cells.n_cells) == (2, 16)
    np.testing.assert_array_equal(samples @ cells.interiors.T >= 0.0, cells.patterns)


def test_zero_rows_are_active_and_alone_make_one_cell() -> None:
    assert enumerate_cells(np.zeros((3, 2))).patterns.tolist() == [[True]] * 3
    cells = enumerate_cells(np.array([[0.0], [2.0]]))
    assert cells.patterns.tolist() == [[True, True], [False, True]]


def test_rays_lie_on_independent_hyperplanes() -> None:
    samples = np.random.default_rng(2).standard_normal((6, 3))
    rays = enumerate_rays(samples)
    assert rays.shape == (2 * 15, 3)
    assert np.all(np.sum(np.abs(samples @ rays.T) < 1e-12, axis=0) == 2)


def test_too_many_cells_are_refused_with_what_would_fit() -> None:
    with pytest.raises(InvalidInput, match=r"at this rank \d+ samples would fit"):
        enumerate_cells(np.random.default_rng(3).standard_normal((60, 5)), limit=10_000)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        enumerate_cells(np.array([[np.nan, 1.0]]))
