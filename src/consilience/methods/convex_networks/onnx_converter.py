"""A skl2onnx converter, so that a pipeline which ends in a convex network converts as a whole.

Importing this file imports skl2onnx; `consilience.methods.convex_networks.export` does so only when it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from onnx import numpy_helper
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from skl2onnx.common.utils_classifier import get_label_classes
from sklearn.base import BaseEstimator, ClassifierMixin

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.network import ProbabilityLink
from consilience.methods.convex_networks.onnx_graph import (
    ELEMENT_TYPES,
    Precision,
    write_decision,
    write_label,
    write_probabilities,
)


class ContainerGraph:
    """A `GraphWriter` over the container in which skl2onnx collects a pipeline."""

    def __init__(self, scope: Any, container: Any) -> None:
        self.scope = scope
        self.container = container

    def constant(self, array: np.ndarray) -> str:
        """Add a constant and return the name of its value."""
        name: str = self.scope.get_unique_variable_name("convex_constant")
        tensor = numpy_helper.from_array(array, name)
        content: Any = [text.encode() for text in array.tolist()] if array.dtype == object else tensor
        self.container.add_initializer(name, tensor.data_type, list(array.shape), content)
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which is `output` where given."""
        name = output or self.scope.get_unique_variable_name("convex_value")
        self.container.add_node(
            operator, list(inputs), [name], name=self.scope.get_unique_operator_name(operator), **attributes
        )
        return str(name)


def register(estimators: Iterable[type[BaseEstimator]]) -> None:
    """Teach skl2onnx to convert these estimator classes; doing so twice does no harm."""
    for estimator in estimators:
        alias = f"Consilience{estimator.__name__}"
        if issubclass(estimator, ClassifierMixin):
            options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
            shapes = calculate_linear_classifier_output_shapes
            update_registered_converter(estimator, alias, shapes, _convert_classifier, options=options)
        else:
            update_registered_converter(estimator, alias, _regressor_shapes, _convert_regressor)


def _regressor_shapes(operator: Any) -> None:
    calculate_linear_regressor_output_shapes(operator)
    operator.outputs[0].type.shape = [None, operator.raw_operator.network_.n_outputs]


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    graph, estimator = ContainerGraph(scope, container), operator.raw_operator
    classes = np.asarray(np.asarray(get_label_classes(scope, estimator)).tolist())
    labels = classes if classes.dtype.kind == "U" else classes.astype(np.int64)
    if not hasattr(estimator, "predict_proba"):
        raise InvalidInput(
            "a classifier in an ONNX pipeline must have predict_proba; use penalty='ridge' or loss='cross_entropy', or "
            "export the network alone with to_onnx()."
        )
    link = ProbabilityLink(scale=estimator.probability_scale_, bias=estimator.probability_bias_)
    decision = write_decision(graph, estimator.network_, operator.inputs[0].full_name, "float64")
    write_label(graph, decision, labels, "float64", output=operator.outputs[0].full_name)
    precision = _input_precision(operator)
    write_probabilities(graph, decision, link, "float64", precision, output=operator.outputs[1].full_name)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    graph, network = ContainerGraph(scope, container), operator.raw_operator.network_
    decision = write_decision(graph, network, operator.inputs[0].full_name, "float64")
    element = ELEMENT_TYPES[_input_precision(operator)]
    graph.node("Cast", decision, to=element, output=operator.outputs[0].full_name)


def _input_precision(operator: Any) -> Precision:
    return "float64" if isinstance(operator.inputs[0].type, DoubleTensorType) else "float32"
