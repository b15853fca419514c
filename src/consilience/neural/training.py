"""A training loop without opinions: Adam, a schedule, a limit on the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["Schedule", "rate", "train"]

Schedule = Literal["constant", "cosine", "one_cycle"]
"""How the learning rate runs: level; falling along a cosine; rising for a tenth of the steps, then falling."""

WARM_UP = 0.1


def train(
    trained: nn.Module | Iterable[Tensor],
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    learning_rate: float,
    schedule: Schedule = "one_cycle",
    clip: float | None = 1.0,
    progress: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Minimise a loss by Adam and return its value at every step.

    The loop draws no random number: whatever is random is in `loss`, which owns its generators.

    Parameters
    ----------
    trained
        A module, or the parameters themselves; changed in place.
    loss
        Told the step's number from 0, returns the loss of that step's batch.
    steps
        How many.
    learning_rate
        The highest of the schedule.
    schedule
        ``"one_cycle"``, ``"cosine"`` or ``"constant"``.
    clip
        Longer gradients are shortened to this length; None leaves them.
    progress
        Told every step's number and loss.

    Raises
    ------
    InvalidInput
        If a setting is out of range, or the loss is no longer a finite number; the step is named.
    UnknownName
        If there is no such schedule.

    Examples
    --------
    >>> place = torch.tensor([3.0], requires_grad=True)
    >>> losses = train([place], lambda step: place.square().sum(), steps=100, learning_rate=0.3)
    >>> losses[0], round(losses[-1], 3)
    (9.0, 0.0)
    """
    if steps < 1 or not learning_rate > 0 or (clip is not None and not clip > 0):
        raise InvalidInput(
            "`steps` must be at least 1, `learning_rate` above 0 and `clip` above 0 or None; got "
            f"{steps}, {learning_rate} and {clip}"
        )
    weights = list(trained.parameters() if isinstance(trained, nn.Module) else trained)
    if not weights:
        raise InvalidInput("there is nothing to train: `trained` has no parameters")
    optimiser = torch.optim.Adam(weights, lr=learning_rate)
    losses = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * rate(schedule, step / steps)
        optimiser.zero_grad(set_to_none=True)
        value = loss(step)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        if clip is not None:
            nn.utils.clip_grad_norm_(weights, clip)
        losses.append(_finite(float(value.detach()), step))
        optimiser.step()
        if progress is not None:
            progress(step, losses[-1])
    return losses


def rate(schedule: Schedule, place: float) -> float:
    """Return the share of the highest learning rate at a place from 0 (the first step) to 1 (after the last).

    Examples
    --------
    >>> [round(rate("one_cycle", place), 2) for place in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _fall(place)
    if schedule == "one_cycle":
        first = 0.04
        return first + (1 - first) * place / WARM_UP if place < WARM_UP else _fall((place - WARM_UP) / (1 - WARM_UP))
    raise UnknownName("schedule", schedule, ("constant", "cosine", "one_cycle"))


def _fall(place: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * place))


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise InvalidInput(
            f"the loss is {loss} at step {step}; lower `learning_rate` or look for such values in the data"
        )
    return loss
