"""Networks: equal to their formula, whatever the shape, the storage or the order of summation."""

from collections.abc import Iterator
from itertools import product

import jaxtyping
import numpy as np
import pytest
import scipy.sparse as sp

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink, ReluNetwork


def random_network(n_gates: int, n_features: int, n_outputs: int, seed: int = 0) -> GatedNetwork:
    generator = np.random.default_rng(seed)
    return GatedNetwork(
        gate_vectors=generator.normal(size=(n_gates, n_features)),
        gate_offsets=generator.normal(size=n_gates),
        weights=generator.normal(size=(n_gates, n_features, n_outputs)),
        biases=generator.normal(size=(n_gates, n_outputs)),
        intercept=generator.normal(size=n_outputs),
    )


def by_definition(network: GatedNetwork, X: np.ndarray) -> np.ndarray:
    outputs = np.tile(network.intercept, (len(X), 1))
    for i, g in product(range(len(X)), range(network.n_gates)):
        if X[i] @ network.gate_vectors[g] + network.gate_offsets[g] >= 0:
            outputs[i] += X[i] @ network.weights[g] + network.biases[g]
    return outputs


@pytest.mark.parametrize(
    ("n_gates", "n_features", "n_outputs"), [(1, 1, 1), (9, 4, 3), (4, 9, 3), (7, 7, 1), (0, 3, 2)]
)
def test_decision_is_its_formula(n_gates: int, n_features: int, n_outputs: int) -> None:
    network = random_network(n_gates, n_features, n_outputs)
    X = np.random.default_rng(1).normal(size=(23, n_features))
    np.testing.assert_allclose(network.decision(X), by_definition(network, X), atol=1e-12)
    np.testing.assert_allclose(network.decision(sp.csr_array(X)), by_definition(network, X), atol=1e-12)
    np.testing.assert_allclose(network.decision(X, dtype=np.float32), by_definition(network, X), atol=1e-4)


def test_blocks_of_rows_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(12, 5, 2)
    X = np.random.default_rng(1).normal(size=(101, 5))
    whole = network.decision(X)
    monkeypatch.setattr("consilience.methods.convex_networks.network.BLOCK_ELEMENTS", 1)
    np.testing.assert_allclose(network.decision(X), whole, atol=1e-12)
    assert network.decision(X[:0]).shape == (0, 2)


def test_the_boundary_of_a_gate_is_inside() -> None:
    network = GatedNetwork(
        gate_vectors=np.array([[1.0, -1.0]]),
        gate_offsets=np.zeros(1),
        weights=np.zeros((1, 2, 1)),
        biases=np.ones((1, 1)),
        intercept=np.zeros(1),
    )
    on_the_boundary = np.array([[0.3, 0.3], [0.3, 0.3 + 1e-12]])
    np.testing.assert_array_equal(network.active(on_the_boundary).ravel(), [True, False])
    np.testing.assert_array_equal(
        network.decision(on_the_boundary.astype(np.float64), dtype=np.float32).ravel(), [1, 0]
    )


def test_a_linear_model_is_a_network_with_one_gate() -> None:
    generator = np.random.default_rng(0)
    weights, intercept, X = generator.normal(size=(4, 3)), generator.normal(size=3), generator.normal(size=(10, 4))
    np.testing.assert_allclose(GatedNetwork.linear(weights, intercept).decision(X), X @ weights + intercept)


def test_pruning_and_merging_keep_the_function() -> None:
    network = random_network(10, 3, 2)
    network.weights[[2, 5]] = 0.0
    network.biases[[2, 5]] = 0.0
    network.gate_vectors[7], network.gate_offsets[7] = network.gate_vectors[3], network.gate_offsets[3]
    X = np.random.default_rng(1).normal(size=(50, 3))
    smaller = network.prune().merge()
    assert smaller.n_gates == 7
    np.testing.assert_array_equal(smaller.gate_vectors[:3], network.gate_vectors[[0, 1, 3]])
    np.testing.assert_allclose(smaller.decision(X), network.decision(X), atol=1e-12)


def test_an_affine_map_before_the_network_moves_into_it() -> None:
    generator = np.random.default_rng(2)
    network = random_network(8, 3, 2)
    matrix, shift, X = generator.normal(size=(6, 3)), generator.normal(size=6), generator.normal(size=(40, 6))
    np.testing.assert_allclose(
        network.after(matrix, shift).decision(X), network.decision((X - shift) @ matrix), atol=1e-11
    )


def test_relu_network_is_its_formula() -> None:
    generator = np.random.default_rng(3)
    inner, bias, outer = generator.normal(size=(6, 4)), generator.normal(size=6), generator.normal(size=(6, 2))
    outer[1] = 0.0
    network = ReluNetwork(hidden_weights=inner, hidden_biases=bias, output_weights=outer, intercept=np.ones(2))
    X = generator.normal(size=(30, 4))
    expected = np.maximum(X @ inner.T + bias, 0) @ outer + 1
    np.testing.assert_allclose(network.decision(X), expected)
    np.testing.assert_allclose(network.decision(sp.csr_array(X)), expected)
    assert network.prune().n_neurons == 5
    np.testing.assert_allclose(network.prune().decision(X), expected)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_probabilities_add_up_and_follow_the_decision(n_outputs: int) -> None:
    decision = np.random.default_rng(4).normal(size=(20, n_outputs)) * 50
    link = ProbabilityLink(scale=2.0, bias=np.zeros(n_outputs))
    probabilities = link.probabilities(decision)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    expected = decision.argmax(axis=1) if n_outputs > 1 else decision[:, 0] > 0
    np.testing.assert_array_equal(probabilities.argmax(axis=1), expected)


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Let calls through as they are outside of tests, where nobody checks annotations."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked_shapes")
def test_arrays_that_do_not_fit_are_refused() -> None:
    good = random_network(3, 2, 1)
    with pytest.raises(InvalidInput, match=r"`biases` must have shape \(3, 1\).*got \(2, 1\)"):
        GatedNetwork(
            gate_vectors=good.gate_vectors,
            gate_offsets=good.gate_offsets,
            weights=good.weights,
            biases=good.biases[:2],
            intercept=good.intercept,
        )
    with pytest.raises(InvalidInput, match=r"`X` must have shape \(n_samples, 2\); got \(4, 3\)"):
        good.decision(np.ones((4, 3)))
