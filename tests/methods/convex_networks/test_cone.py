"""The cone program: against an independent solver, feasible, certified, and the network that it says it is."""

from collections.abc import Iterator

import jaxtyping
import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.convex_networks.cells import enumerate_cells
from consilience.methods.convex_networks.cone import solve_cone, solve_cone_columns
from consilience.methods.convex_networks.studies.reference import reference_optimum

pytest.importorskip("cvxpy", reason="the reference solver is a development dependency")


def problem(seed: int, n_samples: int = 40, n_features: int = 3, n_cells: int = 15) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    features = np.column_stack([generator.standard_normal((n_samples, n_features)), np.ones(n_samples)])
    targets = np.abs(features[:, 0]) + np.sin(2 * features[:, 1]) + 0.3 * generator.standard_normal(n_samples)
    patterns = np.unique(features @ generator.standard_normal((n_features + 1, n_cells)) >= 0.0, axis=1)
    return features, patterns, targets


@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("free_bias", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_optimum_agrees_with_cvxpy(seed: int, free_bias: bool, alpha: float) -> None:
    features, patterns, targets = problem(seed)
    fit = solve_cone(features, patterns, targets, alpha, free_bias=free_bias)
    optimum = reference_optimum(features, patterns, targets, alpha, free_bias=free_bias)
    assert fit.objective == pytest.approx(optimum, rel=1e-6)
    assert fit.objective - optimum <= fit.gap + 1e-8 * optimum
    assert fit.gap <= 1e-6 * fit.objective
    assert fit.violation <= 1e-9


@pytest.mark.parametrize("steps", [0, 5, 50, 250])
def test_any_gap_is_a_bound_however_early_the_solver_stops(steps: int) -> None:
    features, patterns, targets = problem(2)
    best = solve_cone(features, patterns, targets, 0.003, tolerance=1e-10)
    early = solve_cone(features, patterns, targets, 0.003, max_iterations=steps)
    assert best.objective * (1.0 - 1e-9) <= early.objective <= best.objective + early.gap + 1e-9
    assert early.dual_bound <= best.objective * (1.0 + 1e-12)
    assert early.global_gap >= early.gap - 1e-12
    assert early.violation <= 1e-9
    assert early.n_iter <= steps


@pytest.mark.parametrize("free_bias", [False, True])
def test_solution_is_a_relu_network_of_the_same_value(free_bias: bool) -> None:
    features, patterns, targets = problem(3)
    fit = solve_cone(features, patterns, targets, 0.01, free_bias=free_bias)
    seen = slice(0, 3) if free_bias else slice(None)
    for constant_column, samples in ((False, features), (True, features[:, :-1])):
        network = fit.network(constant_column=constant_column)
        residual = network.decision(samples)[:, 0] - targets
        inner = np.column_stack([network.hidden_weights, network.hidden_biases])[:, : features.shape[1]]
        penalty = 0.5 * np.sum(inner[:, seen] ** 2) + 0.5 * np.sum(network.output_weights**2)
        assert 0.5 * np.mean(residual**2) + 0.01 * penalty == pytest.approx(fit.objective, rel=1e-9)


def test_all_cells_make_the_optimum_global_and_below_any_sample_of_them() -> None:
    generator = np.random.default_rng(4)
    features, targets = generator.standard_normal((9, 2)), generator.standard_normal(9)
    patterns = enumerate_cells(features).patterns
    whole = solve_cone(features, patterns, targets, 0.01)
    few = solve_cone(features, patterns[:, ::3], targets, 0.01)
    assert whole.objective <= few.objective + 1e-12
    assert few.objective - few.global_gap <= whole.objective


def test_silent_and_repeated_patterns_change_nothing() -> None:
    features, patterns, targets = problem(5)
    padded = np.column_stack([np.zeros(40, dtype=bool), patterns, patterns[:, :2]])
    plain, more = (solve_cone(features, some, targets, 0.01) for some in (patterns, padded))
    assert more.objective == pytest.approx(plain.objective, rel=1e-6)
    assert more.V.shape == (padded.shape[1], 4)
    assert not more.V[0].any()


def test_weight_zero_is_absence_and_weight_two_is_repetition() -> None:
    features, patterns, targets = problem(6)
    weights = np.ones(40)
    weights[:4] = [0.0, 0.0, 2.0, 2.0]
    repeated = np.repeat(np.arange(40), weights.astype(int))
    weighted = solve_cone(features, patterns, targets, 0.01, weights=weights)
    plain = solve_cone(features[repeated], patterns[repeated], targets[repeated], 0.01)
    assert weighted.objective == pytest.approx(plain.objective, rel=1e-6)


def test_hundreds_of_samples_and_many_cells() -> None:
    features, patterns, targets = problem(7, n_samples=250, n_features=4, n_cells=30)
    fit = solve_cone(features, patterns, targets, 0.01)
    assert fit.gap <= 1e-6 * fit.objective
    assert fit.violation <= 1e-9


def test_columns_are_solved_one_by_one() -> None:
    features, patterns, targets = problem(8)
    both = solve_cone_columns(features, patterns, np.column_stack([targets, -targets]), 0.01)
    assert both[0].objective == pytest.approx(both[1].objective, rel=1e-6)
    assert both[0].objective == solve_cone(features, patterns, targets, 0.01).objective


def test_a_large_penalty_or_no_pattern_leaves_the_mean() -> None:
    features, patterns, targets = problem(9)
    for some, alpha in ((patterns, 1e3), (patterns[:, :0], 0.01)):
        fit = solve_cone(features, some, targets, alpha)
        assert not fit.V.any()
        assert not fit.W.any()
        assert fit.intercept == pytest.approx(targets.mean())
        assert fit.gap <= 1e-12
        assert fit.network().n_neurons == 0


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Let bad shapes reach the function, as they do outside the tests."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked_shapes")
def test_shapes_that_disagree_are_refused() -> None:
    features, patterns, targets = problem(10)
    with pytest.raises(InvalidInput, match="one row a sample"):
        solve_cone(features, patterns[:-1], targets, 0.1)


