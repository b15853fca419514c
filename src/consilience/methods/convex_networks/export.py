"""Networks for other runtimes: PyTorch modules, ONNX models, and a converter for whole scikit-learn pipelines.

Every export compares gates in double precision, as fitting and prediction do, so that samples on the boundary of a
half-space get the same labels everywhere. The optional packages are imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink, ReluNetwork

if TYPE_CHECKING:
    import onnx
    from sklearn.base import BaseEstimator
    from torch import nn

    from consilience.methods.convex_networks.onnx_graph import Precision


def to_torch(network: GatedNetwork | ReluNetwork, *, precision: Precision = "float32") -> nn.Module:
    """Build a PyTorch module that computes the decision values of `network`.

    Parameters
    ----------
    network : GatedNetwork or ReluNetwork
        What to export. A ReLU network becomes plain ``Linear``, ``ReLU``, ``Linear``.
    precision : {"float32", "float64"}
        Precision of the linear maps; gates stay in double precision.

    Returns
    -------
    torch.nn.Module
        Maps (n_samples, n_features) to (n_samples, n_outputs). Its linear maps are trainable, its gates are not.

    Raises
    ------
    MissingDependency
        When PyTorch is not installed.

    Examples
    --------
    >>> import torch
    >>> to_torch(GatedNetwork.linear(np.array([[2.0]]), np.ones(1)))(torch.ones(1, 1)).item()
    3.0
    """
    try:
        import torch  # noqa: PLC0415

        from consilience.methods.convex_networks import torch_modules  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency("`to_torch` needs PyTorch; install consilience[torch].") from error
    dtype = {"float32": torch.float32, "float64": torch.float64}[precision]
    if isinstance(network, ReluNetwork):
        return torch_modules.relu_module(network, dtype)
    return torch_modules.GatedModule(network, dtype)


def to_onnx(
    network: GatedNetwork | ReluNetwork,
    *,
    classes: np.ndarray | None = None,
    probabilities: ProbabilityLink | None = None,
    precision: Precision = "float64",
    input_precision: Precision = "float32",
) -> onnx.ModelProto:
    """Build an ONNX model of standard operators: a classifier where `classes` are given, else a regressor.

    Parameters
    ----------
    network : GatedNetwork or ReluNetwork
        What to export.
    classes : array of shape (n_classes,), optional
        Labels, strings included. With them the model answers ``label``, ``probabilities`` (where there is a link) and
        ``decision``; without them ``prediction``.
    probabilities : ProbabilityLink, optional
        How decision values become probabilities.
    precision : {"float32", "float64"}
        Precision of the linear maps; gates stay in double precision. Single precision halves the file, and is exact to
        1e-5 only where features are scaled.
    input_precision : {"float32", "float64"}
        Element type of the input ``X`` and of the numeric outputs.

    Returns
    -------
    onnx.ModelProto
        Checked with shape inference.

    Raises
    ------
    InvalidInput
        When the number of classes does not fit the outputs: two classes share one output, more have one each.
    MissingDependency
        When onnx is not installed.
    """
    try:
        from consilience.methods.convex_networks import onnx_graph  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency("`to_onnx` needs onnx; install consilience[onnx].") from error
    if classes is None:
        return onnx_graph.regressor_model(network, precision, input_precision)
    classes = np.asarray(classes.tolist())  # object arrays of strings become plain strings
    expected = 2 if network.n_outputs == 1 else network.n_outputs
    if classes.size != expected:
        raise InvalidInput(
            f"`classes` must hold {expected} labels for a network of {network.n_outputs} outputs; got {classes.size}."
        )
    return onnx_graph.classifier_model(network, classes, probabilities, precision, input_precision)


def register_onnx_converters(estimators: Iterable[type[BaseEstimator]]) -> None:
    """Teach skl2onnx to convert pipelines that end in one of these estimator classes.

    Parameters
    ----------
    estimators : iterable of classes
        Estimators with ``network_``; classifiers also with ``classes_``, ``probability_scale_`` and
        ``probability_bias_``.

    Examples
    --------
    >>> from consilience.methods.convex_networks.estimators import ConvexReLUClassifier, ConvexReLURegressor
    >>> register_onnx_converters([ConvexReLUClassifier, ConvexReLURegressor])

    Raises
    ------
    MissingDependency
        When skl2onnx is not installed.
    """
    try:
        from consilience.methods.convex_networks import onnx_converter  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency("Converting pipelines needs skl2onnx; install consilience[onnx].") from error
    onnx_converter.register(estimators)
