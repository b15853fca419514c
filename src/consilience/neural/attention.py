"""Attention under any mask, by softmax or linear, in as many heads as the width allows."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.neural.masks import Allowed, require_mask

__all__ = ["Attention", "Kind", "attention_weights", "linear_attention"]

Kind = Literal["softmax", "linear"]
"""How scores become weights."""

Tokens = Float[Tensor, "batch token width"]
Heads = Float[Tensor, "batch head token feature"]


def attention_weights(
    queries: Heads, keys: Heads, allowed: Allowed | None = None
) -> Float[Tensor, "batch head token token"]:
    r"""Return what softmax attention weighs each token with: :math:`\mathrm{softmax}_j(q_i^\top k_j / \sqrt{d})`.

    `Attention` never forms this matrix; it is for whoever wants to look at it.

    Raises
    ------
    InvalidInput
        If the mask does not fit or has an empty row.
    """
    scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
    if allowed is not None:
        require_mask(allowed, queries.shape[-2], len(queries))
        scores = scores.masked_fill(~_over_heads(allowed), -torch.inf)
    return scores.softmax(dim=-1)


def linear_attention(queries: Heads, keys: Heads, values: Heads, allowed: Allowed | None = None) -> Heads:
    r"""Return :math:`\frac{1}{|A_i|} \sum_{j \in A_i} (q_i^\top k_j / \sqrt{d})\, v_j`, with :math:`A_i` what i sees.

    The mean instead of the sum keeps the size of the output independent of how many tokens there are.
    """
    scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
    if allowed is None:
        return scores @ values / keys.shape[-2]
    seen = _over_heads(allowed)
    return scores.masked_fill(~seen, 0.0) @ values / seen.sum(dim=-1, keepdim=True)


class Attention(nn.Module):
    """Self-attention in several heads, each on its own share of the width.

    Parameters
    ----------
    width
        Features a token has.
    heads
        How many; a divisor of `width`.
    kind
        ``"softmax"``, or ``"linear"`` for scores used as they are, averaged over the tokens seen (`linear_attention`).
    bias
        Whether the four linear maps have one.

    Raises
    ------
    InvalidInput
        If `width` is no multiple of `heads`.
    UnknownName
        If there is no such kind.

    Examples
    --------
    >>> Attention(8, heads=2)(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, heads: int = 1, *, kind: Kind = "softmax", bias: bool = False) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise InvalidInput(f"`width` must be a positive multiple of `heads`; got {width} and {heads}")
        if kind not in ("softmax", "linear"):
            raise UnknownName("kind of attention", kind, ("softmax", "linear"))
        self.heads = heads
        self.kind = kind
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def forward(self, tokens: Tokens, allowed: Allowed | None = None) -> Tokens:
        """Return what every token gathers from the tokens it may attend to.

        Parameters
        ----------
        tokens
        allowed
            ``allowed[i, j]``, or ``allowed[b, i, j]`` for a mask a sequence: whether token i may attend to token j.
            None allows all.

        Raises
        ------
        InvalidInput
            If the mask does not fit or has an empty row.
        """
        if allowed is not None:
            require_mask(allowed, tokens.shape[1], len(tokens))
        queries, keys, values = (self._split(part(tokens)) for part in (self.query, self.key, self.value))
        if self.kind == "linear":
            gathered = linear_attention(queries, keys, values, allowed)
        else:
            mask = None if allowed is None else _over_heads(allowed)
            gathered = scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        mixed: Tensor = self.output(gathered.transpose(1, 2).flatten(2))
        return mixed

    def _split(self, tokens: Tokens) -> Heads:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


def _over_heads(allowed: Tensor) -> Tensor:
    return allowed if allowed.ndim == 2 else allowed[:, None]  # noqa: PLR2004 - one mask for all
