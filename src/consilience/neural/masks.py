"""Who attends to whom: boolean matrices in which ``allowed[i, j]`` says that token i may attend to token j."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = ["Allowed", "causal", "complete", "require_mask"]

Allowed = Bool[Tensor, "token token"] | Bool[Tensor, "batch token token"]
"""One mask for every sequence, or one for each."""


def causal(tokens: int, *, device: torch.device | str | None = None) -> Bool[Tensor, "token token"]:
    """Let every token attend to itself and to all before it.

    Examples
    --------
    >>> causal(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    return complete(tokens, device=device).tril()


def complete(tokens: int, *, device: torch.device | str | None = None) -> Bool[Tensor, "token token"]:
    """Let every token attend to every token.

    Raises
    ------
    InvalidInput
        If there is no token.
    """
    if tokens < 1:
        raise InvalidInput(f"`tokens` must be at least 1; got {tokens}")
    return torch.ones(tokens, tokens, dtype=torch.bool, device=device)


def require_mask(allowed: Tensor, tokens: int, batch: int | None = None) -> None:
    """Refuse a mask that does not fit the sequences, or that lets a token attend to nobody.

    A softmax over nothing has no value. The rows are not looked at while a model is being compiled, which cannot branch
    on them.

    Parameters
    ----------
    allowed
        The mask, of shape (token, token) or (batch, token, token).
    tokens
        Length of the sequences.
    batch
        How many there are, when known.

    Raises
    ------
    InvalidInput
        If the type or the shape is another, or a row is empty; the first such row is named.
    """
    fits = tuple(allowed.shape[-2:]) == (tokens, tokens) and allowed.ndim in (2, 3)
    if allowed.dtype != torch.bool or not fits or (allowed.ndim == 3 and batch not in (None, len(allowed))):  # noqa: PLR2004 - a mask for each sequence
        raise InvalidInput(
            f"the mask must be boolean, of shape ({tokens}, {tokens}) or one such for each sequence; "
            f"got {allowed.dtype} of shape {tuple(allowed.shape)}"
        )
    if not torch.compiler.is_compiling() and not bool(allowed.any(dim=-1).all()):
        row = int((~allowed.any(dim=-1)).nonzero()[0][-1])
        raise InvalidInput(f"every token must attend to some token; token {row} attends to none: let it see itself")
