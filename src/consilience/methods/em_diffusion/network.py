"""A residual perceptron for small images: fast on a processor, and enough for eight by eight pixels."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["ResidualPerceptron"]

LABEL_FREQUENCIES = 16
LABEL_WIDTH = 64
"""Of what the noise level is turned into before it modulates a block: one number needs no more."""


class ResidualPerceptron(nn.Module):
    """Residual blocks on all pixels at once, scaled and shifted by the noise level.

    Parameters
    ----------
    channels, rows, columns : int
        Of the images.
    width : int
        Of the hidden state.
    blocks : int
    condition_channels : int
        Further input channels that are not to be predicted.
    dropout : float
        Share of hidden units dropped in training.

    Examples
    --------
    >>> network = ResidualPerceptron(1, 8, 8, width=32, blocks=1)
    >>> network(torch.zeros(5, 1, 8, 8), torch.zeros(5)).shape
    torch.Size([5, 1, 8, 8])
    """

    frequencies: Tensor

    def __init__(
        self,
        channels: int,
        rows: int,
        columns: int,
        *,
        width: int = 256,
        blocks: int = 3,
        condition_channels: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = (channels, rows, columns)
        pixels = channels * rows * columns
        self.register_buffer("frequencies", torch.exp(torch.linspace(math.log(0.5), math.log(32.0), LABEL_FREQUENCIES)))
        self.enter = nn.Linear(pixels + condition_channels * rows * columns, width)
        self.label = nn.Sequential(nn.Linear(2 * LABEL_FREQUENCIES, LABEL_WIDTH), nn.SiLU())
        self.blocks = nn.ModuleList([_Block(width, dropout) for _ in range(blocks)])
        self.leave = nn.Linear(width, pixels)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(
        self, images: Float[Tensor, "image input row column"], label: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the network's output for images and one label each."""
        angles = label[:, None] * self.frequencies
        about = self.label(torch.cat([torch.sin(angles), torch.cos(angles)], dim=1))
        hidden = self.enter(images.flatten(1))
        for block in self.blocks:
            hidden = block(hidden, about)
        output: Tensor = self.leave(hidden)
        return output.reshape(-1, *self.shape)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(LABEL_WIDTH, 2 * width)
        self.widen = nn.Linear(width, width)
        self.narrow = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, hidden: Tensor, about: Tensor) -> Tensor:
        scale, shift = self.modulate(about).chunk(2, dim=1)
        inner = self.norm(hidden) * (1.0 + scale) + shift
        inner = self.dropout(nn.functional.silu(self.widen(inner)))
        output: Tensor = hidden + self.narrow(inner)
        return output
