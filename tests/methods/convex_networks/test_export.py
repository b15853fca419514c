"""The estimators' own exports, on the rows that define their gates and on many others; what is missing is named."""

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from consilience.ground.errors import MissingDependency
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier, ConvexReLURegressor
from consilience.methods.convex_networks.export import register_onnx_converters, to_onnx, to_torch
from consilience.methods.convex_networks.network import GatedNetwork

N_SAMPLES = 10_000

LINEAR = GatedNetwork.linear(np.ones((2, 1)), np.zeros(1))


def edge_rows(estimator: object, X: np.ndarray) -> int:
    """Count the gates that some row lies on, up to the margin that puts it inside."""
    scores = X @ estimator.network_.gate_vectors.T + estimator.network_.gate_offsets  # type: ignore[attr-defined]
    reach = np.linalg.norm(estimator.network_.gate_vectors, axis=1) * np.abs(X).max()  # type: ignore[attr-defined]
    return int((np.abs(scores) < 1e-5 * reach).any(axis=0).sum())


class TestEstimators:
    """The estimators' own exports, on the rows that define their gates and on many others."""

    onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_classifier(self, run_onnx: Any, n_classes: int) -> None:
        X, y = make_classification(N_SAMPLES, 8, n_informative=6, n_classes=n_classes, random_state=0)
        X, labels = X.astype(np.float32).astype(np.float64), np.array(list("abcd"))[y]
        model = ConvexReLUClassifier(n_gates=50, random_state=0).fit(X[:300], labels[:300])
        assert edge_rows(model, X[:300]) > 40
        answers = run_onnx(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_array_equal(answers["label"], model.predict(X))
        np.testing.assert_allclose(answers["probabilities"], model.predict_proba(X), atol=1e-5)
        with self.torch.no_grad():
            decision = model.to_torch()(self.torch.tensor(X, dtype=self.torch.float32)).numpy()
        np.testing.assert_allclose(decision.squeeze(), model.decision_function(X), atol=1e-5)

    def test_regressor(self, run_onnx: Any) -> None:
        X, y = make_regression(N_SAMPLES, 8, random_state=0)
        X, y = X.astype(np.float32).astype(np.float64), np.tanh(y / y.std())
        model = ConvexReLURegressor(n_gates=50, random_state=0).fit(X[:300], y[:300])
        answers = run_onnx(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"][:, 0], model.predict(X), atol=1e-5)

    def test_relu_network(self, run_onnx: Any) -> None:
        X, y = make_regression(60, 3, random_state=0)
        model = ConvexReLURegressor(n_gates=8, activation="relu", random_state=0).fit(X, y / y.std())
        answers = run_onnx(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"][:, 0], model.predict(X), atol=1e-5)


@pytest.mark.parametrize(
    ("package", "module", "call"),
    [
        ("torch", "torch_modules", lambda: to_torch(LINEAR)),
        ("onnx", "onnx_graph", lambda: to_onnx(LINEAR)),
        ("skl2onnx", "onnx_converter", lambda: register_onnx_converters([])),
    ],
)
def test_a_missing_package_is_named(package: str, module: str, call: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"consilience.methods.convex_networks.{module}", raising=False)
    monkeypatch.delattr(f"consilience.methods.convex_networks.{module}", raising=False)
    with pytest.raises(MissingDependency, match=r"install consilience\["):
        call()  # type: ignore[operator]
