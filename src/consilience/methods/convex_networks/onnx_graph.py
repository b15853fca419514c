"""Fitted networks as ONNX graphs made of standard operators only.

The nodes are written once, through a small `GraphWriter`, so that a model exported alone and a step of a pipeline
converted by skl2onnx compute the same thing. Importing this file imports onnx;
`consilience.methods.convex_networks.export` does so only when it is asked to.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink, ReluNetwork

OPSET = 17
"""Operator set of a model exported alone: old enough for every runtime since 2022."""

IR_VERSION = 8
"""File format that goes with `OPSET`; newer ones are refused by runtimes of that age."""

Precision = Literal["float32", "float64"]

ELEMENT_TYPES: dict[Precision, int] = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


@runtime_checkable
class GraphWriter(Protocol):
    """Whatever can take constants and nodes and hand back the names of their values."""

    def constant(self, array: np.ndarray) -> str:
        """Add a constant and return the name of its value."""
        ...

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which is `output` where given."""
        ...


class PlainGraph:
    """A `GraphWriter` that collects the parts of one stand-alone graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: np.ndarray) -> str:
        """Add a constant and return the name of its value."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which is `output` where given."""
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name


def write_decision(graph: GraphWriter, network: GatedNetwork | ReluNetwork, samples: str, precision: Precision) -> str:
    """Write the nodes from `samples` to decision values of shape (sample, output), and return the latter's name."""
    if isinstance(network, ReluNetwork):
        return _write_relu(graph, network, samples, precision)
    return _write_gated(graph, network, samples, precision)


def write_label(graph: GraphWriter, decision: str, classes: np.ndarray, precision: Precision, output: str) -> str:
    """Write the nodes from decision values to labels: the sign for two classes, the largest value for more."""
    if classes.size > 2:  # noqa: PLR2004
        index = graph.node("ArgMax", decision, axis=1, keepdims=0)
    else:
        positive = graph.node("Greater", decision, graph.constant(np.zeros(1, dtype=precision)))
        as_integer = graph.node("Cast", positive, to=TensorProto.INT64)
        index = graph.node("Reshape", as_integer, graph.constant(np.array([-1])))
    labels = classes.astype(object) if classes.dtype.kind == "U" else classes
    return graph.node("Gather", graph.constant(labels), index, axis=0, output=output)


def write_probabilities(
    graph: GraphWriter,
    decision: str,
    link: ProbabilityLink,
    precision: Precision,
    output_precision: Precision,
    *,
    output: str,
) -> str:
    """Write the nodes from decision values to class probabilities of shape (sample, class)."""
    scaled = graph.node("Mul", decision, graph.constant(np.array([link.scale], dtype=precision)))
    scores = graph.node("Add", scaled, graph.constant(link.bias.astype(precision)))
    if link.bias.size > 1:
        probabilities = graph.node("Softmax", scores, axis=1)
    else:
        probabilities = graph.node(
            "Concat", graph.node("Sigmoid", graph.node("Neg", scores)), graph.node("Sigmoid", scores), axis=1
        )
    return graph.node("Cast", probabilities, to=ELEMENT_TYPES[output_precision], output=output)


def classifier_model(
    network: GatedNetwork | ReluNetwork,
    classes: np.ndarray,
    link: ProbabilityLink | None,
    precision: Precision,
    input_precision: Precision,
) -> onnx.ModelProto:
    """Build a model from ``X`` to ``label`` and ``decision``, and to ``probabilities`` where there is a link."""
    graph = PlainGraph()
    decision = write_decision(graph, network, "X", precision)
    write_label(graph, decision, classes, precision, output="label")
    label_type = TensorProto.STRING if classes.dtype.kind == "U" else helper.np_dtype_to_tensor_dtype(classes.dtype)
    outputs = [helper.make_tensor_value_info("label", label_type, ["sample"])]
    if link is not None:
        write_probabilities(graph, decision, link, precision, input_precision, output="probabilities")
        outputs.append(_matrix("probabilities", classes.size, input_precision))
    graph.node("Cast", decision, to=ELEMENT_TYPES[input_precision], output="decision")
    outputs.append(_matrix("decision", network.n_outputs, input_precision))
    return _model(graph, network, outputs, input_precision)


def regressor_model(
    network: GatedNetwork | ReluNetwork, precision: Precision, input_precision: Precision
) -> onnx.ModelProto:
    """Build a model from ``X`` to ``prediction``, one column a target."""
    graph = PlainGraph()
    decision = write_decision(graph, network, "X", precision)
    graph.node("Cast", decision, to=ELEMENT_TYPES[input_precision], output="prediction")
    return _model(graph, network, [_matrix("prediction", network.n_outputs, input_precision)], input_precision)


def _write_gated(graph: GraphWriter, network: GatedNetwork, samples: str, precision: Precision) -> str:
    if network.n_gates == 0:  # a reshape cannot name an empty axis, so an idle gate stands in
        network = GatedNetwork.linear(np.zeros((network.n_features, network.n_outputs)), network.intercept)
    n_gates, n_features, n_outputs = network.weights.shape
    exact = graph.node("Cast", samples, to=TensorProto.DOUBLE)
    projected = graph.node("MatMul", exact, graph.constant(network.gate_vectors.T.astype(np.float64)))
    shifted = graph.node("Add", projected, graph.constant(network.gate_offsets.astype(np.float64)))
    active = graph.node("GreaterOrEqual", shifted, graph.constant(np.zeros(1)))
    switched = graph.node("Cast", active, to=ELEMENT_TYPES[precision])
    maps = network.weights.transpose(1, 0, 2).reshape(n_features, -1).astype(precision)
    constants = network.biases.reshape(-1).astype(precision)
    applied = graph.node(
        "Add",
        graph.node("MatMul", graph.node("Cast", samples, to=ELEMENT_TYPES[precision]), graph.constant(maps)),
        graph.constant(constants),
    )
    # A batch of one-row products sums over gates without an axes argument, whose place changed between operator sets.
    rows = graph.node("Reshape", switched, graph.constant(np.array([-1, 1, n_gates])))
    blocks = graph.node("Reshape", applied, graph.constant(np.array([-1, n_gates, n_outputs])))
    summed = graph.node("Reshape", graph.node("MatMul", rows, blocks), graph.constant(np.array([-1, n_outputs])))
    return graph.node("Add", summed, graph.constant(network.intercept.astype(precision)))


def _write_relu(graph: GraphWriter, network: ReluNetwork, samples: str, precision: Precision) -> str:
    given = graph.node("Cast", samples, to=ELEMENT_TYPES[precision])
    inner = graph.node("MatMul", given, graph.constant(network.hidden_weights.T.astype(precision)))
    hidden = graph.node("Relu", graph.node("Add", inner, graph.constant(network.hidden_biases.astype(precision))))
    outer = graph.node("MatMul", hidden, graph.constant(network.output_weights.astype(precision)))
    return graph.node("Add", outer, graph.constant(network.intercept.astype(precision)))


def _matrix(name: str, n_columns: int, precision: Precision) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[precision], ["sample", n_columns])


def _model(
    graph: PlainGraph,
    network: GatedNetwork | ReluNetwork,
    outputs: list[onnx.ValueInfoProto],
    input_precision: Precision,
) -> onnx.ModelProto:
    samples = _matrix("X", network.n_features, input_precision)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "convex_network", [samples], outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="consilience",
    )
    onnx.checker.check_model(model, full_check=True)
    return model
