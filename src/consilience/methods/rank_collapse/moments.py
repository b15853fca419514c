r"""Sums over tokens: their norm, their distance from consensus, and the length of the sum of their directions.

Two passes. The first finds the mean, the second sums squared distances from it, since
:math:`\|X\|^2 - N\|g\|^2` in one pass loses everything once tokens are close: at a relative distance of 1e-9 no digit
is left. Tokens are widened block by block, so that beside them no more than half an activation is ever in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Moments", "blocks", "moments", "widened", "widest"]

_BLOCK = 2**16
"""Numbers in a block on a processor: in double precision they fit its cache, and Python's share stays small."""

_PARTS = 4
"""An activation is cut in no more than so many blocks elsewhere, where starting a kernel takes longer than running it."""


@dataclass(frozen=True)
class Moments:
    """Sums over the tokens of each sequence of a batch; padding takes part in none."""

    tokens: Int[Tensor, " batch"]
    """How many tokens there are."""
    norm: Float[Tensor, " batch"]
    """Frobenius norm of the tokens."""
    mu: Float[Tensor, " batch"]
    """Frobenius norm of what is left when their mean is taken away."""
    resultant: Float[Tensor, " batch"]
    """Euclidean norm of the sum of their directions."""
    directed: Int[Tensor, " batch"]
    """How many tokens have a direction: those that are not zero."""


def moments(
    tokens: Float[Tensor, "batch token feature"], valid: Bool[Tensor, "batch token"] | None, precision: torch.dtype
) -> Moments:
    """Sum over tokens.

    Parameters
    ----------
    tokens
        Of any floating type.
    valid
        False at padding, whose features may be anything, NaN included.
    precision
        What numbers are widened to before they are summed.

    Returns
    -------
    Moments
        NaN or infinite where a feature is.
    """
    batch, length, width = tokens.shape
    own = {"dtype": precision, "device": tokens.device}
    total, directions = torch.zeros(batch, width, **own), torch.zeros(batch, width, **own)
    square, centred = torch.zeros(batch, **own), torch.zeros(batch, **own)
    directed = torch.zeros(batch, dtype=torch.int64, device=tokens.device)
    count = torch.full_like(directed, length) if valid is None else valid.sum(dim=1)
    for rows, columns in blocks(batch, length, width, tokens.device):
        block = widened(tokens, valid, rows, columns, precision)
        lengths = torch.linalg.vector_norm(block, dim=2)
        inverse = torch.where(lengths == 0, 0.0, 1 / lengths)
        total[rows] += block.sum(dim=1)
        directions[rows] += (inverse[:, None] @ block)[:, 0]
        square[rows] += lengths.square().sum(dim=1)
        directed[rows] += (lengths > 0).sum(dim=1)
    mean = total / count.clamp_min(1)[:, None]
    left = torch.zeros_like(total)
    for rows, columns in blocks(batch, length, width, tokens.device):
        block = widened(tokens, valid, rows, columns, precision).sub_(mean[rows, None])
        if valid is not None:
            block.masked_fill_(~valid[rows, columns, None], 0.0)
        centred[rows] += torch.linalg.vector_norm(block, dim=(1, 2)).square()
        left[rows] += block.sum(dim=1)
    # What is left of the mean, which had to be rounded, is no distance from consensus.
    centred -= left.square().sum(dim=1) / count.clamp_min(1)
    return Moments(count, square.sqrt(), centred.clamp_min(0).sqrt(), directions.norm(dim=1), directed)


def blocks(batch: int, length: int, width: int, device: torch.device) -> Iterator[tuple[slice, slice]]:
    """Cut a batch into whole sequences, or a sequence into stretches of tokens, of which each is a block."""
    size = _BLOCK if device.type == "cpu" else max(_BLOCK, batch * length * width // _PARTS)
    sequences, stretch = max(1, size // (length * width)), max(1, min(length, size // width))
    for row in range(0, batch, sequences):
        for column in range(0, length, stretch):
            yield slice(row, row + sequences), slice(column, column + stretch)


def widest(device: torch.device) -> torch.dtype:
    """Return the widest floating type that a device computes in."""
    return torch.float32 if device.type == "mps" else torch.float64


def widened(
    tokens: Tensor, valid: Tensor | None, rows: slice, columns: slice, precision: torch.dtype
) -> Float[Tensor, "row column feature"]:
    """Return a copy of a block in another precision, with zeros at padding."""
    block = tokens[rows, columns].to(precision, copy=True)
    return block if valid is None else block.masked_fill_(~valid[rows, columns, None], 0.0)
