"""Rows of all processes in one, with the gradient of each going home."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed

from consilience.neural.processes import process_count

__all__ = ["gathered"]


def gathered(features: Float[Tensor, "row feature"]) -> Float[Tensor, "all_rows feature"]:
    """Return the rows of all processes, in the order of their ranks; alone, the rows themselves.

    Every process computes the same term of the same rows, and its backward pass sums what all processes make of a row.
    Averaging gradients over processes, as data parallelism does, then gives the gradient of the term, once.

    Parameters
    ----------
    features
        Of this process; processes may have different numbers of rows.
    """
    if process_count() == 1:
        return features
    counts = _counts(features)
    padded = torch.nn.functional.pad(features, (0, 0, 0, max(counts) - len(features)))
    everything = _AllGather.apply(padded)  # type: ignore[no-untyped-call]  # torch leaves it without types
    return torch.cat([rows[:count] for rows, count in zip(everything, counts, strict=True)])


def _counts(features: Tensor) -> list[int]:
    own = torch.tensor([len(features)], device=features.device)
    found = [torch.empty_like(own) for _ in range(process_count())]
    distributed.all_gather(found, own)
    return [int(count) for count in found]


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:  # noqa: ARG004  autograd passes it
        found = [torch.empty_like(features) for _ in range(process_count())]
        distributed.all_gather(found, features.contiguous())
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:  # noqa: ARG004
        (gradient,) = gradients
        summed: Tensor = gradient.contiguous()
        distributed.all_reduce(summed)
        return summed[distributed.get_rank()]
