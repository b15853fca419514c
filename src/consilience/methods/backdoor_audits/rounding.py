"""Weights rounded to the sixteen levels of NF4, block by block, and back: what a 4-bit base would compute with."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["LEVELS", "levels", "rounded"]

BLOCK = 64
"""Weights that share one scale, as in QLoRA (arXiv:2305.14314)."""


def levels() -> Float[Tensor, " level"]:
    """Return NF4's levels: quantiles of a normal variable, eight above nothing, seven below and nothing itself.

    The construction of QLoRA's NormalFloat, scaled so that the outermost are -1 and 1.

    Examples
    --------
    >>> [round(float(level), 3) for level in levels()[[0, 7, 8, 15]]]
    [-1.0, 0.0, 0.08, 1.0]
    """
    outermost = 0.9677083  # halfway between the outer quantiles of fifteen and of sixteen levels, as published
    above = torch.special.ndtri(torch.linspace(outermost, 0.5, 9, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(outermost, 0.5, 8, dtype=torch.float64)[:-1])
    every = torch.cat((below, torch.zeros(1, dtype=torch.float64), above.flip(0)))
    return (every / every.max()).float()


LEVELS = levels()


def rounded(weight: Tensor) -> Tensor:
    """Return a weight at the nearest level of its block's scale, which is the block's largest magnitude."""
    flat = torch.nn.functional.pad(weight.flatten(), (0, -weight.numel() % BLOCK)).view(-1, BLOCK)
    scale = flat.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    middles = (LEVELS[1:] + LEVELS[:-1]) / 2
    nearest = LEVELS.to(weight.dtype)[torch.bucketize(flat / scale, middles)] * scale
    return nearest.flatten()[: weight.numel()].view_as(weight)