def test_bad_input_is_refused() -> None:
    features, patterns, targets = problem(10)
    with pytest.raises(InvalidInput, match="`alpha` must be positive"):
        solve_cone(features, patterns, targets, -1.0)
    with pytest.raises(InvalidInput, match="finite"):
        solve_cone(np.where(features > 1.0, np.nan, features), patterns, targets, 0.1)
    with pytest.raises(InvalidInput, match="positive sum"):
        solve_cone(features, patterns, targets, 0.1, weights=np.zeros(40))
    with pytest.raises(InvalidInput, match="1 everywhere"):
        solve_cone(2.0 * features, patterns, targets, 0.1, free_bias=True)


@pytest.mark.parametrize("free_bias", [False, True])
@pytest.mark.parametrize("constant", [0.0, 0.1, -3.3e7])
def test_a_constant_target_is_the_constant_network_with_nothing_to_gain(constant: float, free_bias: bool) -> None:
    features, patterns, _ = problem(8)
    weights = np.random.default_rng(8).uniform(0.1, 3.0, len(features))
    fit = solve_cone(features, patterns, np.full(len(features), constant), 0.1, weights=weights, free_bias=free_bias)
    assert (fit.objective, fit.gap, fit.global_gap, fit.n_iter) == (0.0, 0.0, 0.0, 0)
    assert fit.intercept == pytest.approx(constant)
    assert fit.network().n_neurons == 0


def test_a_mean_of_the_targets_moves_the_intercept_alone() -> None:
    features, patterns, targets = problem(9)
    near, far = (solve_cone(features, patterns, targets + mean, 0.01) for mean in (0.0, 1e6))
    assert far.gap <= 1e-6 * far.objective
    assert far.objective == pytest.approx(near.objective, rel=2e-6)
    assert far.intercept - near.intercept == pytest.approx(1e6, rel=1e-9)
