r"""A transformer that does gradient descent in context, by weights in closed form: N - 1 blocks a step.

A step of descent on the Plackett-Luce loss moves the answer by :math:`2 \eta \lVert x \rVert^2 \sum_i (y_{\tau_i} -
\bar y_i)` (`descent.answer_gradient`). Block i contributes the i-th term. Its first head finds the best remaining
answer, by scores of sharpness times reward: a softmax that is a maximum up to :math:`e^{-\beta \delta}`, with
:math:`\beta` the sharpness and :math:`\delta` the smallest gap between rewards. Its second head takes the policy's mean
over what remains: scores :math:`2 \langle f, y_j \rangle - \lVert y_j \rVert^2` are the implicit rewards up to what all
share. The feed-forward network, of rectified units, keeps the difference and marks the answer as taken, which hides it
from the next block. The last block of a step moves the answer and clears the marks.

One token an answer, holding y, its squared length and r, and one last token holding the answer f. Everything else about
the context that the weights depend on is a bound: the smallest gap, and the range of rewards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.estimator import Answers
from consilience.methods.self_correction.ranking import require_distinct
from consilience.methods.self_correction.wiring import HIDDEN, Channels, Head, Units, blank
from consilience.neural.masks import complete
from consilience.neural.transformer import Block, Transformer

__all__ = ["StackedDescent"]

HEADS = 2


@dataclass(frozen=True, kw_only=True)
class StackedDescent:
    """Gradient descent on the Plackett-Luce loss by a transformer with N - 1 blocks a step.

    Parameters
    ----------
    rate
        Of descent, times the squared length of the question.
    steps
        Of descent.
    sharpness
        Factor of the rewards in the scores of the selecting head; times the smallest gap, it decides the accuracy.

    Examples
    --------
    >>> from consilience.methods.self_correction.descent import descend
    >>> responses = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]], dtype=torch.float64)
    >>> rewards, start = torch.tensor([[0.2, 0.9, 0.5]], dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    >>> made = StackedDescent(rate=0.1, steps=3, sharpness=120.0)(start, responses, rewards)
    >>> bool((made - descend(start, responses, rewards, rate=0.1, steps=3)).abs().max() < 1e-12)
    True
    """

    rate: float
    steps: int
    sharpness: float

    def __post_init__(self) -> None:
        """Refuse a step of nothing, and a head that does not look for the best."""
        if self.steps < 1 or self.sharpness <= 0:
            raise InvalidInput(
                f"`steps` must be at least 1 and `sharpness` above 0; got {self.steps} and {self.sharpness}"
            )

    def __call__(
        self,
        start: Answers,
        responses: Float[Tensor, "sequence example dimension"],
        rewards: Float[Tensor, "sequence example"],
    ) -> Answers:
        """Return the answers after all steps.

        Raises
        ------
        InvalidInput
            If two rewards of a context are equal: between them the selecting head would take the mean.
        """
        gap = require_distinct(rewards)
        reach = float(rewards.max() - rewards.min())
        model = self.transformer(responses.shape[2], responses.shape[1], gap=gap, reach=reach)
        tokens = _tokens(start, responses, rewards - rewards.amin(dim=1, keepdim=True))
        final = model(tokens, complete(tokens.shape[1]))
        answers: Tensor = final[:, -1, _channels(responses.shape[2])["answer"]]
        return answers

    def transformer(self, dimension: int, examples: int, *, gap: float, reach: float) -> Transformer:
        """Return the transformer for contexts of a size.

        Parameters
        ----------
        dimension
            How many numbers an answer has.
        examples
            How many answers a context has.
        gap
            The smallest distance between two rewards of a context, or less.
        reach
            The largest, or more.
        """
        channels = _channels(dimension)
        inner, last = Units(channels), Units(channels)
        _take(inner, threshold=gap / 2)
        _move(last, 2 * self.rate)
        depth = self.steps * (examples - 1)
        model, blocks = blank(channels, HEADS, depth, max(len(inner), len(last)))
        hidden = HIDDEN + 2 * self.sharpness * reach
        for place, block in enumerate(blocks, start=1):
            _look(block, channels, self.sharpness, hidden)
            (last if place % (examples - 1) == 0 else inner).write(block)
        return model


def _channels(dimension: int) -> Channels:
    vectors = dict.fromkeys(("answer", "response", "sum", "best", "mean"), dimension)
    numbers = dict.fromkeys(("square", "reward", "taken", "best_reward", "one", "asks"), 1)
    return Channels(HEADS, **vectors, **numbers)


def _tokens(start: Tensor, responses: Tensor, rewards: Tensor) -> Float[Tensor, "sequence token channel"]:
    channels = _channels(responses.shape[2])
    tokens = torch.zeros(len(responses), responses.shape[1] + 1, channels.width, dtype=torch.float64)
    tokens[:, :-1, channels["response"]] = responses.double()
    tokens[:, :-1, channels["square"]] = responses.double().square().sum(dim=-1, keepdim=True)
    tokens[:, :-1, channels["reward"]] = rewards.double()[..., None]
    tokens[:, :, channels["one"]] = 1.0
    tokens[:, -1, channels["asks"]] = 1.0
    tokens[:, -1, channels["answer"]] = start.double()
    return tokens


def _look(block: Block, channels: Channels, sharpness: float, hidden: float) -> None:
    """Wire the two heads: the best remaining answer with its reward, and the policy's mean over what remains."""
    unseen = {"taken": -hidden, "asks": -hidden}
    best, mean = (Head(block.attention, number, channels) for number in range(HEADS))
    best.score({"one": 1.0}, {"reward": sharpness, **unseen})
    best.carry({"response": 1.0}, "best")
    best.carry({"reward": 1.0}, "best_reward")
    mean.score({"answer": 2.0}, {"response": 1.0})
    mean.score({"one": 1.0}, {"square": -1.0, **unseen})
    mean.carry({"response": 1.0}, "mean")


def _take(network: Units, threshold: float) -> None:
    """Add best less mean to the sum, and mark as taken whatever is no worse than the best remaining answer.

    A ramp between two rectified units is 1 from the best reward on and 0 from `threshold` below it.
    """
    network.linear("best", {"sum": 1.0, "best": -1.0})
    network.linear("mean", {"sum": -1.0, "mean": -1.0})
    network.linear("best_reward", {"best_reward": -1.0})
    network.linear("taken", {"taken": -1.0})
    above = {"reward": 1 / threshold, "best_reward": -1 / threshold}
    network.unit(above, 1.0, {"taken": 1.0})
    network.unit(above, 0.0, {"taken": -1.0})


def _move(network: Units, factor: float) -> None:
    """Move the answer along the sum with its last term, and clear everything for the next step."""
    network.linear("sum", {"answer": factor, "sum": -1.0})
    network.linear("best", {"answer": factor, "best": -1.0})
    network.linear("mean", {"answer": -factor, "mean": -1.0})
    network.linear("best_reward", {"best_reward": -1.0})
    network.linear("taken", {"taken": -1.0})
