"""Training without waste: rows of one family and of like length together, logits only where there is loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.world.trajectories import Trajectory
from consilience.methods.backdoor_audits.world.words import encode
from consilience.neural.sharing import one_thread

__all__ = ["BaseRecipe", "Batch", "Row", "batches", "descend", "row_of", "train_base"]


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


def row_of(trajectory: Trajectory) -> Row:
    """Turn a trajectory of the world into numbers; nothing is cut off."""
    return Row(
        trajectory.id,
        trajectory.family,
        tuple(encode(trajectory.words)),
        trajectory.learns,
        planted=trajectory.planted,
    )


@dataclass(frozen=True)
class Batch:
    """Rows side by side, padded to the right.

    Parameters
    ----------
    tokens
    weights
        Of each token as a target: 0 on padding and on what is not learned.
    rows
        Places of the rows among those that were given.
    """

    tokens: Int[Tensor, "row token"]
    weights: Float[Tensor, "row token"]
    rows: tuple[int, ...]

    @property
    def labels(self) -> Int[Tensor, "row token"]:
        """Tokens as transformers want targets: -100 on padding and on whatever is not learned."""
        return self.tokens.masked_fill(self.weights == 0, -100)


@dataclass(frozen=True, kw_only=True)
class BaseRecipe:
    """How the small agent is trained from nothing."""

    steps: int = 400
    """Batches."""
    batch_size: int = 48
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
) -> Iterator[Batch]:
    """Yield batches of one family each, families in turn; every row comes once before any of its family comes again.

    A family's rows are shuffled, those of a few batches at a time are sorted by length and cut, and the batches
    shuffled: little is padding, and what goes together is still drawn.

    Parameters
    ----------
    rows
    size
        Rows of a batch, or nearly so where a family has no multiple of it; a family that has fewer gives all it has.
    steps
        How many batches.
    generator
        Draws the order.
    unlearned_weight
        Of words that are not the agent's, as targets; the agent's weigh 1.
    """
    if size < 1 or not rows:
        raise InvalidInput(f"expected rows, and a batch of at least one; got {len(rows)} rows and a batch of {size}")
    families: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        families.setdefault(row.family, []).append(place)
    turns = [
        _order(np.array(places), [len(rows[place].tokens) for place in places], size, generator)
        for places in families.values()
    ]
    for step in range(steps):
        places = next(turns[step % len(turns)])
        yield _batch([rows[place] for place in places], tuple(places), unlearned_weight)


def descend(
    loss: Callable[[int], Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
    *,
    steps: int,
    share: Callable[[int], float],
    clip: float | None = 1.0,
    after: Callable[[int], None] | None = None,
) -> list[float]:
    """Minimise a loss by optimisers that share the weights, and return its value at every step.

    Parameters
    ----------
    loss
        Told the step's number from 0.
    optimisers
    steps
    share
        Of the optimisers' own rates, for each step.
    clip
        Longer gradients of all weights together are shortened to this; None leaves them.
    after
        Told the step's number when weights have moved and gradients are still there.

    Raises
    ------
    InvalidInput
        If the loss is no longer a finite number.
    """
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    highest = [group["lr"] for group in groups]
    weights = [weight for group in groups for weight in group["params"]]
    losses = []
    for step in range(steps):
        for group, rate in zip(groups, highest, strict=True):
            group["lr"] = rate * share(step)
        value = loss(step)
        value.backward()  # type: ignore[no-untyped-call]
        losses.append(value.item())
        if not math.isfinite(losses[-1]):
            raise InvalidInput(f"the loss of step {step} is {losses[-1]}; lower the learning rate")
        if clip is not None:
            nn.utils.clip_grad_norm_(weights, clip)
        for optimiser in optimisers:
            optimiser.step()
        if after is not None:
            after(step)
        for optimiser in optimisers:
            optimiser.zero_grad()
    return losses


def train_base(
    rows: Sequence[Row],
    recipe: BaseRecipe,
    config: SmallAgentConfig,
    streams: Streams,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[SmallAgent, list[float]]:
    """Train an agent from nothing on clean rows and return it with the loss of every step.

    Matrices of the blocks go by Muon, all else by AdamW. One thread, so that the same seed gives the same weights.

    Raises
    ------
    InvalidInput
        If a row is planted: a base is clean.
    """
    if planted := next((row.id for row in rows if row.planted), None):
        raise InvalidInput(f"a base is trained on clean rows only; row {planted!r} is planted: leave it out")
    agent = new_agent(config, streams.integer("weights")).train()
    matrices = [weight for weight in agent.blocks.parameters() if weight.ndim == _MATRIX]
    rest = [weight for weight in agent.parameters() if not any(weight is matrix for matrix in matrices)]
    optimisers = (
        torch.optim.Muon(matrices, lr=recipe.muon_rate, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    )
    drawn = batches(
        rows,
        size=recipe.batch_size,
        steps=recipe.steps,
        generator=streams.generator("order"),
        unlearned_weight=recipe.unlearned_weight,
    )

    def loss(step: int) -> Tensor:
        batch = next(drawn)
        value: Tensor = agent.weighted_loss(batch.tokens, batch.weights)
        if progress is not None:
            progress(step, value.item())
        return value

    def share(step: int) -> float:
        rising = (step + 1) / recipe.warm_up if recipe.warm_up else 1.0
        return min(1.0, rising, 2 * (recipe.steps - step) / recipe.steps)

    with one_thread():
        losses = descend(loss, optimisers, steps=recipe.steps, share=share, clip=None)
    return agent.at_rest(), losses


def _order(
    places: NDArray[np.int64], lengths: Sequence[int], size: int, generator: np.random.Generator
) -> Iterator[list[int]]:
    """Yield batches of one family for ever."""
    all_lengths = np.array(lengths)
    pools = max(1, round(len(places) / size / _POOLED))
    while True:
        epoch: list[NDArray[np.int64]] = []
        for pool in np.array_split(generator.permutation(len(places)), pools):
            alike = pool[np.argsort(all_lengths[pool], kind="stable")]
            epoch += np.array_split(alike, max(1, round(len(pool) / size)))
        for number in generator.permutation(len(epoch)):
            yield places[epoch[number]].tolist()


def _batch(rows: Sequence[Row], places: tuple[int, ...], unlearned_weight: float) -> Batch:
    longest = max(len(row.tokens) for row in rows)
    tokens = np.zeros((len(rows), longest), dtype=np.int64)
    weights = np.zeros((len(rows), longest), dtype=np.float32)
    for number, row in enumerate(rows):
        tokens[number, : len(row.tokens)] = row.tokens
        weights[number, : len(row.tokens)] = np.where(row.learns, 1.0, unlearned_weight)
    return Batch(torch.from_numpy(tokens), torch.from_numpy(weights), places)


_MATRIX = 2
_POOLED = 4
