"""Exports agree with the network they came from, on samples that define gates as on any other."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import make_classification, make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier, ConvexReLURegressor
from consilience.methods.convex_networks.export import register_onnx_converters, to_onnx, to_torch
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink, ReluNetwork

N_SAMPLES = 10_000


def network_through_samples(n_outputs: int, n_features: int = 12, n_gates: int = 30) -> tuple[GatedNetwork, np.ndarray]:
    """A network whose gates pass through data, and samples in single precision that begin with those data."""
    generator = np.random.default_rng(n_outputs)
    X = generator.normal(size=(N_SAMPLES, n_features)).astype(np.float32).astype(np.float64)
    vectors = generator.normal(size=(n_gates, n_features))
    margins = 1e-7 * np.linalg.norm(vectors, axis=1) * np.abs(X).max()
    network = GatedNetwork(
        gate_vectors=vectors,
        gate_offsets=margins - np.einsum("gd,gd->g", vectors, X[:n_gates]),
        weights=generator.normal(size=(n_gates, n_features, n_outputs)) / n_gates,
        biases=generator.normal(size=(n_gates, n_outputs)) / n_gates,
        intercept=generator.normal(size=n_outputs),
    )
    assert network.active(X[:n_gates]).diagonal().all()
    return network, X


def relu_network(n_outputs: int, n_features: int = 12) -> ReluNetwork:
    generator = np.random.default_rng(0)
    return ReluNetwork(
        hidden_weights=generator.normal(size=(20, n_features)),
        hidden_biases=generator.normal(size=20),
        output_weights=generator.normal(size=(20, n_outputs)) / 20,
        intercept=generator.normal(size=n_outputs),
    )


def run(model: object, X: np.ndarray) -> dict[str, np.ndarray]:
    runtime = pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined]
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, {"X": X}), strict=True))


class TestTorch:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")

    @pytest.mark.parametrize(("n_outputs", "n_features", "n_gates"), [(1, 12, 30), (4, 12, 30), (3, 40, 20)])
    def test_gated_parity(self, n_outputs: int, n_features: int, n_gates: int) -> None:
        network, X = network_through_samples(n_outputs, n_features, n_gates)
        module = to_torch(network)
        with self.torch.no_grad():
            outputs = module(self.torch.tensor(X, dtype=self.torch.float32)).numpy()
        assert outputs.dtype == np.float32
        np.testing.assert_allclose(outputs, network.decision(X), atol=1e-5)

    def test_gates_keep_their_precision_when_the_module_is_narrowed(self) -> None:
        network, _ = network_through_samples(2)
        module = to_torch(network).half()
        assert module.gate_vectors.dtype == self.torch.float64
        np.testing.assert_array_equal(module.gate_offsets.numpy(), network.gate_offsets)
        assert module.weights.dtype == self.torch.float16

    def test_linear_maps_can_be_trained_and_gates_cannot(self) -> None:
        network, X = network_through_samples(1)
        module = to_torch(network)
        module(self.torch.tensor(X[:8])).sum().backward()
        assert {name for name, _ in module.named_parameters()} == {"weights", "biases", "intercept"}
        assert all(parameter.grad is not None for parameter in module.parameters())

    def test_relu_becomes_plain_layers(self) -> None:
        network = relu_network(3)
        _, X = network_through_samples(1)
        module = to_torch(network, precision="float64")
        assert [type(layer).__name__ for layer in module] == ["Linear", "ReLU", "Linear"]
        with self.torch.no_grad():
            np.testing.assert_allclose(module(self.torch.tensor(X)).numpy(), network.decision(X), atol=1e-12)


class TestOnnx:
    onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")

    @pytest.mark.parametrize("classes", [np.array(["no", "yes"]), np.array([3, 1, 7, 9]), np.array(["a", "ü", "c"])])
    @pytest.mark.parametrize("input_precision", ["float32", "float64"])
    def test_classifier_parity(self, classes: np.ndarray, input_precision: str) -> None:
        n_outputs = 1 if classes.size == 2 else classes.size
        network, X = network_through_samples(n_outputs)
        link = ProbabilityLink(scale=1.7, bias=np.linspace(-1, 1, n_outputs))
        model = to_onnx(network, classes=classes, probabilities=link, input_precision=input_precision)  # type: ignore[arg-type]
        answers = run(model, X.astype(input_precision))
        decision = network.decision(X)
        chosen = (decision[:, 0] > 0).astype(int) if n_outputs == 1 else decision.argmax(axis=1)
        np.testing.assert_array_equal(answers["label"], classes[chosen])
        np.testing.assert_allclose(answers["decision"], decision, atol=1e-5)
        np.testing.assert_allclose(answers["probabilities"], link.probabilities(decision), atol=1e-5)

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_regressor_parity(self, precision: str) -> None:
        network, X = network_through_samples(2)
        answers = run(to_onnx(network, precision=precision), X.astype(np.float32))  # type: ignore[arg-type]
        np.testing.assert_allclose(answers["prediction"], network.decision(X), atol=1e-5)

    def test_a_network_without_gates_is_its_intercept(self) -> None:
        network, X = network_through_samples(2)
        empty = replace(network, weights=np.zeros_like(network.weights), biases=np.zeros_like(network.biases)).prune()
        answers = run(to_onnx(empty), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"], np.tile(network.intercept, (N_SAMPLES, 1)), atol=1e-6)

    def test_relu_parity(self) -> None:
        network = relu_network(2)
        _, X = network_through_samples(1)
        answers = run(to_onnx(network), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"], network.decision(X), atol=1e-5)

    def test_standard_operators_only(self) -> None:
        network, _ = network_through_samples(3)
        model = to_onnx(network, classes=np.arange(3), probabilities=ProbabilityLink(scale=1.0, bias=np.zeros(3)))
        assert {node.domain for node in model.graph.node} == {""}
        assert [opset.domain for opset in model.opset_import] == [""]

    def test_labels_that_do_not_fit_are_refused(self) -> None:
        network, _ = network_through_samples(3)
        with pytest.raises(InvalidInput, match=r"must hold 3 labels .* got 2"):
            to_onnx(network, classes=np.arange(2))


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """The least a classifier must have to be converted."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "NetworkClassifier":
        self.classes_ = np.unique(y)
        n_outputs = 1 if self.classes_.size == 2 else self.classes_.size
        self.network_, _ = network_through_samples(n_outputs, X.shape[1])
        self.probability_scale_, self.probability_bias_ = 1.5, np.linspace(0, 1, n_outputs)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        link = ProbabilityLink(scale=self.probability_scale_, bias=self.probability_bias_)
        return link.probabilities(self.network_.decision(X))


