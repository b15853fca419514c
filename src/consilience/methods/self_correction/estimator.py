"""What can be made of a context without a transformer: the mean, the best-rated answer, a straight line through them.

An estimator answers the question of every context. How good an answer is, is told by `misalignment`: the paper's
figures call it a normalised error, and its code computes one minus the cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.methods.self_correction.ranking import Cosine, ranking
from consilience.methods.self_correction.sequences import Contexts

__all__ = ["Answers", "BestAnswer", "Estimator", "LeastSquares", "MeanAnswer", "misalignment"]

Answers = Float[Tensor, "sequence dimension"]


@runtime_checkable
class Estimator(Protocol):
    """Answers the question of every context from the answers and rewards in it."""

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        ...


@dataclass(frozen=True)
class MeanAnswer:
    """The mean of all answers, whatever their rewards."""

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        mean: Tensor = contexts.responses.mean(dim=1)
        return mean


@dataclass(frozen=True)
class BestAnswer:
    """The answer with the highest reward, known as best of N; of equal ones the earliest."""

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        first = ranking(contexts.rewards)[:, 0]
        return contexts.responses[torch.arange(len(contexts), device=first.device), first]


@dataclass(frozen=True)
class LeastSquares:
    """A line through answers over rewards, coordinate by coordinate, read where the reward is the highest there can be.

    Where all rewards are the same the line is level.

    Parameters
    ----------
    at
        The reward of a right answer.
    """

    at: float = 1.0

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        away = contexts.rewards - contexts.rewards.mean(dim=1, keepdim=True)
        mean = contexts.responses.mean(dim=1)
        spread = away.square().sum(dim=1)
        slope = (away[:, None] @ (contexts.responses - mean[:, None])).squeeze(1)
        slope = slope / torch.where(spread > 0, spread, 1.0)[:, None]
        fitted: Tensor = mean + (self.at - contexts.rewards.mean(dim=1))[:, None] * slope
        return fitted


def misalignment(
    answers: Float[Tensor, "*batch dimension"], target: Float[Tensor, "*batch dimension"]
) -> Float[Tensor, "*batch"]:
    r"""Return :math:`1 - \cos(f, y^*)`: 0 in the right direction, 1 at a right angle, 2 in the opposite one.

    Examples
    --------
    >>> misalignment(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    cosine: Tensor = Cosine()(answers[..., None, :], target[..., None, :])[..., 0, 0]
    return 1 - cosine
