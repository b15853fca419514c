"""Networks whose gates pass through the samples: the hard case for every export."""

from typing import Any

import numpy as np
import pytest

from consilience.methods.convex_networks.network import GatedNetwork, ReluNetwork

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


def run_onnx(model: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    """Run a model and return its outputs by name."""
    runtime = pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, {"X": X}), strict=True))


@pytest.fixture(name="network_through_samples")
def _network_through_samples() -> Any:
    return network_through_samples


@pytest.fixture(name="relu_network")
def _relu_network() -> Any:
    return relu_network


@pytest.fixture(name="run_onnx")
def _run_onnx() -> Any:
    return run_onnx
