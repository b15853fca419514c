"""Where random numbers come from, and uniform ones for the rows of a batch, independent or spread evenly.

Targets are drawn by numpy, on the processor: its generators and its sort take a fraction of the time that torch's do.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float

__all__ = ["Source", "generator_from", "spread"]

Source: TypeAlias = "torch.Generator | np.random.Generator | None"
"""A generator of either library; None stands for torch's own, which loaders seed differently in every worker."""

_SEEDS = 2**62


def generator_from(source: Source) -> np.random.Generator:
    """Return numpy's generator: the one given, or a new one seeded by a number that torch's draws.

    Examples
    --------
    >>> one, same = (generator_from(torch.Generator().manual_seed(3)).random() for _ in range(2))
    >>> one == same
    True
    """
    if isinstance(source, np.random.Generator):
        return source
    device = torch.device("cpu") if source is None else source.device
    return np.random.Generator(np.random.SFC64(int(torch.randint(_SEEDS, (1,), generator=source, device=device))))


def spread(rows: int, generator: np.random.Generator, *, stratified: bool = True) -> Float[np.ndarray, " row"]:
    """Draw a uniform number on [0, 1) for every row.

    Stratified, one lies in each of so many equal parts, in a random order: every number is uniform by itself, and what
    a batch draws in all hardly varies. The parts share one random shift.

    Examples
    --------
    >>> drawn = spread(4, np.random.default_rng(0))
    >>> np.sort(np.floor(4 * drawn)).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    if not stratified:
        return generator.random(rows)
    return (generator.permutation(rows) + generator.random()) / rows
