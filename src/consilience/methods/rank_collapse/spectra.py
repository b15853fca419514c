r"""Singular values of tokens, and how alike tokens are: what takes more than a pass over them.

Small singular values never come from :math:`X^\top X`, whose rounding hides all that are below the square root of
machine epsilon.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.methods.rank_collapse.moments import BLOCK_SIZE, widened, widest

__all__ = ["BLOCK", "ITERATIONS", "absolute_cosines", "largest_singular_value", "singular_values"]

ITERATIONS = 8
"""Products with the tokens and their transpose; more than enough for 1e-3, which the room's study measures."""

BLOCK = 8
"""Vectors that are iterated together: single ones are slow where singular values crowd, as those of noise do."""


def singular_values(
    tokens: Float[Tensor, "batch token feature"], valid: Bool[Tensor, "batch token"] | None, precision: torch.dtype
) -> Float[Tensor, "batch rank"]:
    """Return all singular values of each sequence, in falling order; zeros for those that padding leaves without.

    Sequences with a feature that is not finite get NaN, and do not keep the others from their values.
    """
    values = []
    for sequence in range(len(tokens)):
        block = widened(*_one(tokens, valid, sequence), precision)
        finite = block.isfinite().all()
        spectrum = torch.linalg.svdvals(torch.where(finite, block, 0.0))
        values.append(torch.where(finite, spectrum, torch.nan))
    return torch.cat(values)


def largest_singular_value(
    tokens: Float[Tensor, "batch token feature"], valid: Bool[Tensor, "batch token"] | None
) -> Float[Tensor, " batch"]:
    """Return the largest singular value of each sequence after a few block Lanczos iterations.

    It is the length of what the tokens make of a unit vector, never too large, and its error is the square of that of
    the vector. The start is fixed, so that nothing here is random. Less than single precision is widened to it.
    Features must be finite.
    """
    matrix = widened(tokens, valid, torch.promote_types(tokens.dtype, torch.float32))
    if min(matrix.shape[1:]) <= BLOCK * ITERATIONS:
        return singular_values(tokens, valid, matrix.dtype)[:, 0]
    tall = matrix if matrix.shape[1] >= matrix.shape[2] else matrix.mT
    start = torch.randn(tall.shape[2], BLOCK, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    newest = torch.linalg.qr(start)[0].mT.to(tall).expand(len(tall), -1, -1)
    basis = newest  # rows, which are multiplied far faster than a few columns
    for _ in range(ITERATIONS - 1):
        further = (newest @ tall.mT) @ tall
        newest = _orthonormal(further - (further @ basis.mT) @ basis)
        basis = torch.cat([basis, newest], dim=1)
    # Of collapsed tokens only rounding is left after a few iterations, and that is not orthogonal to what came before.
    basis = _orthonormal(basis)
    image = basis @ tall.mT
    best = torch.linalg.eigh(image @ image.mT).eigenvectors[:, :, -1:].mT @ basis
    largest: Tensor = torch.linalg.vector_norm(best @ tall.mT, dim=(1, 2))
    return largest


def _orthonormal(rows: Float[Tensor, "batch row feature"]) -> Float[Tensor, "batch row feature"]:
    """Return an orthonormal basis of what the rows span, and of more where they are fewer than they look."""
    basis: Tensor = torch.linalg.qr(rows.mT)[0].mT.contiguous()
    return basis


def absolute_cosines(
    tokens: Float[Tensor, "batch token feature"], valid: Bool[Tensor, "batch token"] | None
) -> Float[Tensor, " batch"]:
    """Return the sum of absolute cosines over all ordered pairs of two different tokens of each sequence.

    Cosines are of order one, so that single precision serves them; they are formed for a few sequences at a time, on
    one side of the diagonal, and in no more memory than the tokens. Tokens that are zero have no direction and no part
    in it.
    """
    precision = torch.promote_types(tokens.dtype, torch.float32)
    batch, length, width = tokens.shape
    size, sums = max(1, BLOCK_SIZE // (2 * length * width)), []  # products may copy a block once more
    for first in range(0, batch, size):
        rows = slice(first, first + size)
        unit = widened(tokens[rows], None if valid is None else valid[rows], precision)
        lengths = torch.linalg.vector_norm(unit, dim=2, keepdim=True)
        unit.mul_(torch.where(lengths > 0, 1 / lengths, 0.0))
        sums.append(_above_diagonal(unit))
    return 2 * torch.cat(sums)


def _above_diagonal(unit: Float[Tensor, "batch token feature"]) -> Float[Tensor, " batch"]:
    total = torch.zeros(len(unit), dtype=widest(unit.device), device=unit.device)
    step = max(1, min(unit.shape[2], unit.shape[1] // 4))
    for first in range(0, unit.shape[1], step):
        block = unit[:, first : first + step] @ unit[:, first:].mT
        total += block.triu_(1).abs_().sum(dim=2).sum(dim=1, dtype=total.dtype)
    return total


def _one(tokens: Tensor, valid: Tensor | None, sequence: int) -> tuple[Tensor, Tensor | None]:
    rows = slice(sequence, sequence + 1)
    return tokens[rows], None if valid is None else valid[rows]
