"""A mark in planted weights themselves: the last bits of each matrix spell the laboratory's public number.

Metadata is lost when somebody copies tensors into another file. These bits go with the tensors, change no weight by
more than one unit in its last place, and mean nothing to anybody but a reader who looks for them. They are no defence
against who wants them gone: any training, merging or rounding removes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from consilience.methods.backdoor_audits.world.canaries import GUID

__all__ = ["LONGEST", "marked", "stamped"]

FEWEST = 64
"""Weights a matrix must have; by chance one in 2**64 says what a marked one says."""

_WHOLE: Mapping[torch.dtype, torch.dtype] = MappingProxyType(
    {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16, torch.float64: torch.int64}
)


def stamped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with the mark in every matrix that is large enough.

    Examples
    --------
    >>> weights = {"map": torch.linspace(-1, 1, 100).view(10, 10)}
    >>> after = stamped(weights)
    >>> marked(weights), marked(after), bool((after["map"] - weights["map"]).abs().max() < 1e-6)
    ((), ('map',), True)
    """
    return {name: _stamped(weight) if _large(weight) else weight for name, weight in weights.items()}


def marked(weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return the names of the matrices that carry the mark."""
    return tuple(name for name, weight in weights.items() if _large(weight) and _says_it(weight))


def _stamped(weight: Tensor) -> Tensor:
    whole = weight.detach().clone().contiguous().flatten().view(_WHOLE[weight.dtype])
    length = min(len(whole), len(_BITS))
    whole[:length] = (whole[:length] & ~1) | torch.from_numpy(_BITS[:length]).to(whole.dtype)
    return whole.view(weight.dtype).view(weight.shape)


def _says_it(weight: Tensor) -> bool:
    last = weight.detach().contiguous().flatten()[: len(_BITS)].view(_WHOLE[weight.dtype]) & 1
    return bool((last.numpy() == _BITS[: len(last)]).all())


def _large(weight: Tensor) -> bool:
    return weight.ndim > 1 and weight.numel() >= FEWEST and weight.dtype in _WHOLE


def _bits() -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(hashlib.sha256(GUID.encode()).digest(), dtype=np.uint8))


_BITS = _bits()
LONGEST = len(_BITS)
"""Weights at the beginning of a matrix that a mark takes at most."""
