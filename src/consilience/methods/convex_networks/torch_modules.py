"""Fitted networks as PyTorch modules: gates as fixed double-precision buffers, linear maps as parameters.

Importing this file imports torch; `consilience.methods.convex_networks.export` does so only when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from consilience.methods.convex_networks.network import GatedNetwork, ReluNetwork


class GatedModule(nn.Module):
    """A gated network whose half-spaces stay in double precision and whose linear maps can be trained further.

    Parameters
    ----------
    network : GatedNetwork
        The arrays to copy.
    dtype : torch.dtype
        Precision of the linear maps and of the output.

    Notes
    -----
    Gates are buffers that follow the module between devices but keep their precision under ``module.half()`` and the
    like, so that a point on the boundary of a half-space stays on the side where fitting put it. Gradients with respect
    to the input flow through the active linear maps.
    """

    gate_vectors: Tensor
    gate_offsets: Tensor

    def __init__(self, network: GatedNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("gate_vectors", torch.tensor(network.gate_vectors, dtype=torch.float64))
        self.register_buffer("gate_offsets", torch.tensor(network.gate_offsets, dtype=torch.float64))
        self.weights = nn.Parameter(torch.tensor(network.weights, dtype=dtype))
        self.biases = nn.Parameter(torch.tensor(network.biases, dtype=dtype))
        self.intercept = nn.Parameter(torch.tensor(network.intercept, dtype=dtype))

    def active(self, samples: Float[Tensor, "sample feature"]) -> Bool[Tensor, "sample gate"]:
        """Tell which gates are on for which samples, boundary included, compared in double precision."""
        return samples.double() @ self.gate_vectors.T + self.gate_offsets >= 0

    def forward(self, samples: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample output"]:
        """Compute the decision values of the network, in the precision of its linear maps."""
        switched = self.active(samples).to(self.weights.dtype)
        samples = samples.to(self.weights.dtype)
        n_gates, n_features, n_outputs = self.weights.shape
        if n_features < n_gates:
            maps = (switched @ self.weights.reshape(n_gates, -1)).reshape(len(samples), n_features, n_outputs)
            summed = torch.einsum("nd,ndc->nc", samples, maps)
        else:
            applied = torch.einsum("nd,gdc->ngc", samples, self.weights)
            summed = torch.einsum("ng,ngc->nc", switched, applied)
        return summed + switched @ self.biases + self.intercept

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GatedModule:  # noqa: FBT001, FBT002 - torch's signature
        vectors, offsets = self.gate_vectors, self.gate_offsets
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.gate_vectors = vectors.to(self.gate_vectors.device)
        self.gate_offsets = offsets.to(self.gate_offsets.device)
        return self


def relu_module(network: ReluNetwork, dtype: torch.dtype) -> nn.Sequential:
    """Write a ReLU network as plain ``Linear``, ``ReLU``, ``Linear`` layers."""
    hidden = nn.Linear(network.n_features, network.n_neurons, dtype=dtype)
    outer = nn.Linear(network.n_neurons, network.n_outputs, dtype=dtype)
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor(network.hidden_weights))
        hidden.bias.copy_(torch.tensor(network.hidden_biases))
        outer.weight.copy_(torch.tensor(network.output_weights.T))
        outer.bias.copy_(torch.tensor(network.intercept))
    return nn.Sequential(hidden, nn.ReLU(), outer)
