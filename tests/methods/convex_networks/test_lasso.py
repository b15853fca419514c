"""The Lasso over a dictionary: against an independent solver, its certificate, its network and its refusals."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.convex_networks.dictionary import NeuronDictionary, enumerate_neurons
from consilience.methods.convex_networks.lasso import solve_lasso

cp = pytest.importorskip("cvxpy", reason="the reference solver is a development dependency")


def problem(seed: int, n_samples: int = 15, n_features: int = 2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    samples = generator.standard_normal((n_samples, n_features))
    return samples, np.abs(samples[:, 0]) + 0.3 * generator.standard_normal(n_samples)


def reference(
    neurons: NeuronDictionary, targets: np.ndarray, alpha: float, weights: np.ndarray, fit_intercept: bool
) -> float:
    coefficients = cp.Variable(neurons.n_neurons)
    intercept = cp.Variable() if fit_intercept else 0.0
    residual = neurons.features() @ coefficients + intercept - targets
    shares = np.sqrt(weights / weights.sum())
    objective = 0.5 * cp.sum_squares(cp.multiply(shares, residual)) + alpha * cp.norm1(coefficients)
    program = cp.Problem(cp.Minimize(objective))
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    return float(program.value)


@pytest.mark.parametrize("seed", range(8))
def test_optimum_agrees_with_cvxpy_and_the_gap_is_a_bound(seed: int) -> None:
    samples, targets = problem(seed)
    bias = seed % 2 == 0
    neurons = enumerate_neurons(samples, bias=bias)
    alpha = 10.0 ** -(1 + seed % 4)
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, len(targets))
    fit = solve_lasso(neurons, targets, alpha, weights=weights, fit_intercept=bias)
    optimum = reference(neurons, targets, alpha, weights, bias)
    assert fit.objective == pytest.approx(optimum, rel=1e-7)
    assert fit.objective - optimum <= fit.gap + 1e-8 * optimum
    assert 0.0 <= fit.gap <= 1e-8 * fit.objective
    assert fit.scope == "global, l1, enumerated"
    assert len(fit.coefficients) <= len(targets) + 1


def test_network_is_the_solution() -> None:
    samples, targets = problem(1)
    neurons = enumerate_neurons(samples)
    fit = solve_lasso(neurons, targets, 0.01)
    network = fit.network()
    outputs = network.decision(samples)[:, 0]
    np.testing.assert_allclose(outputs, neurons.features(fit.active) @ fit.coefficients + fit.intercept, atol=1e-12)
    shared = 0.5 * np.sum(np.abs(network.hidden_weights).sum(axis=1) ** 2) + 0.5 * np.sum(network.output_weights**2)
    assert 0.5 * np.mean((outputs - targets) ** 2) + 0.01 * shared == pytest.approx(fit.objective, rel=1e-12)


def test_neurons_that_do_not_fit_in_memory_enter_by_pricing() -> None:
    samples, targets = problem(2, n_samples=40)
    neurons = enumerate_neurons(samples)
    at_once, priced = (solve_lasso(neurons, targets, 1e-3, memory_limit=limit) for limit in (1 << 28, 1 << 10))
    assert (at_once.n_rounds, priced.n_rounds > 1) == (1, True)
    assert priced.objective == pytest.approx(at_once.objective, rel=1e-8)
    assert priced.gap <= 1e-8 * priced.objective


def test_weight_zero_is_absence_and_weight_two_is_repetition() -> None:
    samples, targets = problem(3)
    neurons = enumerate_neurons(samples)
    weights = np.ones(15)
    weights[:3] = [0.0, 2.0, 2.0]
    repeated = np.repeat(np.arange(15), weights.astype(int))
    absent = NeuronDictionary(
        samples=samples[repeated],
        weights=neurons.weights,
        biases=neurons.biases,
        on_boundary=np.zeros((neurons.n_neurons, 0), dtype=np.int64),
        scope="these neurons",
        biased=True,
    )
    weighted = solve_lasso(neurons, targets, 0.02, weights=weights)
    assert weighted.objective == pytest.approx(solve_lasso(absent, targets[repeated], 0.02).objective, rel=1e-9)


@pytest.mark.parametrize("targets", [np.zeros(15), np.full(15, 3.0)])
def test_constant_targets_need_no_neuron(targets: np.ndarray) -> None:
    fit = solve_lasso(enumerate_neurons(problem(4)[0]), targets, 0.1)
    assert len(fit.coefficients) == 0
    assert (fit.intercept, fit.objective, fit.gap) == (
        pytest.approx(targets[0]),
        pytest.approx(0.0),
        pytest.approx(0.0),
    )


@pytest.mark.parametrize("alpha", [1e-3, 1e-40])
def test_a_constant_that_rounds_needs_no_neuron_at_any_penalty(alpha: float) -> None:
    weights = np.random.default_rng(4).uniform(0.1, 3.0, 15)
    fit = solve_lasso(enumerate_neurons(problem(4)[0]), np.full(15, 0.1), alpha, weights=weights)
    assert (len(fit.coefficients), fit.objective, fit.gap) == (0, 0.0, 0.0)
    assert fit.intercept == pytest.approx(0.1)


def test_bounds_do_not_round_against_the_mean_of_the_targets() -> None:
    samples, targets = problem(7)
    neurons = enumerate_neurons(samples)
    whole = np.round(targets * 2**10) / 2**10  # such numbers stay exact beside a large one
    near, far = (solve_lasso(neurons, whole + mean, 0.01) for mean in (0.0, 2.0**40))
    assert far.objective == pytest.approx(near.objective, rel=1e-9)
    assert far.dual_bound == pytest.approx(near.dual_bound, rel=1e-9)
    assert far.dual_bound <= near.objective * (1.0 + 1e-12)


def test_a_large_penalty_leaves_the_mean() -> None:
    samples, targets = problem(5)
    fit = solve_lasso(enumerate_neurons(samples), targets, 1e3)
    assert len(fit.coefficients) == 0
    assert fit.intercept == pytest.approx(targets.mean())
    assert fit.gap <= 1e-12 * fit.objective


def test_bad_input_is_refused() -> None:
    samples, targets = problem(6)
    neurons = enumerate_neurons(samples)
    with pytest.raises(InvalidInput, match="`alpha` must be positive"):
        solve_lasso(neurons, targets, 0.0)
    with pytest.raises(InvalidInput, match="shape"):
        solve_lasso(neurons, targets[:-1], 1.0)
    with pytest.raises(InvalidInput, match="nonnegative"):
        solve_lasso(neurons, targets, 1.0, weights=-np.ones(15))
    with pytest.raises(InvalidInput, match="imply an output intercept"):
        solve_lasso(neurons, targets, 1.0, fit_intercept=False)
