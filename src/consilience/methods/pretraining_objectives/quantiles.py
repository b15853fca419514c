"""Uniform numbers for the rows of a batch, independent or spread evenly."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["spread"]


def spread(
    rows: int,
    generator: torch.Generator | None = None,
    *,
    stratified: bool = True,
    device: torch.device | str | None = None,
) -> Float[Tensor, " row"]:
    """Draw a uniform number on [0, 1) for every row.

    Stratified, one lies in each of so many equal parts, in a random order: every number is uniform by itself, and what
    a batch draws in all hardly varies. The parts share one random shift.

    Examples
    --------
    >>> drawn = spread(4, torch.Generator().manual_seed(0))
    >>> (4 * drawn).floor().sort().values.tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    if not stratified:
        return torch.rand(rows, generator=generator, device=device, dtype=torch.float64)
    shift = torch.rand(1, generator=generator, device=device, dtype=torch.float64)
    return (torch.randperm(rows, generator=generator, device=device) + shift) / rows
