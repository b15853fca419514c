"""A small transformer whose parts can be taken out one at a time: heads, softmax, feed-forward, norm, skip."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.neural.attention import Attention, Kind
from consilience.neural.masks import Allowed

__all__ = ["Block", "FeedForward", "Norm", "Transformer", "parameters"]

Norm = Literal["pre", "post", "none"]
"""LayerNorm before each half of a block, after it, or nowhere."""

Tokens = Float[Tensor, "batch token width"]


class FeedForward(nn.Module):
    """Two linear maps with a nonlinearity between them, on every token alone."""

    def __init__(self, width: int, hidden: int, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.activation = activation()
        self.leave = nn.Linear(hidden, width)

    def forward(self, tokens: Tokens) -> Tokens:
        """Return what every token makes of itself."""
        made: Tensor = self.leave(self.activation(self.enter(tokens)))
        return made


class Block(nn.Module):
    """Attention, then a feed-forward network on every token alone.

    Parameters
    ----------
    width, heads, kind, bias
        As of `Attention`.
    feedforward
        Hidden width of the feed-forward network; None leaves it out.
    norm
    skip
        Whether each half adds to the tokens instead of replacing them.
    activation
        Nonlinearity of the feed-forward network.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        feedforward: int | None,
        kind: Kind = "softmax",
        norm: Norm = "pre",
        skip: bool = True,
        activation: type[nn.Module] = nn.GELU,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if norm not in ("pre", "post", "none"):
            raise UnknownName("placement of LayerNorm", norm, ("pre", "post", "none"))
        if feedforward is not None and feedforward < 1:
            raise InvalidInput(f"`feedforward` must be at least 1, or None for no such network; got {feedforward}")
        self.norm = norm
        self.skip = skip
        self.attention = Attention(width, heads, kind=kind, bias=bias)
        self.attention_norm = _normalisation(width, norm)
        self.feedforward = None
        if feedforward is not None:
            self.feedforward = FeedForward(width, feedforward, activation)
            self.feedforward_norm = _normalisation(width, norm)

    def forward(self, tokens: Tokens, allowed: Allowed | None = None) -> Tokens:
        """Return the tokens after both halves."""
        before = self.attention_norm(tokens) if self.norm == "pre" else tokens
        tokens = self._joined(tokens, self.attention(before, allowed), self.attention_norm)
        if self.feedforward is None:
            return tokens
        before = self.feedforward_norm(tokens) if self.norm == "pre" else tokens
        return self._joined(tokens, self.feedforward(before), self.feedforward_norm)

    def _joined(self, tokens: Tensor, change: Tensor, after: nn.Module) -> Tensor:
        joined = tokens + change if self.skip else change
        normed: Tensor = after(joined) if self.norm == "post" else joined
        return normed


class Transformer(nn.Module):
    """Blocks in a row, on tokens that are vectors already; embedding and reading out are the caller's.

    Parameters
    ----------
    width
        Features a token has.
    heads
        Of attention; a divisor of `width`.
    depth
        How many blocks.
    feedforward
        Hidden width of the feed-forward networks; ``"auto"`` is four times `width`, and None leaves them out.
    kind
        Of attention, ``"softmax"`` or ``"linear"``.
    norm
        ``"pre"`` (with one more LayerNorm after the last block), ``"post"`` or ``"none"``.
    skip
        Whether blocks add to the tokens.
    activation
        Nonlinearity of the feed-forward networks.
    bias
        Whether the maps of attention have one.

    Attributes
    ----------
    blocks : nn.ModuleList
        The `Block` modules, in order.

    Raises
    ------
    InvalidInput
        If a size is below 1 or `width` is no multiple of `heads`.

    Examples
    --------
    >>> import torch
    >>> from consilience.neural.masks import causal
    >>> model = Transformer(8, heads=2, depth=3, feedforward=None)
    >>> model(torch.zeros(1, 4, 8), causal(4)).shape
    torch.Size([1, 4, 8])
    >>> parameters(model) == 3 * (4 * 8 * 8 + 2 * 8) + 2 * 8
    True
    """

    def __init__(
        self,
        width: int,
        heads: int,
        depth: int,
        *,
        feedforward: int | Literal["auto"] | None = "auto",
        kind: Kind = "softmax",
        norm: Norm = "pre",
        skip: bool = True,
        activation: type[nn.Module] = nn.GELU,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise InvalidInput(f"`depth` must be at least 1; got {depth}")
        hidden = 4 * width if feedforward == "auto" else feedforward
        self.blocks = nn.ModuleList(
            Block(width, heads, feedforward=hidden, kind=kind, norm=norm, skip=skip, activation=activation, bias=bias)
            for _ in range(depth)
        )
        self.final_norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()

    def forward(self, tokens: Tokens, allowed: Allowed | None = None) -> Tokens:
        """Return the tokens after the last block.

        Parameters
        ----------
        tokens
        allowed
            ``allowed[i, j]`` or ``allowed[b, i, j]``: whether token i may attend to token j. None allows all.

        Raises
        ------
        InvalidInput
            If the mask does not fit or has an empty row.
        """
        for block in self.blocks:
            tokens = block(tokens, allowed)
        final: Tensor = self.final_norm(tokens)
        return final


def parameters(module: nn.Module) -> int:
    """Count the numbers that training changes."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _normalisation(width: int, norm: Norm) -> nn.Module:
    return nn.Identity() if norm == "none" else nn.LayerNorm(width)
