"""Features of earlier batches, for batches too small to be compared with themselves."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = ["FeatureMemory"]


class FeatureMemory:
    """The last rows of features that were seen, without their gradients.

    Parameters
    ----------
    size
        How many rows; 0 remembers nothing.

    Examples
    --------
    >>> memory = FeatureMemory(3)
    >>> memory.rows is None
    True
    >>> memory.add(torch.tensor([[1.0], [2.0]]))
    >>> memory.add(torch.tensor([[3.0], [4.0]]))
    >>> memory.rows.flatten().tolist()
    [2.0, 3.0, 4.0]
    """

    def __init__(self, size: int) -> None:
        if size < 0:
            raise InvalidInput(f"a memory must have room for 0 rows or more; got {size}")
        self.size = size
        self.rows: Float[Tensor, "row ..."] | None = None

    def __len__(self) -> int:
        """Return how many rows are remembered."""
        return 0 if self.rows is None else len(self.rows)

    def add(self, features: Float[Tensor, "row ..."]) -> None:
        """Remember rows, and forget the oldest where there are too many."""
        if self.size and len(features):
            new = features.detach()
            self.rows = (new if self.rows is None else torch.cat([self.rows, new]))[-self.size :].clone()
