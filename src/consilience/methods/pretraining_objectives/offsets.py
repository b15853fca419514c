"""Targets that lie one, two, ... tokens ahead, never wrapped around and never in another document."""

from __future__ import annotations

from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from consilience.ground.errors import InvalidInput

__all__ = ["IGNORED", "document_numbers", "offset_labels"]

IGNORED = -100
"""Label of a position that is no target, as in transformers and torch."""


def document_numbers(tokens: Int[Tensor, "row token"], end: int) -> Int[Tensor, "row token"]:
    """Number the documents of packed rows; the mark that ends a document belongs to it.

    Examples
    --------
    >>> import torch
    >>> document_numbers(torch.tensor([[5, 6, 0, 7, 0]]), end=0).tolist()
    [[0, 0, 0, 1, 1]]
    """
    ends = tokens == end
    return ends.cumsum(dim=1) - ends.long()


def offset_labels(
    tokens: Int[Tensor, "row token"],
    offsets: int,
    *,
    real: Bool[Tensor, "row token"] | None = None,
    documents: Int[Tensor, "row token"] | None = None,
) -> Int[Tensor, "row token offset"]:
    """Return ``labels[b, t, k] = tokens[b, t + k + 1]``, or -100 where there is no such token to predict.

    Parameters
    ----------
    tokens
    offsets
        How many tokens ahead targets lie at most, K; those past the end of a short row are ignored.
    real
        Tokens that are no padding; neither predicted nor predicted from otherwise.
    documents
        Which document a token belongs to; targets in another document are ignored.

    Raises
    ------
    InvalidInput
        If there are no offsets.

    Examples
    --------
    >>> import torch
    >>> offset_labels(torch.tensor([[1, 2, 3]]), 2).tolist()
    [[[2, 3], [3, -100], [-100, -100]]]
    """
    if offsets < 1:
        raise InvalidInput(f"`offsets` must be at least 1; got {offsets}")
    labels = _ahead(tokens if real is None else tokens.masked_fill(~real, IGNORED), offsets, IGNORED)
    if real is not None:
        labels = labels.masked_fill(~real[:, :, None], IGNORED)
    if documents is not None:
        labels = labels.masked_fill(_ahead(documents, offsets, -1) != documents[:, :, None], IGNORED)
    return labels


def _ahead(values: Tensor, offsets: int, filling: int) -> Tensor:
    """Return a view in which the k-th entry at a place is the value k + 1 places ahead."""
    return pad(values, (0, offsets), value=filling)[:, 1:].unfold(1, offsets, 1)
