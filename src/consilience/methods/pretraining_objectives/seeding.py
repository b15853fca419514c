"""A generator for every batch, whichever worker collates it and however often a run was interrupted."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.quantiles import generator_from

__all__ = ["BatchSeeds"]


class BatchSeeds:
    """Seeds of batches, each a function of (seed, rank, epoch, number of the batch in its epoch).

    A worker w of W collates the batches w, w + W, ... of an epoch and numbers them so: the masks of a batch do not
    depend on how many workers there are, and two workers never draw the same. A run that resumes says where it is by
    `start`.

    Worker processes begin anew in every epoch. Where nobody calls `start`, they mix in the seed that the loader draws
    for each epoch from torch's own generator, so that no epoch repeats another.

    Parameters
    ----------
    seed
        None for torch's own generator, which a loader seeds differently in every worker.
    rank
        Which of several processes that train together this one is; by the environment variable ``RANK`` when None.
    """

    def __init__(self, seed: int | None, rank: int | None = None) -> None:
        if seed is not None and seed < 0:
            raise InvalidInput(f"`seed` must be at least 0 or None; got {seed}")
        self.seed = seed
        self.rank = int(os.environ.get("RANK", "0")) if rank is None else rank
        self._epoch: int | None = None
        self._first = 0
        self._calls = 0

    def start(self, epoch: int, batch: int = 0) -> None:
        """Say that the next batch is this one of this epoch."""
        self._epoch, self._first, self._calls = epoch, batch, 0

    def next(self) -> np.random.Generator:
        """Return the generator of the next batch."""
        number = self._calls
        self._calls += 1
        if self.seed is None:
            return generator_from(None)
        worker = torch.utils.data.get_worker_info()
        words = [self.seed, self.rank, 0 if self._epoch is None else 1 + self._epoch]
        if worker is not None:
            number = worker.id + number * worker.num_workers
            words += [worker.seed - worker.id] if self._epoch is None else []
        return np.random.Generator(np.random.SFC64([*words, self._first + number]))

    def state_dict(self) -> dict[str, Any]:
        """Return where the next batch is, as plain values.

        In the process that collates. Worker processes count for themselves; with them, tell `start` how many batches
        were consumed.
        """
        return {"seed": self.seed, "rank": self.rank, "epoch": self._epoch, "batch": self._first + self._calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.seed, self.rank, self._epoch = state["seed"], state["rank"], state["epoch"]
        self._first, self._calls = state["batch"], 0
