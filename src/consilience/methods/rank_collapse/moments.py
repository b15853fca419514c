r"""Sums over tokens: their norm, their distance from consensus, and the length of the sum of their directions.

Two passes. The first finds the mean, the second sums squared distances from it, since
:math:`\|X\|^2 - N\|g\|^2` in one pass loses everything once tokens are close: at a relative distance of 1e-9 no digit
is left. Tokens are copied block by block, where they have to be, so that little stands beside them in memory, and sums
over tokens are carried on in the widest type of the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["BLOCK_SIZE", "Moments", "moments", "widened", "widest"]

BLOCK_SIZE = 2**17
"""Numbers in a block on a processor: they fit its cache, and there are few blocks, each at the cost of some calls."""

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
    features: Int[Tensor, " batch"]
    """How many features each token has."""


@dataclass(frozen=True)
class _Cut:
    """A few sequences, in stretches of tokens that are blocks."""

    rows: slice
    tokens: Tensor
    valid: Tensor | None
    stretches: Sequence[slice]
    precision: torch.dtype

    @property
    def copies(self) -> bool:
        """Whether blocks are copies, because of their type or of padding."""
        return self.valid is not None or self.tokens.dtype != self.precision

    def blocks(self) -> Iterator[tuple[slice, Float[Tensor, "row column feature"]]]:
        """Yield each stretch with its tokens, widened, and zeros at padding."""
        for stretch in self.stretches:
            block = self.tokens[:, stretch]
            valid = None if self.valid is None else self.valid[:, stretch]
            yield stretch, widened(block, valid, self.precision) if self.copies else block

    def sums(self) -> tuple[Float[Tensor, "row token"], Float[Tensor, "row feature"]]:
        """Return the lengths of tokens, and the sum of tokens."""
        found = [(torch.linalg.vector_norm(block, dim=2), block.sum(dim=1)) for _, block in self.blocks()]
        lengths, sums = zip(*found, strict=True)
        return _beside(lengths), _added(sums)

    def centred(
        self, mean: Float[Tensor, "row 1 feature"], directing: Float[Tensor, "row token"]
    ) -> tuple[Float[Tensor, "row token"], Float[Tensor, "row feature"]]:
        """Return the distances of tokens from their mean, and the sum of their directions."""
        distances, directions = [], []
        for stretch, block in self.blocks():
            directions.append((directing[:, None, stretch] @ block)[:, 0])
            centred = block.sub_(mean) if self.copies else block - mean
            distances.append(torch.linalg.vector_norm(centred, dim=2))
        return _beside(distances), _added(directions)


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
        What tokens are widened to before anything is done with them.

    Returns
    -------
    Moments
        NaN or infinite where a feature is.
    """
    cuts = list(_cuts(tokens, valid, precision))
    # Every operation is small: what counts is how many there are, so that whatever can waits for the whole batch.
    lengths, total = _stacked([cut.sums() for cut in cuts])
    count = torch.full_like(total[:, 0], tokens.shape[1], dtype=torch.int64) if valid is None else valid.sum(dim=1)
    mean = (total / count.clamp_min(1)[:, None])[:, None].to(precision)
    directed = lengths > 0
    directing = torch.where(directed, 1 / lengths, 0.0).to(precision)
    distances, directions = _stacked([cut.centred(mean[cut.rows], directing[cut.rows]) for cut in cuts])
    if valid is not None:
        distances = torch.where(valid, distances, 0.0)
    return Moments(
        tokens=count,
        norm=torch.linalg.vector_norm(lengths, dim=1),
        mu=torch.linalg.vector_norm(distances, dim=1),
        resultant=torch.linalg.vector_norm(directions, dim=1),
        directed=directed.sum(dim=1),
        features=torch.full_like(count, tokens.shape[2]),
    )


def widest(device: torch.device) -> torch.dtype:
    """Return the widest floating type that a device computes in."""
    return torch.float32 if device.type == "mps" else torch.float64


def widened(
    tokens: Float[Tensor, "batch token feature"], valid: Bool[Tensor, "batch token"] | None, precision: torch.dtype
) -> Float[Tensor, "batch token feature"]:
    """Return a copy of tokens in another precision, with zeros at padding."""
    block = tokens.to(precision, copy=True)
    return block if valid is None else block.masked_fill_(~valid[:, :, None], 0.0)


def _cuts(tokens: Tensor, valid: Tensor | None, precision: torch.dtype) -> Iterator[_Cut]:
    """Cut a batch into sequences, and those into stretches of tokens, so that each is a block."""
    batch, length, width = tokens.shape
    size = BLOCK_SIZE if tokens.device.type == "cpu" else max(BLOCK_SIZE, tokens.numel() // _PARTS)
    sequences, stretch = max(1, size // max(1, length * width)), max(1, size // max(1, width))
    stretches = [slice(first, first + stretch) for first in range(0, length, stretch)]
    for row in range(0, batch, sequences):
        rows = slice(row, row + sequences)
        yield _Cut(rows, tokens[rows], None if valid is None else valid[rows], stretches, precision)


def _beside(parts: Sequence[Tensor]) -> Tensor:
    return (parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)).to(widest(parts[0].device))


def _added(parts: Sequence[Tensor]) -> Tensor:
    wide = widest(parts[0].device)
    return parts[0].to(wide) if len(parts) == 1 else torch.stack(list(parts)).to(wide).sum(dim=0)


def _stacked(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    left, right = zip(*pairs, strict=True)
    return torch.cat(left), torch.cat(right)
