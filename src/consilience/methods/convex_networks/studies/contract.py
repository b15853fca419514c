"""The contract: scikit-learn's own checks, sparse as dense, seeds to the bit, exports that agree on boundary rows."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.estimators import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    ConvexReLURegressorCV,
)

_MOST_DIFFERENCE = 1e-5
_MOST_SPARSE_DIFFERENCE = 1e-10
_TIMED_ROWS = 5000


def contract(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.contract``.

    Parameters
    ----------
    config : Config
        ``contract_rows`` and ``n_gates`` are read.
    streams : Streams
        Draw rows and seeds of models.
    folder : RunFolder
        Unused: there is nothing to draw.

    Returns
    -------
    Evidence
        Counts of failed checks and differences, each with its bar. What needs torch or onnxruntime is not measured
        where they are not installed.
    """
    del folder
    seed = streams.integer("models") % 2**31
    with threadpool_limits(1):
        outcomes = {_name(estimator): _checked(estimator) for estimator in _estimators(seed)}
        model, rows = _digits_model(config, seed, streams.generator("rows"))
        measurements = (
            *_check_measurements(outcomes),
            Measurement(
                name="largest difference of decisions, CSR minus dense",
                value=_sparse_difference(seed),
                at_most=_MOST_SPARSE_DIFFERENCE,
            ),
            Measurement(name="bits that differ between fits of one seed", value=_different_bits(seed), at_most=0.0),
            *_export_measurements(model, rows, _torch_decisions, "torch"),
            *_export_measurements(model, rows, _onnx_decisions, "ONNX"),
            Measurement(
                name="changed predictions: pickle, clone, pipeline, grid search, data frame, labels",
                value=_changed_round_trips(seed),
                at_most=0.0,
            ),
            Measurement(
                name="rows predicted a second, 64 features, 10 classes", value=_rows_a_second(model), timing=True
            ),
        )
    return Evidence(measurements=measurements, tables=(_table(outcomes),), seeds=(seed,))


def _estimators(seed: int) -> tuple[BaseEstimator, ...]:
    """Return the four estimators as they come, then two with other penalties."""
    return (
        ConvexReLUClassifier(random_state=seed),
        ConvexReLURegressor(random_state=seed),
        ConvexReLUClassifierCV(random_state=seed),
        ConvexReLURegressorCV(random_state=seed),
        ConvexReLUClassifier(n_gates=20, penalty="group", loss="squared", tol=1e-9, random_state=seed),
        ConvexReLURegressor(n_gates=20, penalty="group", tol=1e-9, random_state=seed),
    )


def _name(estimator: Any) -> str:
    penalty = getattr(estimator, "penalty", "auto")
    return type(estimator).__name__ + ("" if penalty == "auto" else f"(penalty={penalty!r})")


def _checked(estimator: BaseEstimator) -> dict[str, str]:
    """Run all of scikit-learn's checks, none expected to fail; return the outcome of each."""
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    return {f"{index}: {result['check_name']}": result["status"] for index, result in enumerate(results)}


def _check_measurements(outcomes: dict[str, dict[str, str]]) -> tuple[Measurement, ...]:
    plain = [_failed(checks) for name, checks in outcomes.items() if "penalty" not in name]
    others = [_failed(checks) for name, checks in outcomes.items() if "penalty" in name]
    weights = [
        status for checks in outcomes.values() for name, status in checks.items() if "sample_weight_equivalence" in name
    ]
    return (
        Measurement(
            name="failed checks of sklearn.check_estimator, four estimators, none excused",
            value=float(sum(map(len, plain))),
            at_most=0.0,
            note="the check of array API input is skipped by scikit-learn unless SCIPY_ARRAY_API is set",
        ),
        Measurement(
            name="failed checks with penalty='group'",
            value=float(sum(map(len, others))),
            note="; ".join(name for failed in others for name in failed)
            + " (a penalty relative to alpha_max shrinks with the weight of the classes that it should ignore)"
            if any(others)
            else "",
        ),
        Measurement(
            name="checks of sample weights as repetitions, dense and sparse, that passed",
            value=100.0 * float(np.mean([status == "passed" for status in weights])),
            at_least=100.0,
            unit="%",
        ),
    )


def _failed(checks: dict[str, str]) -> list[str]:
    return [name for name, status in checks.items() if status in {"failed", "xfail"}]


def _table(outcomes: dict[str, dict[str, str]]) -> Table:
    rows = []
    for name, checks in outcomes.items():
        count = Counter(checks.values())
        rows.append((name, count["passed"], count["failed"], count["xfail"], count["skipped"]))
    return Table(
        title="scikit-learn's checks",
        columns=("estimator", "passed", "failed", "expected to fail", "skipped"),
        rows=tuple(rows),
    )


