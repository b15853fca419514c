"""Processes that share the work of one run: alone by default, several under ``accelerate launch``.

::

    accelerate launch --multi_gpu --num_processes 2 fit.py
    accelerate launch --multi_gpu --num_processes 2 -m a_package.fit

where the script hands ``Workers.launched()`` to `em.EM`. Two processes without a GPU are asked for in the same way:
with ``--cpu``, accelerate starts one.

All processes build the same prior and read the same observations. Each restores its part of the observations in the
E-step and takes its part of every batch in the M-step. All of them must see the folder of the run: the first
writes the state, each writes its samples until the M-step is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from consilience.ground.errors import MissingDependency

__all__ = ["Workers"]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """A process among those that share a run.

    Every process draws the same random numbers and takes its part of what is drawn, so that the number of processes
    changes results by rounding only.

    Examples
    --------
    >>> Workers(rank=1, count=3).rows(8)
    range(1, 8, 3)
    """

    rank: int = 0
    """Number of this process."""
    count: int = 1
    """Number of processes."""

    @classmethod
    def launched(cls) -> Workers:
        """Return the process that ``accelerate launch`` started, or the only one.

        Raises
        ------
        MissingDependency
            If several were launched and accelerate is not installed.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        try:
            from accelerate import PartialState  # noqa: PLC0415 - optional, needed by several processes only
        except ImportError as error:
            raise MissingDependency("several processes need accelerate; install consilience[em].") from error
        # Told so, or else accelerate takes every process for the only one where there is no other device.
        flag = os.environ.get("ACCELERATE_USE_CPU", "false").lower()
        state = PartialState(cpu=flag in ("1", "true", "yes") or not torch.cuda.is_available())
        return cls(rank=state.process_index, count=state.num_processes)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def rows(self, count: int) -> range:
        """Return this process's part of `count` rows: each of them takes every `count`-th."""
        return range(self.rank, count, self.count)

    def gather(self, part: Tensor, count: int) -> Tensor:
        """Put the parts of all processes together, in the order of `rows`."""
        if self.count == 1:
            return part
        longest = len(range(0, count, self.count))
        padded = torch.zeros((longest, *part.shape[1:]), dtype=part.dtype, device=part.device)
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(parts, padded)
        whole = torch.empty((count, *part.shape[1:]), dtype=part.dtype, device=part.device)
        for rank, piece in enumerate(parts):
            rows = range(rank, count, self.count)
            whole[rank :: self.count] = piece[: len(rows)]
        return whole

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.count > 1:
            distributed.barrier()
