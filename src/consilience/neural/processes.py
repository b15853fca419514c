"""Processes that train one model together, as torchrun or accelerate begin them: how many, what any says, the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

__all__ = ["any_process", "leaving_together", "process_count", "speaks"]


def speaks() -> bool:
    """Whether this process writes and says what comes out: alone, or the first of those that were begun together.

    Known from the start, before the processes have found each other.
    """
    return os.environ.get("RANK", "0") == "0"


def process_count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if _together() else 1


def any_process(*, here: bool, device: torch.device) -> bool:
    """Whether any of the processes says so; if one acted on it alone, the others would wait for its part for ever.

    Parameters
    ----------
    here
        What this process says.
    device
        Where the processes meet: this one's own.
    """
    if not _together():
        return here
    said = torch.tensor(int(here), device=device)
    distributed.all_reduce(said, op=distributed.ReduceOp.MAX)
    return bool(said)


@contextmanager
def leaving_together() -> Iterator[None]:
    """Wait for the other processes where the block ends, and then part from them; alone, do nothing.

    A process that goes without parting may abort, and take the others with it, though all work is done. One that fails
    does not wait: the launcher ends the others.
    """
    yield
    if _together():
        distributed.barrier()
        distributed.destroy_process_group()


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
