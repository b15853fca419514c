"""Processes that train one model together, as torchrun or accelerate begin them: how many, what any says, the end."""

from __future__ import annotations

import os

import torch
from torch import distributed

__all__ = ["any_process", "part", "process_count", "speaks", "wait_for_others"]


def speaks() -> bool:
    """Whether this process says what comes out: alone, or the first of those that were begun together.

    Known from the start, before the processes have found each other; who writes is for the trainer to say.
    """
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"


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


def wait_for_others() -> None:
    """Return when every process has come here; alone, at once.

    Accelerate's own way names a device by the number of the process, which processes on the CPU of a machine with a GPU
    do not have.
    """
    if _together():
        distributed.barrier()


def part() -> None:
    """Wait for the other processes and leave the group, where all have done their work; alone, do nothing.

    A process that goes without parting may abort, and take the others with it. One that fails, or is interrupted by
    itself, must not wait: the launcher ends the others.
    """
    wait_for_others()
    if _together():
        distributed.destroy_process_group()


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
