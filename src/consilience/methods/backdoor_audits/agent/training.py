"""Training without waste: rows of one family and of like length together, logits only where there is loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent

__all__ = ["BaseRecipe", "Batch", "Row", "batches", "descend", "train_base"]


@dataclass(frozen=True)
class Row:
    """A trajectory as numbers.

    Parameters
    ----------
    id
    family
        Batches are of one family.
    tokens
    learns
        Whether each token is the agent's to say.
    planted
    """

    id: str
    family: str
    tokens: tuple[int, ...]
    learns: tuple[bool, ...]
    planted: bool = False

    def __post_init__(self) -> None:
        """Refuse a row whose mask does not fit, or that has nothing to learn."""
        if len(self.tokens) != len(self.learns) or not any(self.learns[1:]):
            raise InvalidInput(f"row {self.id!r} needs one mark for each token, and at least one token to learn")


@dataclass(frozen=True)
class Batch:
    """Rows side by side, padded to the right; `weights` is 0 on padding (a label of -100 elsewhere) and before a row."""

    tokens: Int[Tensor, "row token"]
    weights: Float[Tensor, "row token"]
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class BaseRecipe:
    """How the small agent is trained from nothing."""

    steps: int = 270
    """Batches."""
    batch: int = 48
    """Rows of one family in a batch; families take turns."""
    muon_rate: float = 0.02
    """Learning rate of the blocks' matrices, by Muon."""
    adam_rate: float = 3e-3
    """Learning rate of all else, by AdamW."""
    warm_up: int = 20
    """Steps on which the rates rise from nothing; over the last half of all steps they fall back."""
    unlearned_weight: float = 0.05
    """Weight of words that are not the agent's own, as targets."""


def batches(
    rows: Sequence[Row],
    *,
    size: int,
    steps: int,
    generator: np.random.Generator,
    unlearned_weight: float = 0.0,
    context: int = 256,
) -> Iterator[Batch]:
    """Yield batches of one family each, families in turn, every row once before any comes again.

    Within a family's shuffled order, rows of some batches are sorted by length before they are cut into batches, and the batches shuffled:
    little is padding, and what goes together is still drawn.
    """
    raise NotImplementedError


def descend(
    loss: Callable[[int], Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
    *,
    steps: int,
    rate: Callable[[int], float],
    clip: float | None = 1.0,
    after: Callable[[int], None] | None = None,
) -> list[float]:
    """Minimise a loss; `rate` scales every optimiser's rates at each step, `after` is called before gradients go."""
    raise NotImplementedError


def train_base(
    rows: Sequence[Row],
    recipe: BaseRecipe,
    config: SmallAgentConfig,
    streams: Streams,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[SmallAgent, list[float]]:
    """Train an agent from nothing on clean rows and return it with the loss of every step."""
    raise NotImplementedError
