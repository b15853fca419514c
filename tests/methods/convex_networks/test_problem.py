"""Problems: what "auto" stands for, and what does not go together."""

from typing import Any

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import ADMM_SAMPLES
from consilience.methods.convex_networks.canonical import canonical_samples
from consilience.methods.convex_networks.problem import BIAS, KERNEL_SAMPLES, Settings, check_memory, prepare


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "classifies", "penalty", "loss", "solver"),
        [
            ({}, True, "ridge", "squared", "kernel"),
            ({}, False, "ridge", "squared", "kernel"),
            ({"penalty": "group"}, True, "group", "cross_entropy", "admm"),
            ({"penalty": "group"}, False, "group", "squared", "admm"),
            ({"penalty": "nuclear", "loss": "squared"}, True, "nuclear", "squared", "admm"),
            ({"solver": "cg"}, True, "ridge", "squared", "cg"),
            ({"activation": "relu"}, True, "columns", "squared", "admm"),
        ],
        ids=str,
    )
    def test_what_auto_stands_for(
        self, settings: dict[str, Any], classifies: bool, penalty: str, loss: str, solver: str
    ) -> None:
        resolved = Settings(**settings)
        assert resolved.penalty_name == penalty
        assert resolved.loss_name(classifies=classifies) == loss
        assert resolved.solver_name(100, classifies=classifies) == solver

    @pytest.mark.parametrize(
        ("settings", "samples", "solver"),
        [
            ({}, KERNEL_SAMPLES, "kernel"),
            ({}, KERNEL_SAMPLES + 1, "cg"),
            ({"penalty": "group"}, ADMM_SAMPLES, "admm"),
            ({"penalty": "group"}, ADMM_SAMPLES + 1, "fista"),
        ],
        ids=str,
    )
    def test_many_samples_are_solved_for_without_a_kernel(
        self, settings: dict[str, Any], samples: int, solver: str
    ) -> None:
        assert Settings(**settings).solver_name(samples, classifies=False) == solver

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"penalty": "ridge", "loss": "cross_entropy"}, "use penalty='group' with cross-entropy"),
            ({"solver": "fista"}, r"solver must be one of \('auto', 'kernel', 'cg'\).*got 'fista'"),
            ({"penalty": "group", "solver": "cg"}, r"solver must be one of \('auto', 'admm', 'fista'\).*got 'cg'"),
        ],
        ids=str,
    )
    def test_what_does_not_go_together(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidInput, match=message):
            Settings(**settings).solver_name(10, classifies=True)


def test_features_are_centred_scaled_by_one_number_and_have_a_constant() -> None:
    x = np.array([[0.0, 10.0], [4.0, 10.0], [2.0, 16.0]])
    problem = prepare(canonical_samples(x, x[:, :1], np.ones(3)), Settings(n_gates=5), np.random.default_rng(0))
    features = problem.features("float64")
    assert np.allclose(features[:, :-1].mean(axis=0), 0.0)
    assert np.isclose((features[:, :-1] ** 2).sum(axis=1).mean(), 1.0)
    assert np.all(features[:, -1] == BIAS)
    assert problem.patterns.shape == (3, len(problem.gates.vectors))


def test_memory_beyond_the_limit_is_refused_with_what_would_fit() -> None:
    samples = canonical_samples(np.eye(4), np.arange(4.0)[:, None], np.ones(4))
    check_memory(Settings(n_gates=100, memory_limit_gib=1.0), samples, "it", 2.0**30)
    with pytest.raises(InvalidInput, match=r"it of 100 gates over 4 samples need 2 GiB.*; 50 gates would fit"):
        check_memory(Settings(n_gates=100, memory_limit_gib=1.0), samples, "it", 2.0**31)
