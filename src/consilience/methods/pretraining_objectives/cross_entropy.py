r"""Cross-entropy of many states under one unembedding, without ever holding all logits.

The gradient of a sum :math:`\sum_n c_n\,[\log\sum_v e^{z_{nv}}-z_{ny_n}]` by the logits is known as soon as the logits
are: :math:`c_n(\mathrm{softmax}(z_n)-e_{y_n})`. It is multiplied out at once, a slice of the states at a time, so that
each logit is exponentiated once and thrown away. What is kept is as large as the states and the unembedding.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["weighted_cross_entropy"]

SLICE_BYTES = 4 * 2**20
"""Logits held at a time: what fits into a processor's cache."""
GPU_SLICE_BYTES = 512 * 2**20


def weighted_cross_entropy(
    states: Float[Tensor, "item width"],
    unembedding: Float[Tensor, "token width"],
    bias: Float[Tensor, " token"] | None,
    targets: Int[Tensor, " item"],
    weights: Float[Tensor, " item"],
) -> Float[Tensor, ""]:
    """Return the sum of weights times cross-entropies, in single precision.

    Parameters
    ----------
    states
        What the unembedding reads; rows that are no target have been left out.
    unembedding, bias
        Weight and bias of the linear map to logits.
    targets
        Right tokens.
    weights
        Factors; no gradient flows into them.

    Examples
    --------
    >>> states, unembedding = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> float(weighted_cross_entropy(states, unembedding, None, torch.tensor([0, 1]), torch.full((2,), 0.5)))
    1.386...
    """
    found: Tensor = _WeightedCrossEntropy.apply(states, unembedding, bias, targets, weights)  # type: ignore[no-untyped-call]
    return found


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes all of them by position
        ctx: Any, states: Tensor, unembedding: Tensor, bias: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        needed = ctx.needs_input_grad[:3]
        grads = [
            torch.zeros_like(of) if need and of is not None else None
            for need, of in zip(needed, (states, unembedding, bias), strict=True)
        ]
        matrix = unembedding.to(states.dtype)
        offset = None if bias is None else bias.to(states.dtype)
        total = torch.zeros((), device=states.device)
        bound = GPU_SLICE_BYTES if states.is_cuda else SLICE_BYTES
        size = max(1, bound // (4 * len(unembedding)))
        for start in range(0, len(states), size):
            part = slice(start, start + size)
            logits = torch.nn.functional.linear(states[part], matrix, offset).float()
            total += _sum_and_gradient(logits, targets[part], weights[part])
            _accumulate(grads, logits.to(states.dtype), states[part], matrix, part)
        ctx.grads = grads
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # They are scaled in place, so that a second time they would be wrong.
        grads, ctx.grads = ctx.grads, None
        if grads is None:
            raise RuntimeError("the gradient of this loss can be asked for once; compute the loss again")
        return (*(None if found is None else found.mul_(grad) for found in grads), None, None)


def _sum_and_gradient(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum, and turn the logits into their gradient in place."""
    logits -= logits.amax(dim=1, keepdim=True)
    shifted = logits.gather(1, targets[:, None])
    logits.exp_()
    sums = logits.sum(dim=1, keepdim=True)
    found = ((sums.log() - shifted).flatten() * weights).sum()
    logits *= weights[:, None] / sums
    logits.scatter_add_(1, targets[:, None], -weights[:, None].to(logits.dtype))
    return found


def _accumulate(grads: list[Tensor | None], gradient: Tensor, states: Tensor, matrix: Tensor, part: slice) -> None:
    """Add what a slice contributes to the gradients that are asked for."""
    by_state, by_matrix, by_bias = grads
    if by_state is not None:
        by_state[part] = gradient @ matrix
    if by_matrix is not None:
        by_matrix += (gradient.T @ states).to(by_matrix.dtype)
    if by_bias is not None:
        by_bias += gradient.sum(dim=0).to(by_bias.dtype)