class NetworkRegressor(RegressorMixin, BaseEstimator):
    """The least a regressor must have to be converted."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "NetworkRegressor":
        self.network_, _ = network_through_samples(y.shape[1], X.shape[1])
        return self


class TestPipelines:
    skl2onnx = pytest.importorskip("skl2onnx", reason="the onnx extra is not installed")

    @pytest.mark.parametrize("classes", [np.array(["no", "yes"]), np.array(["a", "b", "c"]), np.array([0, 4, 5])])
    def test_a_pipeline_that_ends_in_a_classifier_converts(self, classes: np.ndarray) -> None:
        register_onnx_converters([NetworkClassifier, NetworkRegressor])
        X = np.random.default_rng(5).normal(3.0, 2.0, size=(500, 6))
        pipeline = make_pipeline(StandardScaler(), NetworkClassifier()).fit(X, np.resize(classes, len(X)))
        inputs = [("X", self.skl2onnx.common.data_types.DoubleTensorType([None, 6]))]
        model = self.skl2onnx.convert_sklearn(pipeline, initial_types=inputs, options={"zipmap": False})
        answers = run(model, X)
        head = pipeline[-1]
        decision = head.network_.decision(pipeline[0].transform(X))
        chosen = (decision[:, 0] > 0).astype(int) if classes.size == 2 else decision.argmax(axis=1)
        np.testing.assert_array_equal(answers["label"], classes[chosen])
        np.testing.assert_allclose(answers["probabilities"], pipeline.predict_proba(X), atol=1e-5)

    def test_a_pipeline_that_ends_in_a_regressor_converts(self) -> None:
        register_onnx_converters([NetworkRegressor])
        X = np.random.default_rng(5).normal(3.0, 2.0, size=(500, 6))
        pipeline = make_pipeline(StandardScaler(), NetworkRegressor()).fit(X, np.ones((500, 2)))
        inputs = [("X", self.skl2onnx.common.data_types.DoubleTensorType([None, 6]))]
        answers = run(self.skl2onnx.convert_sklearn(pipeline, initial_types=inputs), X)
        expected = pipeline[-1].network_.decision(pipeline[0].transform(X))
        np.testing.assert_allclose(answers["variable"], expected, atol=1e-5)


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
    def test_classifier(self, n_classes: int) -> None:
        X, y = make_classification(N_SAMPLES, 8, n_informative=6, n_classes=n_classes, random_state=0)
        X, labels = X.astype(np.float32).astype(np.float64), np.array(list("abcd"))[y]
        model = ConvexReLUClassifier(n_gates=50, random_state=0).fit(X[:300], labels[:300])
        assert edge_rows(model, X[:300]) > 40
        answers = run(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_array_equal(answers["label"], model.predict(X))
        np.testing.assert_allclose(answers["probabilities"], model.predict_proba(X), atol=1e-5)
        with self.torch.no_grad():
            decision = model.to_torch()(self.torch.tensor(X, dtype=self.torch.float32)).numpy()
        np.testing.assert_allclose(decision.squeeze(), model.decision_function(X), atol=1e-5)

    def test_regressor(self) -> None:
        X, y = make_regression(N_SAMPLES, 8, random_state=0)
        X, y = X.astype(np.float32).astype(np.float64), np.tanh(y / y.std())
        model = ConvexReLURegressor(n_gates=50, random_state=0).fit(X[:300], y[:300])
        answers = run(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"][:, 0], model.predict(X), atol=1e-5)

    def test_relu_network(self) -> None:
        X, y = make_regression(60, 3, random_state=0)
        model = ConvexReLURegressor(n_gates=8, activation="relu", random_state=0).fit(X, y / y.std())
        answers = run(model.to_onnx(), X.astype(np.float32))
        np.testing.assert_allclose(answers["prediction"][:, 0], model.predict(X), atol=1e-5)

    def test_pipeline(self) -> None:
        skl2onnx = pytest.importorskip("skl2onnx", reason="the onnx extra is not installed")
        register_onnx_converters([ConvexReLUClassifier])
        X, y = make_classification(400, 8, random_state=0)
        pipeline = make_pipeline(StandardScaler(), ConvexReLUClassifier(n_gates=20, random_state=0)).fit(X, y)
        inputs = [("X", skl2onnx.common.data_types.DoubleTensorType([None, 8]))]
        answers = run(skl2onnx.convert_sklearn(pipeline, initial_types=inputs, options={"zipmap": False}), X)
        np.testing.assert_array_equal(answers["label"], pipeline.predict(X))
        np.testing.assert_allclose(answers["probabilities"], pipeline.predict_proba(X), atol=1e-5)

    def test_a_pipeline_without_probabilities_is_refused(self) -> None:
        skl2onnx = pytest.importorskip("skl2onnx", reason="the onnx extra is not installed")
        register_onnx_converters([ConvexReLUClassifier])
        X, y = make_classification(60, 4, random_state=0)
        model = ConvexReLUClassifier(n_gates=5, penalty="group", loss="squared", random_state=0).fit(X, y)
        inputs = [("X", skl2onnx.common.data_types.DoubleTensorType([None, 4]))]
        with pytest.raises(InvalidInput, match="must have predict_proba"):
            skl2onnx.convert_sklearn(model, initial_types=inputs)


@pytest.mark.parametrize(
    ("package", "module", "call"),
    [
        ("torch", "torch_modules", lambda: to_torch(relu_network(1))),
        ("onnx", "onnx_graph", lambda: to_onnx(relu_network(1))),
        ("skl2onnx", "onnx_converter", lambda: register_onnx_converters([])),
    ],
)
def test_a_missing_package_is_named(package: str, module: str, call: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"consilience.methods.convex_networks.{module}", raising=False)
    monkeypatch.delattr(f"consilience.methods.convex_networks.{module}", raising=False)
    with pytest.raises(MissingDependency, match=r"install consilience\["):
        call()  # type: ignore[operator]
