"""Fitting: what "auto" stands for, memory, precision, and networks that are what their programs say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.canonical import Matrix, canonical_samples
from consilience.methods.convex_networks.fitting import fit_network, ridge_alpha, ridge_path
from consilience.methods.convex_networks.network import GatedNetwork, ReluNetwork
from consilience.methods.convex_networks.problem import BIAS, Fit, Problem, Settings, prepare


def random_problem(settings: Settings, *, n: int = 60, c: int = 1, csr: bool = False) -> Problem:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((n, 3)) * (generator.random((n, 3)) < [1.0, 0.7, 0.7]) + 2.0 * (not csr)
    y = np.abs(x[:, :1]) + x[:, 1:2] * np.arange(1, c + 1) + 0.1 * generator.standard_normal((n, c))
    matrix: Matrix = sparse.csr_array(x) if csr else x
    samples = canonical_samples(matrix, y, generator.uniform(0.5, 2.0, n))
    return prepare(samples, settings, np.random.default_rng(1))


def wide_problem(settings: Settings) -> Problem:
    generator = np.random.default_rng(0)
    x = sparse.random_array((30, 2000), density=0.01, format="csr", rng=generator)
    samples = canonical_samples(x, generator.standard_normal((30, 1)), np.ones(30))
    return prepare(samples, settings, np.random.default_rng(1))


def fit(problem: Problem, settings: Settings, **options: Any) -> Fit:
    return fit_network(problem, settings, **{"classifies": False, "generator": np.random.default_rng(2), **options})


class TestProblem:
    @pytest.mark.parametrize("csr", [False, True])
    def test_features_are_centred_and_scaled_by_one_number(self, csr: bool) -> None:
        problem = random_problem(Settings(), csr=csr)
        features, share = problem.features("float64"), problem.cloud.probabilities
        np.testing.assert_allclose(share @ features[:, :-1], 0.0, atol=1e-12)
        assert share @ (features[:, :-1] ** 2).sum(axis=1) == pytest.approx(1.0)
        np.testing.assert_array_equal(features[:, -1], BIAS)
        operator = problem.operator(ridge=True, dtype="float64", device=None)
        np.testing.assert_allclose(operator.features.rows(slice(None)), features, atol=1e-12)

    def test_the_ridge_penalty_means_the_same_for_any_number_of_gates(self) -> None:
        """The gates share one unit of squared scale, the linear part has another."""
        for gates in (0, 10, 50):
            operator = random_problem(Settings(n_gates=gates)).operator(ridge=True, dtype="float64", device=None)
            assert (operator.scales**2).sum() == pytest.approx(2.0 if gates else 1.0)

    @pytest.mark.parametrize("penalty", ["ridge", "group"])
    @pytest.mark.parametrize("csr", [False, True])
    def test_a_network_predicts_what_its_blocks_do(self, penalty: str, csr: bool) -> None:
        settings = Settings(n_gates=15, penalty=penalty)
        problem = random_problem(settings, c=2, csr=csr)
        found = fit(problem, settings)
        operator = problem.operator(ridge=penalty == "ridge", dtype="float64", device=None)
        np.testing.assert_allclose(
            found.network.decision(problem.samples.features),
            operator.forward(found.blocks) + found.network.intercept,
            atol=1e-10,
        )

    def test_given_gates_are_kept(self) -> None:
        settings = Settings(n_gates=15)
        problem = random_problem(settings)
        again = prepare(problem.samples, settings, np.random.default_rng(99), gates=problem.gates)
        np.testing.assert_array_equal(again.patterns, problem.patterns)


class TestFits:
    @pytest.mark.parametrize("ratio", [1e-3, 1.0])
    def test_no_gates_are_an_ordinary_ridge_regression(self, ratio: float) -> None:
        settings = Settings(n_gates=0, alpha_ratio=ratio)
        problem = random_problem(settings)
        found = fit(problem, settings)
        x, samples = problem.features("float64")[:, :-1], problem.samples
        ordinary = Ridge(alpha=found.alpha * samples.weights.sum())
        ordinary.fit(x, samples.targets, sample_weight=samples.weights)
        np.testing.assert_allclose(
            found.network.decision(samples.features).ravel(), ordinary.predict(x).ravel(), atol=1e-8
        )

    def test_alpha_overrides_its_ratio(self) -> None:
        settings = Settings(n_gates=10)
        problem = random_problem(settings)
        operator = problem.operator(ridge=True, dtype="float64", device=None)
        alpha = ridge_alpha(operator, problem.samples.weights, settings.alpha_ratio)
        by_ratio, by_value = fit(problem, settings), fit(problem, replace(settings, alpha=alpha, alpha_ratio=7.0))
        assert by_ratio.alpha == by_value.alpha == pytest.approx(alpha)
        np.testing.assert_array_equal(by_ratio.network.weights, by_value.network.weights)

    def test_closed_form_path_and_iterations_agree(self) -> None:
        settings = Settings(n_gates=10, dtype="float64", tolerance=1e-12)
        problem = random_problem(settings)
        exact = fit(problem, settings)
        iterative = fit(problem, replace(settings, solver="cg"))
        path, _, _ = ridge_path(problem, settings)
        np.testing.assert_allclose(iterative.network.weights, exact.network.weights, atol=1e-5)
        np.testing.assert_allclose(path.solution(exact.alpha).blocks, exact.blocks, atol=1e-7)

    def test_the_same_generator_gives_the_same_bits(self) -> None:
        for options in ({}, {"penalty": "group"}, {"solver": "cg"}):
            settings = Settings(n_gates=10, **options)
            first, second = (fit(random_problem(settings), settings) for _ in range(2))
            np.testing.assert_array_equal(first.network.weights, second.network.weights)
            assert first.certificate == second.certificate

    @pytest.mark.parametrize("penalty", ["ridge", "group"])
    def test_single_precision_is_certified_in_double(self, penalty: str) -> None:
        settings = Settings(n_gates=10, penalty=penalty, tolerance=1e-4)
        problem = random_problem(settings)
        double, single = fit(problem, settings), fit(problem, replace(settings, dtype="float32"))
        assert single.blocks.dtype == np.float32
        assert single.network.weights.dtype == np.float64
        assert single.certificate.dual_bound <= double.certificate.objective * (1 + 1e-4)
        assert single.certificate.objective == pytest.approx(double.certificate.objective, rel=1e-3)

    @pytest.mark.parametrize("solver", ["kernel", "cg"])
    def test_certificates_of_single_precision_are_numbers_of_double(self, solver: str) -> None:
        settings = Settings(n_gates=10, solver=solver, dtype="float32", tolerance=1e-6)
        problem = random_problem(settings)
        found = fit(problem, settings)
        operator = problem.operator(ridge=True, dtype="float64", device=None)
        blocks, share = found.blocks.astype(np.float64), problem.cloud.probabilities[:, None]
        rest = problem.samples.targets - operator.forward(blocks)
        rest -= (share * rest).sum(axis=0)
        objective = 0.5 * (share * rest**2).sum() + 0.5 * found.alpha * (blocks**2).sum()
        assert found.certificate.objective == pytest.approx(objective, rel=1e-13)
        optimum = fit(problem, replace(settings, solver="kernel", dtype="float64")).certificate
        assert found.certificate.dual_bound <= optimum.objective * (1 + 1e-13)

    def test_a_start_is_used(self) -> None:
        settings = Settings(n_gates=10, penalty="group", tolerance=1e-6)
        problem = random_problem(settings)
        cold = fit(problem, settings)
        assert fit(problem, settings, start=cold.blocks).iterations < cold.iterations

    @pytest.mark.parametrize("solver", ["kernel", "cg"])
    def test_one_distinct_sample_of_two_classes(self, solver: str) -> None:
        """Nothing can be held out, and nothing is left to fit but the mean."""
        settings = Settings(n_gates=5, solver=solver)
        samples = canonical_samples(np.ones((4, 2)), np.array([[-1.0], [1.0], [1.0], [1.0]]), np.ones(4))
        found = fit(prepare(samples, settings, np.random.default_rng(0)), settings, classifies=True)
        np.testing.assert_allclose(found.network.decision(np.zeros((1, 2))), 0.5, atol=1e-6)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"solver": "cg"},
            {"penalty": "group"},
            {"penalty": "group", "solver": "fista"},
            {"activation": "relu", "n_gates": 5},
        ],
        ids=str,
    )
    def test_targets_far_from_zero_are_fitted_and_certified_all_the_same(self, options: dict[str, Any]) -> None:
        """A year, or a price in cents: neither single precision nor a dual bound may round against the mean."""
        settings = Settings(**{"n_gates": 10, **options})
        problem = random_problem(settings)
        far = replace(problem, samples=replace(problem.samples, targets=problem.samples.targets + 1e8))
        near_fit, far_fit = fit(problem, settings), fit(far, settings)
        x = problem.samples.features
        np.testing.assert_allclose(far_fit.network.decision(x) - 1e8, near_fit.network.decision(x), atol=1e-4)
        assert far_fit.certificate.objective == pytest.approx(near_fit.certificate.objective, rel=1e-4)
        assert far_fit.certificate.dual_bound <= near_fit.certificate.objective * (1 + 1e-6)
        if far_fit.left_out is not None:
            np.testing.assert_allclose(far_fit.left_out - 1e8, near_fit.left_out, atol=1e-4)

    def test_cross_entropy_is_for_classifiers(self) -> None:
        settings = Settings(n_gates=5, penalty="group", loss="cross_entropy")
        with pytest.raises(InvalidInput, match="for classifiers; use loss='squared'"):
            fit(random_problem(settings), settings)

    def test_a_constant_target(self) -> None:
        for options in ({}, {"penalty": "group"}, {"solver": "cg"}, {"activation": "relu"}):
            settings = Settings(n_gates=5, **options)
            problem = random_problem(settings)
            constant = replace(problem, samples=replace(problem.samples, targets=np.full((60, 1), 3.0)))
            found = fit(constant, settings)
            np.testing.assert_allclose(found.network.decision(problem.samples.features), 3.0, rtol=1e-5)


class TestRelu:
    def test_the_network_is_what_its_program_says(self) -> None:
        """The loss of the predictions and the neurons' norms add up to the objective that is certified."""
        settings = Settings(n_gates=8, activation="relu", alpha_ratio=0.1, tolerance=1e-6)
        problem = random_problem(settings, n=25, c=2)
        found = fit(problem, settings)
        network, samples = found.network, problem.samples
        assert isinstance(network, ReluNetwork)
        share = samples.weights / samples.weights.sum()
        misfit = ((network.decision(samples.features) - samples.targets) ** 2).sum(axis=1)
        # Back in the features of the program, where the penalty is: scaled, centred, with the bias column.
        inner = network.hidden_weights * problem.scale
        constant = (network.hidden_biases + network.hidden_weights @ problem.cloud.centre) / BIAS
        norms = np.linalg.norm(np.column_stack([inner, constant]), axis=1)
        decay = (norms * np.linalg.norm(network.output_weights, axis=1)).sum()
        assert 0.5 * share @ misfit + found.alpha * decay == pytest.approx(found.certificate.objective, rel=1e-8)
        assert found.certificate.relative_gap <= 1e-6
        assert found.global_certificate is not None
        assert found.global_certificate.dual_bound <= found.certificate.dual_bound

    def test_the_gated_program_is_looser(self) -> None:
        """With the same cells and penalty a gated network is never worse, and is another network."""
        settings = Settings(n_gates=8, activation="relu", tolerance=1e-6)
        problem = random_problem(settings, n=25)
        relu = fit(problem, settings)
        gated = fit(problem, replace(settings, activation="gated", penalty="columns", alpha=relu.alpha))
        assert isinstance(gated.network, GatedNetwork)
        assert gated.certificate.dual_bound <= relu.certificate.objective

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"penalty": "ridge"}, "takes penalty='columns' and loss='squared'; got penalty='ridge'"),
            ({"loss": "cross_entropy"}, "got penalty='columns' and loss='cross_entropy'"),
            ({"device": "cpu"}, "runs on numpy only; use device=None"),
        ],
        ids=str,
    )
    def test_what_it_does_not_take(self, settings: dict[str, Any], message: str) -> None:
        relu = Settings(n_gates=5, activation="relu", **settings)
        with pytest.raises(InvalidInput, match=message):
            fit(random_problem(relu), relu)


