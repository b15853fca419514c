"""Weights of a transformer written down instead of learned: channels by name, heads and hidden units one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from consilience.neural.attention import Attention
from consilience.neural.transformer import Block, FeedForward, Transformer

__all__ = ["HIDDEN", "Channels", "Head", "Units", "blank"]

HIDDEN = 1e4
"""Taken off the score of what is not to be seen, beyond what sharpness times the range of rewards can add to it."""


class Channels:
    """The width of a transformer, shared out among quantities by name.

    Parameters
    ----------
    heads
        The width is filled up with unused channels to a multiple of this.
    **sizes
        How many channels each quantity takes.

    Examples
    --------
    >>> channels = Channels(2, f=2, reward=1)
    >>> channels["f"], channels["reward"], channels.width
    ([0, 1], [2], 4)
    """

    def __init__(self, heads: int, **sizes: int) -> None:
        self._places: dict[str, list[int]] = {}
        used = 0
        for name, size in sizes.items():
            self._places[name] = list(range(used, used + size))
            used += size
        self.width = -(-used // heads) * heads

    def __getitem__(self, name: str) -> list[int]:
        """Return the channels of a quantity."""
        return self._places[name]


class Head:
    """One head of a zeroed attention layer, whose features are given meaning one after another.

    Parameters
    ----------
    attention
        Without biases, all weights zero.
    number
        Which of its heads.
    channels
    """

    def __init__(self, attention: Attention, number: int, channels: Channels) -> None:
        self._attention = attention
        self._channels = channels
        size = channels.width // attention.heads
        self._first = number * size
        self._scored = self._carried = 0
        # Scores are divided by the root of the head's size.
        self._scale = size**0.5

    def score(self, query: Mapping[str, float], key: Mapping[str, float]) -> None:
        """Add to every score the inner product of a combination of quantities here and one there.

        Parameters
        ----------
        query, key
            Quantities of one size with their factors.
        """
        features = self._features(len(self._channels[next(iter(query))]), self._scored)
        self._scored += len(features)
        for name, factor in query.items():
            _connect(self._attention.query, features, self._channels[name], factor * self._scale)
        for name, factor in key.items():
            _connect(self._attention.key, features, self._channels[name], factor)

    def carry(self, source: Mapping[str, float], target: str) -> None:
        """Add to the quantity `target` the attended mean of a combination of quantities."""
        features = self._features(len(self._channels[target]), self._carried)
        self._carried += len(features)
        for name, factor in source.items():
            _connect(self._attention.value, features, self._channels[name], factor)
        _connect(self._attention.output, self._channels[target], features, 1.0)

    def _features(self, count: int, taken: int) -> list[int]:
        return list(range(self._first + taken, self._first + taken + count))


class Units:
    """The rectified units of a feed-forward network, collected one by one."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._units: list[tuple[Tensor, float, Tensor]] = []

    def unit(self, inputs: Mapping[str, float], bias: float, outputs: Mapping[str, float]) -> None:
        """Add to quantities the rectified combination of others, channel by channel.

        Parameters
        ----------
        inputs, outputs
            Quantities of one size with their factors.
        bias
            Added before rectifying.
        """
        for place in range(len(self._channels[next(iter(outputs))])):
            self._units.append((self._vector(inputs, place), bias, self._vector(outputs, place)))

    def linear(self, source: str, outputs: Mapping[str, float]) -> None:
        """Add to quantities multiples of another: a number is its rectified self less its rectified negative."""
        for sign in (1.0, -1.0):
            self.unit({source: sign}, 0.0, {name: sign * factor for name, factor in outputs.items()})

    def write(self, block: Block) -> None:
        """Write the units into a block; units it has beyond them stay zero."""
        network = cast("FeedForward", block.feedforward)
        with torch.no_grad():
            for place, (inputs, bias, outputs) in enumerate(self._units):
                network.enter.weight[place] = inputs
                network.enter.bias[place] = bias
                network.leave.weight[:, place] = outputs

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self._units)

    def _vector(self, factors: Mapping[str, float], place: int) -> Tensor:
        vector = torch.zeros(self._channels.width, dtype=torch.float64)
        for name, factor in factors.items():
            vector[self._channels[name][place]] += factor
        return vector


def blank(channels: Channels, heads: int, depth: int, units: int) -> tuple[Transformer, list[Block]]:
    """Return a transformer in double precision with skips, ReLU and no LayerNorm, all weights zero, and its blocks."""
    model = Transformer(channels.width, heads, depth, feedforward=units, norm="none", activation=nn.ReLU).double()
    for weight in model.parameters():
        nn.init.zeros_(weight)
    model.requires_grad_(requires_grad=False)
    return model, list(cast("Iterable[Block]", model.blocks))


def _connect(layer: nn.Linear, rows: list[int], columns: list[int], factor: float) -> None:
    with torch.no_grad():
        layer.weight[rows, columns] += factor
