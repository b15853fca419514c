"""A model trained on packed rows by any objective, without more machinery than that takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.objectives import Objective
from consilience.neural.training import Schedule, train

__all__ = ["train_arm"]


def train_arm(
    model: nn.Module,
    objective: Objective,
    rows: Int[Tensor, "row token"],
    *,
    steps: int,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    schedule: Schedule = "one_cycle",
    seed: int = 0,
    documents: Int[Tensor, "row token"] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train a model and return its losses.

    Rows come in an order shuffled anew in every pass through them. The order depends on `seed` and on nothing else, so
    that arms with other objectives see the same rows at the same step.

    Parameters
    ----------
    model
        Causal or bidirectional, as the objective needs; changed in place. Heads the objective needs are attached.
    objective
    rows
        Packed rows of tokens, on the device of the model.
    steps, batch_size, learning_rate, schedule
        As in `consilience.neural.training.train`.
    seed
        Of the order and of what the objective draws.
    documents
        Which document each token belongs to.
    progress
        Told every step's number and loss.

    Raises
    ------
    InvalidInput
        If there are fewer rows than a batch.
    """
    if not 1 <= batch_size <= len(rows):
        raise InvalidInput(
            f"`batch_size` must be at least 1 and at most the number of rows ({len(rows)}); got {batch_size}"
        )
    if not hasattr(model, "offset_heads"):
        objective.attach(model, seed=seed)
    drawing = torch.Generator(device=rows.device).manual_seed(seed + 1)
    order = _batches(len(rows), batch_size, steps, seed)
    model.train()

    def loss(step: int) -> Tensor:
        chosen = order[step].to(rows.device)
        batch = objective.draw(rows[chosen], drawing, documents=None if documents is None else documents[chosen])
        return objective.loss(model, batch)

    return train(model, loss, steps=steps, learning_rate=learning_rate, schedule=schedule, progress=progress)


def _batches(rows: int, batch_size: int, steps: int, seed: int) -> Int[Tensor, "step row"]:
    """Return which rows each step takes; what is left over at the end of a pass is left out of it."""
    generator = torch.Generator().manual_seed(seed)
    each = rows // batch_size
    passes = -(-steps // each)
    orders = [torch.randperm(rows, generator=generator)[: each * batch_size] for _ in range(passes)]
    return torch.cat(orders).view(-1, batch_size)[:steps]
