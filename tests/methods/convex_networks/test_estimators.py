"""The four estimators: scikit-learn's contract, and what users meet first."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    ConvexReLURegressorCV,
)
from consilience.methods.convex_networks.network import GatedNetwork, ReluNetwork

# In a process of its own: the run-time type checks of the tests refuse the nonsense that scikit-learn sets.
_ALL_CHECKS = """
import sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
import consilience.methods.convex_networks as room
results = check_estimator(getattr(room, sys.argv[1])(), on_skip=None, on_fail=None)
print([result["check_name"] for result in results if result["status"] not in ("passed", "skipped")])
print(len(results))
"""


@pytest.mark.parametrize(
    "name", ["ConvexReLUClassifier", "ConvexReLURegressor", "ConvexReLUClassifierCV", "ConvexReLURegressorCV"]
)
def test_every_check_of_scikit_learn_passes_and_none_is_excused(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", _ALL_CHECKS, name], capture_output=True, text=True, check=True)
    failed, count = done.stdout.split("\n")[:2]
    assert failed == "[]"
    assert int(count) > 50


@pytest.fixture(scope="module")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    features, labels = load_breast_cancer(return_X_y=True)
    return scale(features), labels


def test_weights_are_repetitions_whatever_the_order(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = cancer[0][:120], cancer[1][:120]
    weights = np.random.default_rng(0).integers(0, 4, size=120)
    weighted = ConvexReLUClassifier(n_gates=20, random_state=0).fit(features, labels, sample_weight=weights)
    order = np.random.default_rng(1).permutation(weights.sum())
    repeated = np.repeat(features, weights, axis=0)[order], np.repeat(labels, weights)[order]
    plain = ConvexReLUClassifier(n_gates=20, random_state=0).fit(*repeated)
    np.testing.assert_array_equal(weighted.gates_.vectors, plain.gates_.vectors)
    np.testing.assert_allclose(weighted.decision_function(features), plain.decision_function(features), rtol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "cg", "tol": 1e-10, "dtype": "float64"},
        {"penalty": "group", "loss": "squared"},
        {"penalty": "group"},
        {"penalty": "columns", "solver": "fista", "max_iter": 50},
        {"penalty": "nuclear", "loss": "squared", "max_iter": 50},
        {"gates": "cross", "rank": 3},
        {"gates": "cross"},
        {"gates": "pca", "rank": 2},
        {"gates": "pair"},
        {"gates": "gaussian"},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_sparse_equals_dense(settings: dict, cancer: tuple[np.ndarray, np.ndarray]) -> None:
    features = np.where(np.abs(cancer[0][:150]) > 0.5, cancer[0][:150], 0.0)
    labels = cancer[1][:150]
    dense = ConvexReLUClassifier(n_gates=15, random_state=0, **settings).fit(features, labels)
    csr = clone(dense).fit(sparse.csr_matrix(features), labels)
    tolerance = 1e-3 if settings.get("dtype") == "float32" else 1e-8
    np.testing.assert_allclose(
        csr.decision_function(sparse.csr_array(features)), dense.decision_function(features), atol=tolerance
    )
    assert dense.score(features, labels) > 0.8


def test_probabilities_are_honest_and_never_contradict_predictions() -> None:
    features, labels = load_digits(return_X_y=True)
    model = ConvexReLUClassifier(n_gates=50, random_state=0).fit(features[:900], labels[:900])
    probabilities = model.predict_proba(features[900:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(features[900:]))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(features[900:])), probabilities, atol=1e-12)

    def surprise(factor: float) -> float:
        scores = factor * model.probability_scale_ * model.decision_function(features[900:])
        scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return -scores[np.arange(len(scores)), labels[900:]].mean()

    assert surprise(1.0) < min(surprise(0.25), surprise(4.0))


def test_iterative_fits_calibrate_on_rows_held_out(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    closed = ConvexReLUClassifier(n_gates=20, random_state=0).fit(*cancer)
    iterative = ConvexReLUClassifier(n_gates=20, solver="cg", random_state=0).fit(*cancer)
    assert 0.5 < iterative.probability_scale_ / closed.probability_scale_ < 2.0


def test_without_calibration_there_are_no_probabilities(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    model = ConvexReLUClassifier(n_gates=5, penalty="group", loss="squared").fit(*cancer)
    assert not hasattr(model, "predict_proba")
    assert hasattr(ConvexReLUClassifier(penalty="group"), "predict_proba")


def test_balanced_classes_weigh_the_same_in_all(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = cancer
    kept = np.concatenate([np.flatnonzero(labels == 0)[:20], np.flatnonzero(labels == 1)])
    balanced = ConvexReLUClassifier(n_gates=10, class_weight="balanced", random_state=0)
    balanced.fit(features[kept], labels[kept])
    counts = np.bincount(labels[kept])
    weights = len(kept) / (2.0 * counts[labels[kept]])
    weighted = ConvexReLUClassifier(n_gates=10, random_state=0).fit(features[kept], labels[kept], sample_weight=weights)
    np.testing.assert_allclose(balanced.decision_function(features), weighted.decision_function(features), rtol=1e-9)
    plain = ConvexReLUClassifier(n_gates=10, random_state=0).fit(features[kept], labels[kept])
    assert np.abs(balanced.decision_function(features) - plain.decision_function(features)).max() > 0.1


def test_names_labels_pipelines_and_searches(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    features = pd.DataFrame(cancer[0], columns=[f"column {index}" for index in range(30)])
    words = np.where(cancer[1], "benign", "malignant")
    model = ConvexReLUClassifier(n_gates=20, random_state=0).fit(features, words)
    assert set(model.predict(features)) == {"benign", "malignant"}
    assert model.feature_names_in_[0] == "column 0"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(features), model.predict(features))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ConvexReLUClassifier(n_gates=10, random_state=0)),
        {"convexreluclassifier__alpha_ratio": [0.1, 0.01]},
        cv=2,
    ).fit(features, words)
    assert search.best_score_ > 0.9
    with pytest.raises(ValueError, match="feature names"):
        model.predict(features.rename(columns={"column 0": "another"}))


def test_a_warm_start_keeps_the_gates_and_begins_where_it_ended(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    model = ConvexReLUClassifier(
        n_gates=20, penalty="group", loss="squared", warm_start=True, tol=1e-6, random_state=None
    ).fit(*cancer)
    gates, steps = model.gates_, model.n_iter_
    model.fit(*cancer)
    np.testing.assert_array_equal(model.gates_.vectors, gates.vectors)
    assert model.n_iter_ < steps / 2


def test_no_gates_is_a_linear_model() -> None:
    features, targets = load_diabetes(return_X_y=True)
    model = ConvexReLURegressor(n_gates=0, alpha_ratio=1e-3).fit(features, targets)
    middle = (features[0] + features[1]) / 2.0
    ends = model.predict(features[:2])
    assert model.predict(middle[None])[0] == pytest.approx(ends.mean(), rel=1e-9)


def test_moving_and_scaling_all_features_together_changes_nothing() -> None:
    features, targets = load_diabetes(return_X_y=True)
    plain = ConvexReLURegressor(n_gates=30, random_state=0).fit(features, targets)
    # The hash that orders samples sees other bytes, so the gates must be given.
    gates = np.column_stack([plain.gates_.vectors[1:], plain.gates_.offsets[1:]])
    moved = np.column_stack([gates[:, :-1], 1000.0 * gates[:, -1] - 5.0 * gates[:, :-1].sum(axis=1)])
    other = ConvexReLURegressor(gates=moved).fit(1000.0 * features + 5.0, targets)
    again = ConvexReLURegressor(gates=gates).fit(features, targets)
    np.testing.assert_allclose(other.predict(1000.0 * features + 5.0), again.predict(features), rtol=1e-6)


def test_several_targets_and_one() -> None:
    features, targets = load_diabetes(return_X_y=True)
    both = np.column_stack([targets, -targets])
    model = ConvexReLURegressor(n_gates=20, random_state=0).fit(features, both)
    assert model.predict(features).shape == both.shape
    np.testing.assert_allclose(model.predict(features)[:, 0], -model.predict(features)[:, 1], rtol=1e-6)
    assert ConvexReLURegressorCV(n_gates=20, random_state=0).fit(features, targets).predict(features).ndim == 1


def test_a_relu_network_is_what_its_program_says(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = cancer[0][:60, :4], cancer[1][:60]
    model = ConvexReLUClassifier(n_gates=6, activation="relu", random_state=0).fit(features, labels)
    assert isinstance(model.network_, ReluNetwork)
    assert isinstance(ConvexReLUClassifier(n_gates=6).fit(features, labels).network_, GatedNetwork)
    residual = model.decision_function(features) - (2.0 * labels - 1.0)
    # The penalty of a network is that of its neurons in the scaled features; the loss is all that is left.
    assert 0.5 * np.mean(residual**2) <= model.objective_
    assert model.global_certificate_.scope == "global upper bound"
    assert model.global_certificate_.dual_bound <= model.dual_bound_ + 1e-12


@pytest.mark.parametrize("estimator", [ConvexReLUClassifier, ConvexReLUClassifierCV])
def test_one_class_is_refused(estimator: type) -> None:
    with pytest.raises(ValueError, match="only one class"):
        estimator().fit(np.eye(4), [1, 1, 1, 1])


def test_a_class_of_weight_zero_is_an_absent_class() -> None:
    with pytest.raises(ValueError, match="only one class"):
        ConvexReLUClassifier().fit(np.eye(4), [0, 0, 1, 1], sample_weight=[1, 1, 0, 0])


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        ([[np.nan], [1.0]], [0, 1], "NaN"),
        ([[np.inf], [1.0]], [0, 1], "infinity"),
        ([["text"], ["more"]], [0, 1], "could not convert"),
        (np.zeros((0, 2)), [], "minimum of 1 is required"),
        ([[1.0], [2.0]], [0.5, 1.5], "Unknown label type"),
        ([[1.0], [2.0], [3.0]], [0, 1], "inconsistent"),
    ],
    ids=["nan", "infinity", "text", "empty", "continuous", "lengths"],
)
def test_data_that_scikit_learn_refuses(features: object, targets: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvexReLUClassifier().fit(features, targets)


def test_labels_of_two_types_are_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        ConvexReLUClassifier().fit(np.eye(2), np.array([1, "one"], dtype=object))


def test_constant_and_duplicate_columns_and_fewer_samples_than_features() -> None:
    rng = np.random.default_rng(0)
    column = rng.standard_normal(12)
    features = np.column_stack([column, column, np.ones(12), rng.standard_normal((12, 20))])
    for gates in ("datum", "cross", "pca", "pair", "gaussian"):
        model = ConvexReLURegressor(n_gates=10, gates=gates, alpha_ratio=1e-6, random_state=0)
        assert model.fit(features, column**2).score(features, column**2) > 0.99


def test_one_sample_and_a_constant_table_give_the_mean() -> None:
    assert ConvexReLURegressor().fit([[1.0, 2.0]], [3.0]).predict([[0.0, 0.0]]) == pytest.approx([3.0])
    constant = ConvexReLURegressorCV().fit(np.ones((4, 2)), [1.0, 2.0, 3.0, 4.0])
    assert constant.predict(np.ones((1, 2))) == pytest.approx([2.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalty": "ridge", "loss": "cross_entropy"}, "takes loss='squared'"),
        ({"solver": "admm"}, "solver must be one of"),
        ({"penalty": "group", "solver": "kernel"}, "solver must be one of"),
        ({"activation": "relu", "penalty": "group"}, "activation='relu' takes"),
        ({"gates": "cross", "rank": 31}, "rank must be at most"),
        ({"gates": np.zeros((2, 3))}, "offsets in the last column"),
        ({"device": "nowhere"}, "not usable here"),
        ({"memory_limit_gib": 1e-4}, "would fit"),
        ({"memory_limit_gib": 1e-3}, "would fit"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together(settings: dict, message: str, cancer: tuple[np.ndarray, np.ndarray]) -> None:
    if "device" in settings:
        pytest.importorskip("torch", reason="without torch the error is another: see below")
    with pytest.raises(InvalidInput, match=message):
        ConvexReLUClassifier(**settings).fit(*cancer)


def test_a_device_without_torch_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, cancer: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"consilience\[torch\]"):
        ConvexReLUClassifier(device="cuda").fit(*cancer)


@pytest.mark.parametrize(("name", "value"), [("n_gates", -1), ("alpha_ratio", 0.0), ("tol", 0.0), ("max_iter", 0)])
def test_parameters_out_of_range(name: str, value: float, cancer: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=name):
        ConvexReLUClassifier(**{name: value}).fit(*cancer)


def test_candidates_must_be_positive(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="alpha_ratios"):
        ConvexReLUClassifierCV(alpha_ratios=[1.0, -1.0]).fit(*cancer)


def test_torch_solves_what_numpy_solves(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("torch", reason="solving on torch needs torch; the array code is the same")
    for settings in ({}, {"solver": "cg", "tol": 1e-10, "dtype": "float64"}, {"penalty": "group", "tol": 1e-6}):
        host = ConvexReLUClassifier(n_gates=10, random_state=0, **settings).fit(*cancer)
        device = ConvexReLUClassifier(n_gates=10, device="cpu", random_state=0, **settings).fit(*cancer)
        np.testing.assert_allclose(
            device.decision_function(cancer[0]), host.decision_function(cancer[0]), atol=2e-4, err_msg=str(settings)
        )
