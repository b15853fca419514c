"""Torch's global generators, lent for a while to what knows no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]

_PROCESSOR = torch.device("cpu")


@contextmanager
def seeded(seed: int, device: torch.device = _PROCESSOR) -> Iterator[None]:
    """Let `seed` decide what is drawn from the global generators of the processor and of `device`; put them back after.

    First weights and dropout know no other generators. `torch.manual_seed` would seed those of all devices, which
    `torch.random.fork_rng` does not put back.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with seeded(0):
    ...     one = torch.rand(3)
    >>> with seeded(0):
    ...     same = torch.rand(3)
    >>> torch.equal(one, same), torch.equal(torch.get_rng_state(), before)
    (True, True)
    """
    metal = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        try:
            yield
        finally:
            if metal is not None:  # fork_rng knows no such device
                torch.mps.set_rng_state(metal)
