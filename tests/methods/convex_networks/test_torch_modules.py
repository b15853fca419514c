"""PyTorch modules agree with the network they came from, on samples that define gates as on any other."""

from typing import Any

import numpy as np
import pytest

from consilience.methods.convex_networks.export import to_torch

torch = pytest.importorskip("torch", reason="the torch extra is not installed")


@pytest.mark.parametrize(("n_outputs", "n_features", "n_gates"), [(1, 12, 30), (4, 12, 30), (3, 40, 20)])
def test_gated_parity(network_through_samples: Any, n_outputs: int, n_features: int, n_gates: int) -> None:
    network, X = network_through_samples(n_outputs, n_features, n_gates)
    module = to_torch(network)
    with torch.no_grad():
        outputs = module(torch.tensor(X, dtype=torch.float32)).numpy()
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, network.decision(X), atol=1e-5)


def test_gates_keep_their_precision_when_the_module_is_narrowed(network_through_samples: Any) -> None:
    network, _ = network_through_samples(2)
    module = to_torch(network).half()
    assert module.gate_vectors.dtype == torch.float64
    np.testing.assert_array_equal(module.gate_offsets.numpy(), network.gate_offsets)
    assert module.weights.dtype == torch.float16


def test_linear_maps_can_be_trained_and_gates_cannot(network_through_samples: Any) -> None:
    network, X = network_through_samples(1)
    module = to_torch(network)
    module(torch.tensor(X[:8])).sum().backward()
    assert {name for name, _ in module.named_parameters()} == {"weights", "biases", "intercept"}
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_relu_becomes_plain_layers(network_through_samples: Any, relu_network: Any) -> None:
    network = relu_network(3)
    _, X = network_through_samples(1)
    module = to_torch(network, precision="float64")
    assert [type(layer).__name__ for layer in module] == ["Linear", "ReLU", "Linear"]
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.tensor(X)).numpy(), network.decision(X), atol=1e-12)
