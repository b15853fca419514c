"""Pipelines that end in a convex network convert as a whole."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification, make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.estimators import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    ConvexReLURegressorCV,
)
from consilience.methods.convex_networks.export import register_onnx_converters

skl2onnx = pytest.importorskip("skl2onnx", reason="the onnx extra is not installed")

ESTIMATORS = [ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV]


def converted(estimator: BaseEstimator, n_features: int, **options: Any) -> Any:
    register_onnx_converters(ESTIMATORS)
    inputs = [("X", skl2onnx.common.data_types.DoubleTensorType([None, n_features]))]
    return skl2onnx.convert_sklearn(estimator, initial_types=inputs, **options)


@pytest.mark.parametrize("estimator", ESTIMATORS[:2])
@pytest.mark.parametrize("classes", [np.array(["no", "yes"]), np.array(["a", "b", "c"]), np.array([0, 4, 5])])
def test_a_pipeline_that_ends_in_a_classifier_converts(run_onnx: Any, estimator: Any, classes: np.ndarray) -> None:
    X, y = make_classification(300, 6, n_informative=5, n_redundant=0, n_classes=classes.size, random_state=0)
    pipeline = make_pipeline(StandardScaler(), estimator(n_gates=20, random_state=0)).fit(X, classes[y])
    answers = run_onnx(converted(pipeline, 6, options={"zipmap": False}), X)
    np.testing.assert_array_equal(answers["label"], pipeline.predict(X))
    np.testing.assert_allclose(answers["probabilities"], pipeline.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS[2:])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_a_pipeline_that_ends_in_a_regressor_converts(run_onnx: Any, estimator: Any, n_targets: int) -> None:
    X, y = make_regression(200, 6, n_targets=n_targets, random_state=0)
    pipeline = make_pipeline(StandardScaler(), estimator(n_gates=20, random_state=0)).fit(X, y / y.std())
    answers = run_onnx(converted(pipeline, 6), X)
    np.testing.assert_allclose(answers["variable"], pipeline.predict(X).reshape(-1, n_targets), atol=1e-5)


def test_probabilities_can_come_as_maps_from_labels(run_onnx: Any) -> None:
    X, y = make_classification(60, 4, random_state=0)
    X = X.astype(np.float32)
    model = ConvexReLUClassifier(n_gates=5, random_state=0).fit(X, np.array(["no", "yes"])[y])
    inputs = [("X", skl2onnx.common.data_types.FloatTensorType([None, 4]))]
    register_onnx_converters(ESTIMATORS)
    (first, *_) = run_onnx(skl2onnx.convert_sklearn(model, initial_types=inputs), X)["output_probability"]
    assert first == pytest.approx(dict(zip(["no", "yes"], model.predict_proba(X)[0], strict=True)), abs=1e-5)


def test_a_classifier_without_probabilities_is_refused() -> None:
    X, y = make_classification(60, 4, random_state=0)
    model = ConvexReLUClassifier(n_gates=5, penalty="group", loss="squared", random_state=0).fit(X, y)
    with pytest.raises(InvalidInput, match="must have predict_proba"):
        converted(model, 4)
