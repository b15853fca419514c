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
"""An activation is cut in no more blocks elsewhere, where starting a kernel may take longer than its run."""


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
    found = [_of_rows(tokens, valid, rows, columns, precision) for rows, columns in blocks(tokens)]
    lengths, sums, mu = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Moments(
        tokens=_counted(tokens, valid),
        norm=torch.linalg.vector_norm(lengths, dim=1),
        mu=mu,
        resultant=torch.linalg.vector_norm(sums[:, 1], dim=1),
        directed=(lengths > 0).sum(dim=1),
    )


def blocks(tokens: Float[Tensor, "batch token feature"]) -> Iterator[tuple[slice, list[slice]]]:
    """Cut a batch into sequences, and those into stretches of tokens, so that each is a block."""
    batch, length, width = tokens.shape
    size = _BLOCK if tokens.device.type == "cpu" else max(_BLOCK, tokens.numel() // _PARTS)
    sequences, stretch = max(1, size // max(1, length * width)), max(1, size // max(1, width))
    columns = [slice(first, first + stretch) for first in range(0, length, stretch)]
    for row in range(0, batch, sequences):
        yield slice(row, row + sequences), columns


def _of_rows(
    tokens: Tensor, valid: Tensor | None, rows: slice, columns: list[slice], precision: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Return lengths of tokens, their sum and that of their directions, and mu, of a few sequences.

    A sequence that is one block is widened once, for both passes.
    """
    block = torch.empty(0)
    lengths, sums, squares = [], [], []
    for stretch in columns:
        block = widened(tokens, valid, rows, stretch, precision)
        lengths.append(torch.linalg.vector_norm(block, dim=2))
        directing = torch.where(lengths[-1] > 0, 1 / lengths[-1], 0.0)
        sums.append(torch.stack([torch.ones_like(directing), directing], dim=1) @ block)
    total = sums[0] if len(sums) == 1 else torch.stack(sums).sum(dim=0)
    count = _counted(tokens, valid)[rows].clamp_min(1)
    mean = total[:, :1] / count[:, None, None]
    for stretch in columns:
        again = block if len(columns) == 1 else widened(tokens, valid, rows, stretch, precision)
        again.sub_(mean)
        if valid is not None:
            again.masked_fill_(~valid[rows, stretch, None], 0.0)
        squares.append(torch.linalg.vector_norm(again, dim=(1, 2)))
    mu = squares[0] if len(squares) == 1 else torch.linalg.vector_norm(torch.stack(squares), dim=0)
    return torch.cat(lengths, dim=1), total, mu


def _counted(tokens: Tensor, valid: Tensor | None) -> Int[Tensor, " batch"]:
    if valid is not None:
        return valid.sum(dim=1)
    return torch.full((len(tokens),), tokens.shape[1], dtype=torch.int64, device=tokens.device)


def widest(device: torch.device) -> torch.dtype:
    """Return the widest floating type that a device computes in."""
    return torch.float32 if device.type == "mps" else torch.float64


def widened(
    tokens: Tensor, valid: Tensor | None, rows: slice, columns: slice, precision: torch.dtype
) -> Float[Tensor, "row column feature"]:
    """Return a copy of a block in another precision, with zeros at padding."""
    block = tokens[rows, columns].to(precision, copy=True)
    return block if valid is None else block.masked_fill_(~valid[rows, columns, None], 0.0)
