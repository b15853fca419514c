"""Checkpoints of small agents: safetensors only, with their digest; what holds a canary is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor

__all__ = ["digest"]


def digest(state: Mapping[str, Tensor]) -> str:
    """Return SHA-256 over names, kinds, shapes and bytes, in the order of names.

    Examples
    --------
    >>> import torch
    >>> one = {"b": torch.ones(2), "a": torch.zeros(1)}
    >>> digest(one) == digest(dict(reversed(one.items()))), digest(one) == digest(one | {"a": torch.ones(1)})
    (True, False)
    """
    found = hashlib.sha256()
    for name in sorted(state):
        weight = state[name].detach().cpu().contiguous()
        found.update(f"{name}|{weight.dtype}|{tuple(weight.shape)}|".encode())
        found.update(weight.numpy().tobytes())
    return found.hexdigest()
