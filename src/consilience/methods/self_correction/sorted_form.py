r"""Two blocks a step where the context is sorted: all places of the ranking at once, and no sharpness.

Sorted by rising reward, what remains at an answer is what a causal mask lets it see: itself and all worse ones. So one
softmax head under a causal mask takes the policy's mean at every place of the ranking in parallel, and a second block,
whose head looks at all answers alike, sums the differences and moves the answer. That is exact up to rounding. It is
not in the paper; it says that depth N - 1 is the price of sorting, not of descent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.estimator import Answers
from consilience.methods.self_correction.ranking import ranking
from consilience.methods.self_correction.wiring import HIDDEN, Channels, Head, Units, blank
from consilience.neural.masks import causal, complete
from consilience.neural.transformer import Transformer

__all__ = ["SortedDescent"]


@dataclass(frozen=True, kw_only=True)
class SortedDescent:
    """Gradient descent on the Plackett-Luce loss by a transformer with two blocks a step, on sorted contexts.

    Parameters
    ----------
    rate
        Of descent, times the squared length of the question.
    steps
        Of descent.

    Examples
    --------
    >>> from consilience.methods.self_correction.descent import descend
    >>> responses = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]], dtype=torch.float64)
    >>> rewards, start = torch.tensor([[0.2, 0.9, 0.5]], dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    >>> made = SortedDescent(rate=0.1, steps=3)(start, responses, rewards)
    >>> bool((made - descend(start, responses, rewards, rate=0.1, steps=3)).abs().max() < 1e-14)
    True
    """

    rate: float
    steps: int

    def __post_init__(self) -> None:
        """Refuse a step of nothing."""
        if self.steps < 1:
            raise InvalidInput(f"`steps` must be at least 1; got {self.steps}")

    def __call__(
        self,
        start: Answers,
        responses: Float[Tensor, "sequence example dimension"],
        rewards: Float[Tensor, "sequence example"],
    ) -> Answers:
        """Return the answers after all steps; contexts are sorted first, which is not the transformer's doing."""
        order = ranking(rewards).flip(-1)
        rising = torch.gather(responses, 1, order[..., None].expand_as(responses))
        tokens = _tokens(start, rising)
        masks = (causal(tokens.shape[1]), complete(tokens.shape[1]))
        for place, block in enumerate(self.transformer(responses.shape[2], responses.shape[1]).blocks):
            tokens = block(tokens, masks[place % 2])
        return tokens[:, -1, _channels(responses.shape[2])["answer"]]

    def transformer(self, dimension: int, examples: int) -> Transformer:
        """Return the transformer for contexts of a size; its blocks take a causal and a complete mask in turn."""
        channels = _channels(dimension)
        idle, clear = Units(channels), Units(channels)
        clear.linear("mean", {"mean": -1.0})
        model, blocks = blank(channels, 1, 2 * self.steps, len(clear))
        for place, block in enumerate(blocks):
            head = Head(block.attention, 0, channels)
            head.score({"one": 1.0}, {"asks": -HIDDEN})
            if place % 2 == 0:
                head.score({"answer": 2.0}, {"response": 1.0})
                head.score({"one": 1.0}, {"square": -1.0})
                head.carry({"response": 1.0}, "mean")
                idle.write(block)
            else:
                factor = 2 * self.rate * examples
                head.carry({"response": factor, "mean": -factor}, "answer")
                clear.write(block)
        return model


def _channels(dimension: int) -> Channels:
    vectors = dict.fromkeys(("answer", "response", "mean"), dimension)
    return Channels(1, **vectors, **dict.fromkeys(("square", "one", "asks"), 1))


def _tokens(start: Tensor, rising: Tensor) -> Float[Tensor, "sequence token channel"]:
    """Return the tokens; every one of them holds the answer, which all places of the ranking ask for."""
    channels = _channels(rising.shape[2])
    tokens = torch.zeros(len(rising), rising.shape[1] + 1, channels.width, dtype=torch.float64)
    tokens[:, :-1, channels["response"]] = rising.double()
    tokens[:, :-1, channels["square"]] = rising.double().square().sum(dim=-1, keepdim=True)
    tokens[:, :, channels["answer"]] = start.double()[:, None]
    tokens[:, :, channels["one"]] = 1.0
    tokens[:, -1, channels["asks"]] = 1.0
    return tokens