class TestMemory:
    @pytest.mark.parametrize(
        ("settings", "gib", "message"),
        [
            ({}, 9e-5, r"gate kernel of 60 distinct samples needs .*; \d+ samples would fit, or use solver='cg'"),
            ({"penalty": "group"}, 7e-5, r"\d+ samples would fit, or use solver='fista'"),
            ({"solver": "cg"}, 1.1e-5, r"gates of 4 x 1 coefficients over 60 samples need .*; \d+ gates would fit"),
            ({}, 1e-6, r"the gate patterns of 20 gates over 60 samples need .*; \d+ gates would fit"),
            ({"activation": "relu"}, 5e-5, r"the cone program of 20 gates over 60 samples need"),
        ],
        ids=str,
    )
    def test_the_message_says_what_would_fit(self, settings: dict[str, Any], gib: float, message: str) -> None:
        short = Settings(n_gates=20, memory_limit_gib=gib, **settings)
        with pytest.raises(InvalidInput, match=message):
            fit(random_problem(short), short)

    @pytest.mark.parametrize("path", [False, True])
    def test_coefficients_of_wide_sparse_samples_count_in_the_closed_form(self, path: bool) -> None:
        settings = Settings(n_gates=20, gates="gaussian", memory_limit_gib=1.1e-3)
        problem = wide_problem(settings)
        with pytest.raises(InvalidInput, match=r"gates of 2001 x 1 coefficients over 30 samples need .* gates would"):
            _ = ridge_path(problem, settings) if path else fit(problem, settings)

    @pytest.mark.parametrize("gates", ["cross", "pca"])
    def test_dense_moments_of_wide_sparse_samples_count(self, gates: str) -> None:
        with pytest.raises(
            InvalidInput, match=r"axes of 2000 sparse features need .* features would fit, or use gates="
        ):
            wide_problem(Settings(n_gates=20, gates=gates, memory_limit_gib=0.1))

    def test_points_that_gates_pass_through_count(self) -> None:
        with pytest.raises(InvalidInput, match=r"20 gates in 2000 features need .*; \d+ gates would fit"):
            wide_problem(Settings(n_gates=20, memory_limit_gib=1e-3))

    def test_what_would_fit_fits(self) -> None:
        short = Settings(n_gates=2000, memory_limit_gib=2e-5)
        with pytest.raises(InvalidInput) as caught:
            random_problem(short)
        fits = int(str(caught.value).split(";")[1].split()[0])
        assert 0 < fits < 2000
        random_problem(replace(short, n_gates=fits))
