"""Ridge: precision and refinement, leave-one-out at the edges, freedom, preconditioners, bad input, torch."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.ridge import (
    RidgePath,
    nystrom_preconditioner,
    solve_ridge,
    solve_ridge_iteratively,
)


def random_problem(
    n: int = 40, p: int = 5, g: int = 8, c: int = 2, dtype: type = np.float64
) -> tuple[GatedOperator, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n + g)
    patterns = generator.random((n, g)) < 0.5
    patterns[:, 0] = True
    features = generator.standard_normal((n, p)).astype(dtype)
    target = generator.standard_normal((n, c)).astype(dtype)
    return GatedOperator(DenseFeatures(features), patterns), target, generator.uniform(0.3, 3.0, n).astype(dtype)


@pytest.mark.parametrize("alpha", [10.0, 1e-2, 1e-5, 1e-9])
def test_refinement_reaches_double_precision(alpha: float) -> None:
    """A factor in single precision is refined, or given up for one in double: the gap says that either did."""
    operator, target, weights = random_problem()
    solution = solve_ridge(operator, target, weights, alpha)
    path = RidgePath(operator, target, weights).solution(alpha)
    assert solution.certificate.relative_gap < 1e-8
    fitted = operator.forward(solution.blocks) + solution.intercept
    np.testing.assert_allclose(fitted, operator.forward(path.blocks) + path.intercept, atol=1e-7)


def test_single_precision_is_kept_and_says_how_good_it_is() -> None:
    operator, target, weights = random_problem(dtype=np.float32)
    exact = solve_ridge(*random_problem(), alpha=0.05)
    for solution in (
        solve_ridge(operator, target, weights, 0.05),
        solve_ridge_iteratively(operator, target, weights, 0.05, tolerance=1e-6),
    ):
        assert solution.blocks.dtype == solution.intercept.dtype == np.float32
        np.testing.assert_allclose(solution.blocks, exact.blocks, atol=2e-3)
        assert solution.certificate.relative_gap < 1e-5
        assert solution.certificate.dual_bound <= exact.certificate.objective * (1 + 1e-5)


def test_one_sample_leaves_nothing_to_fit() -> None:
    operator, target, weights = random_problem(n=1)
    solution = solve_ridge(operator, target, weights, 0.1)
    np.testing.assert_allclose(solution.intercept, target[0], atol=1e-12)
    np.testing.assert_allclose(solution.blocks, 0.0, atol=1e-12)
    np.testing.assert_allclose(solution.left_out, target, atol=1e-12)
    np.testing.assert_allclose(RidgePath(operator, target, weights).left_out(0.1), target, atol=1e-12)


def test_leave_one_out_is_optional_and_changes_nothing_else() -> None:
    problem = random_problem()
    with_it, without = (solve_ridge(*problem, 0.1, left_out_rows=rows) for rows in (None, 0))
    assert without.left_out is None
    np.testing.assert_allclose(with_it.blocks, without.blocks, atol=1e-10)


def test_a_heavy_penalty_leaves_the_mean() -> None:
    operator, target, weights = random_problem()
    solution = solve_ridge(operator, target, weights, 1e9)
    np.testing.assert_allclose(solution.intercept, weights @ target / weights.sum(), atol=1e-6)
    np.testing.assert_allclose(solution.blocks, 0.0, atol=1e-6)


def test_degrees_of_freedom_are_the_trace_of_the_smoother() -> None:
    operator, target, weights = random_problem(n=12, c=1)
    path = RidgePath(operator, target, weights)
    smoother = np.column_stack(
        [
            operator.forward((fit := solve_ridge(operator, unit[:, None], weights, 0.2)).blocks)[:, 0] + fit.intercept
            for unit in np.eye(12)
        ]
    )
    assert path.degrees_of_freedom(0.2) == pytest.approx(np.trace(smoother), abs=1e-7)
    assert path.degrees_of_freedom(1e12) == pytest.approx(1.0, abs=1e-6)
    misfit = target - smoother @ target
    score = float(weights @ misfit[:, 0] ** 2) / weights.sum() / (1 - np.trace(smoother) / 12) ** 2
    assert path.generalised_cross_validation(0.2) == pytest.approx(score, rel=1e-6)


class TestIterative:
    def test_a_preconditioner_over_all_rows_is_the_inverse(self) -> None:
        """But for the intercept: a handful of steps are left."""
        operator, target, weights = random_problem()
        weights = np.ones_like(weights)
        solution = solve_ridge_iteratively(
            operator,
            target,
            weights,
            1e-3,
            tolerance=1e-10,
            preconditioner=nystrom_preconditioner(operator, weights, 1e-3, landmarks=40),
        )
        plain = solve_ridge_iteratively(
            operator, target, weights, 1e-3, tolerance=1e-10, preconditioner=lambda blocks: blocks
        )
        assert solution.iterations <= 6 < plain.iterations

    def test_a_start_at_the_solution_is_the_end(self) -> None:
        operator, target, weights = random_problem()
        exact = solve_ridge(operator, target, weights, 0.01)
        again = solve_ridge_iteratively(operator, target, weights, 0.01, tolerance=1e-8, start=exact.blocks)
        assert again.iterations == 0
        np.testing.assert_allclose(again.intercept, exact.intercept, atol=1e-9)

    def test_steps_run_out_and_the_gap_says_so(self) -> None:
        problem = random_problem()
        poor = nystrom_preconditioner(problem[0], problem[2], 1e-4, landmarks=3)
        short = solve_ridge_iteratively(*problem, 1e-4, tolerance=1e-12, max_iterations=2, preconditioner=poor)
        assert short.iterations == 2
        exact = solve_ridge(*problem, 1e-4).certificate.objective
        assert short.certificate.objective - exact > 0
        assert short.certificate.gap >= short.certificate.objective - exact

    def test_rows_are_drawn_by_weight(self) -> None:
        """Rows of next to no weight are no landmarks: what their features are does not matter."""
        operator, _, weights = random_problem()
        weights[20:] = 1e-12
        features = operator.features.array.copy()
        features[20:] *= -7.0
        other = GatedOperator(DenseFeatures(features), operator.patterns)
        blocks = np.random.default_rng(0).standard_normal((8, 5, 2))
        first, second = (nystrom_preconditioner(each, weights, 0.1, landmarks=30)(blocks) for each in (operator, other))
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan])
def test_alpha_is_checked(alpha: float) -> None:
    problem = random_problem(n=5)
    for solve in (solve_ridge, solve_ridge_iteratively):
        with pytest.raises(InvalidInput, match="alpha must be positive"):
            solve(*problem, alpha)
    with pytest.raises(InvalidInput, match="alpha must be positive"):
        RidgePath(*problem).left_out(alpha)


def test_an_overflow_is_named() -> None:
    operator, target, weights = random_problem(n=5)
    huge = GatedOperator(DenseFeatures(operator.features.array * 1e160), operator.patterns)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(InvalidInput, match="not finite"):
        solve_ridge(huge, target, weights, 0.1)


def test_torch_says_the_same() -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    operator, target, weights = random_problem()
    tensors = GatedOperator(DenseFeatures(torch.tensor(operator.features.array)), torch.tensor(operator.patterns))
    y, w = torch.tensor(target), torch.tensor(weights)
    exact = solve_ridge(operator, target, weights, 0.01)
    path = RidgePath(tensors, y, w)
    for solution in (
        solve_ridge(tensors, y, w, 0.01),
        path.solution(0.01),
        solve_ridge_iteratively(tensors, y, w, 0.01, tolerance=1e-14),
    ):
        assert isinstance(solution.blocks, torch.Tensor)
        np.testing.assert_allclose(solution.blocks, exact.blocks, atol=1e-6)
        np.testing.assert_allclose(solution.intercept, exact.intercept, atol=1e-6)
    np.testing.assert_allclose(solve_ridge(tensors, y, w, 0.01).left_out, exact.left_out, atol=1e-4)
    np.testing.assert_allclose(path.left_out(0.01), exact.left_out, atol=1e-4)