def _digits_model(config: Config, seed: int, generator: np.random.Generator) -> tuple[ConvexReLUClassifier, np.ndarray]:
    """Fit digits, and return rows of which half are samples that gates pass through."""
    features, labels = load_digits(return_X_y=True)
    model = ConvexReLUClassifier(n_gates=config.n_gates, random_state=seed).fit(features, labels)
    gates = model.gates_
    scores = np.abs(features @ gates.vectors[1:].T + gates.offsets[1:])
    closest = features[np.argmin(scores, axis=0)]
    half = config.contract_rows // 2
    boundary = closest[generator.integers(len(closest), size=half)]
    inside = features[generator.integers(len(features), size=config.contract_rows - half)]
    return model, np.concatenate([boundary, inside + generator.normal(scale=0.5, size=inside.shape)])


def _export_measurements(
    model: ConvexReLUClassifier,
    rows: np.ndarray,
    export: Callable[[ConvexReLUClassifier, np.ndarray], np.ndarray],
    runtime: str,
) -> tuple[Measurement, ...]:
    # Exports take single precision; the model is asked about the very same rows.
    rows = rows.astype(np.float32).astype(np.float64)
    difference = f"largest difference of decisions, {runtime}, on boundary rows too"
    agreement = f"labels that agree, {runtime}"
    try:
        decisions = export(model, rows)
    except MissingDependency as error:
        return tuple(
            Measurement(name=name, value=None, at_most=at_most, at_least=at_least, unit=unit, note=str(error))
            for name, at_most, at_least, unit in (
                (difference, _MOST_DIFFERENCE, None, ""),
                (agreement, None, 100.0, "%"),
            )
        )
    expected = model.decision_function(rows)
    return (
        Measurement(name=difference, value=float(np.abs(decisions - expected).max()), at_most=_MOST_DIFFERENCE),
        Measurement(
            name=agreement,
            value=100.0 * float(np.mean(decisions.argmax(axis=1) == expected.argmax(axis=1))),
            at_least=100.0,
            unit="%",
        ),
    )


def _torch_decisions(model: ConvexReLUClassifier, rows: np.ndarray) -> np.ndarray:
    module = model.to_torch(precision="float64")
    torch = import_module("torch")
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(rows)).numpy())


def _onnx_decisions(model: ConvexReLUClassifier, rows: np.ndarray) -> np.ndarray:
    proto = model.to_onnx()
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependency("running an ONNX model needs onnxruntime; install consilience[onnx].") from error
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (decisions,) = session.run(["decision"], {session.get_inputs()[0].name: rows.astype(np.float32)})
    return np.asarray(decisions)


def _sparse_difference(seed: int) -> float:
    """Fit a sparse table both ways; return the largest difference of all decisions."""
    features, labels = load_digits(return_X_y=True)
    worst = 0.0
    for model in (
        ConvexReLUClassifier(random_state=seed),
        ConvexReLUClassifier(n_gates=20, penalty="group", loss="squared", tol=1e-2, random_state=seed),
    ):
        dense = model.fit(features[:600], labels[:600])
        csr = clone(model).fit(sparse.csr_array(features[:600]), labels[:600])
        difference = dense.decision_function(features) - csr.decision_function(sparse.csr_array(features))
        worst = max(worst, float(np.abs(difference).max()))
    return worst


def _different_bits(seed: int) -> float:
    features, labels = load_breast_cancer(return_X_y=True)
    first, second = (
        ConvexReLUClassifier(random_state=seed).fit(features, labels).decision_function(features) for _ in range(2)
    )
    return float(np.bitwise_count(first.view(np.uint64) ^ second.view(np.uint64)).sum())


def _changed_round_trips(seed: int) -> float:
    features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    scaled = pd.DataFrame(StandardScaler().fit_transform(features), columns=features.columns)
    words = np.asarray(["benign" if label else "malignant" for label in labels])
    model = ConvexReLUClassifier(n_gates=50, random_state=seed).fit(scaled, words)
    expected = model.predict(scaled)
    piped = make_pipeline(StandardScaler(), clone(model)).fit(features, words)
    search = GridSearchCV(clone(model), {"alpha_ratio": [model.alpha_ratio]}, cv=2).fit(scaled, words)
    others = (
        pickle.loads(pickle.dumps(model)).predict(scaled),  # noqa: S301 - bytes made one line before
        clone(model).fit(scaled, words).predict(scaled),
        piped.predict(features),
        search.predict(scaled),
        clone(model).fit(scaled.to_numpy(), words).predict(scaled.to_numpy()),
        np.where(clone(model).fit(scaled, labels).predict(scaled), "benign", "malignant"),
    )
    return float(sum(bool(np.any(other != expected)) for other in others))


def _rows_a_second(model: ConvexReLUClassifier) -> float:
    features, _ = load_digits(return_X_y=True)
    rows = np.resize(features, (_TIMED_ROWS, features.shape[1]))
    model.predict(rows)
    began = time.process_time()
    model.predict(rows)
    return _TIMED_ROWS / max(time.process_time() - began, 1e-9)
