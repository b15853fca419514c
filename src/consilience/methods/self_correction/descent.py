r"""Gradient descent on a ranking loss: as the theory has it, and as the paper ran it.

With :math:`f = W x`, a step on W of length :math:`\eta` moves the answer by :math:`-\eta \lVert x \rVert^2 \,
\partial L / \partial f`. `descend` takes the product :math:`\eta \lVert x \rVert^2` as its rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.estimator import Answers
from consilience.methods.self_correction.ranking import (
    Cosine,
    ImplicitReward,
    NegativeSquare,
    plackett_luce,
    plackett_luce_gradient,
)
from consilience.methods.self_correction.sequences import Contexts
from consilience.neural.training import train

__all__ = ["LinearDescent", "answer_gradient", "descend"]


def answer_gradient(
    answers: Answers,
    responses: Float[Tensor, "sequence example dimension"],
    rewards: Float[Tensor, "sequence example"],
    reward: ImplicitReward,
) -> Answers:
    r"""Return :math:`\partial L_{PL} / \partial f` in closed form, by the chain rule through the implicit reward.

    For `ranking.NegativeSquare` it is :math:`-2 \sum_i (y_{\tau_i} - \bar y_i)`, with :math:`\bar y_i` the mean of what
    remains when the i-th best is chosen, under the policy's own probabilities.
    """
    slopes = plackett_luce_gradient(reward(answers[:, None], responses), rewards[:, None])
    return reward.gradient(answers[:, None], responses, slopes)[:, 0]


def descend(
    start: Answers,
    responses: Float[Tensor, "sequence example dimension"],
    rewards: Float[Tensor, "sequence example"],
    *,
    rate: float,
    steps: int,
    reward: ImplicitReward = NegativeSquare(),  # noqa: B008 - frozen
) -> Answers:
    """Return the answers after so many steps of plain gradient descent on the Plackett-Luce loss.

    Without a limit on the steps this need not end: where answers lie on a line, the loss under `NegativeSquare` falls
    without end along it.
    """
    answers = start
    for _ in range(steps):
        answers = answers - rate * answer_gradient(answers, responses, rewards, reward)
    return answers


@dataclass(frozen=True, kw_only=True)
class LinearDescent:
    """The paper's baseline: a linear map of the question, trained on one context by Adam from fresh weights.

    All contexts are trained at once; Adam treats every weight by itself, so that none feels the others. The paper's
    code takes ``int(50 - 25 p)`` steps where a share p of the rewards is noise; here the steps are what is asked for.
    """

    seed: int = 0
    """Of the first weights, uniform on plus or minus one over the root of the dimension."""
    steps: int = 50
    """Of Adam."""
    learning_rate: float = 0.1
    """Of Adam, level."""
    reward: ImplicitReward = field(default_factory=Cosine)

    def __post_init__(self) -> None:
        """Refuse no steps."""
        if self.steps < 1:
            raise InvalidInput(f"`steps` must be at least 1; got {self.steps}")

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        generator = torch.Generator().manual_seed(self.seed)
        size = (len(contexts), contexts.dimension, contexts.dimension)
        first = (2 * torch.rand(size, generator=generator) - 1) / math.sqrt(contexts.dimension)
        weights = first.to(contexts.query).requires_grad_()

        def answers() -> Answers:
            return (weights @ contexts.query[..., None]).squeeze(-1)

        def loss(_step: int) -> Tensor:
            implicit = self.reward(answers()[:, None], contexts.responses)[:, 0]
            return plackett_luce(implicit, contexts.rewards).sum()

        rate = self.learning_rate
        train([weights], loss, steps=self.steps, learning_rate=rate, schedule="constant", clip=None)
        return answers().detach()
