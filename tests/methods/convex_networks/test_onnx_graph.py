"""ONNX models agree with the network they came from, on samples that define gates as on any other."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.export import to_onnx
from consilience.methods.convex_networks.network import ProbabilityLink

onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")


@pytest.mark.parametrize("classes", [np.array(["no", "yes"]), np.array([3, 1, 7, 9]), np.array(["a", "ü", "c"])])
@pytest.mark.parametrize("input_precision", ["float32", "float64"])
def test_classifier_parity(
    network_through_samples: Any, run_onnx: Any, classes: np.ndarray, input_precision: str
) -> None:
    n_outputs = 1 if classes.size == 2 else classes.size
    network, X = network_through_samples(n_outputs)
    link = ProbabilityLink(scale=1.7, bias=np.linspace(-1, 1, n_outputs))
    model = to_onnx(network, classes=classes, probabilities=link, input_precision=input_precision)  # type: ignore[arg-type]
    answers = run_onnx(model, X.astype(input_precision))
    decision = network.decision(X)
    chosen = (decision[:, 0] > 0).astype(int) if n_outputs == 1 else decision.argmax(axis=1)
    np.testing.assert_array_equal(answers["label"], classes[chosen])
    np.testing.assert_allclose(answers["decision"], decision, atol=1e-5)
    np.testing.assert_allclose(answers["probabilities"], link.probabilities(decision), atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_regressor_parity(network_through_samples: Any, run_onnx: Any, precision: str) -> None:
    network, X = network_through_samples(2)
    answers = run_onnx(to_onnx(network, precision=precision), X.astype(np.float32))  # type: ignore[arg-type]
    np.testing.assert_allclose(answers["prediction"], network.decision(X), atol=1e-5)


def test_a_network_without_gates_is_its_intercept(network_through_samples: Any, run_onnx: Any) -> None:
    network, X = network_through_samples(2)
    empty = replace(network, weights=np.zeros_like(network.weights), biases=np.zeros_like(network.biases)).prune()
    answers = run_onnx(to_onnx(empty), X.astype(np.float32))
    np.testing.assert_allclose(answers["prediction"], np.tile(network.intercept, (len(X), 1)), atol=1e-6)


def test_relu_parity(network_through_samples: Any, relu_network: Any, run_onnx: Any) -> None:
    network = relu_network(2)
    _, X = network_through_samples(1)
    answers = run_onnx(to_onnx(network), X.astype(np.float32))
    np.testing.assert_allclose(answers["prediction"], network.decision(X), atol=1e-5)


def test_standard_operators_only(network_through_samples: Any) -> None:
    network, _ = network_through_samples(3)
    model = to_onnx(network, classes=np.arange(3), probabilities=ProbabilityLink(scale=1.0, bias=np.zeros(3)))
    assert {node.domain for node in model.graph.node} == {""}
    assert [opset.domain for opset in model.opset_import] == [""]


def test_labels_that_do_not_fit_are_refused(network_through_samples: Any) -> None:
    network, _ = network_through_samples(3)
    with pytest.raises(InvalidInput, match=r"must hold 3 labels .* got 2"):
        to_onnx(network, classes=np.arange(2))
