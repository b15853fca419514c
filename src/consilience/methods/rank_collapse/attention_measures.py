"""Measures of attention weights: how evenly they are spread, and the smallest that the mask allows."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.moments import widest
from consilience.methods.rank_collapse.profile import EPSILONS, Reading

__all__ = ["attention_entropy", "smallest_edge", "whether_valid"]

Weights = Float[Tensor, "batch head query key"]


def attention_entropy(
    weights: Weights, valid: Bool[Tensor, "batch query"] | Int[Tensor, "batch query"] | None = None
) -> Reading:
    r"""Measure how evenly queries spread their attention: the mean of :math:`-\sum_j a_{ij} \ln a_{ij}`, in nats.

    Parameters
    ----------
    weights
        Rows that sum to one.
    valid
        False or 0 at queries that are padding.

    Returns
    -------
    Reading
        A value for each sequence and head: 0 when every query looks at one token, the logarithm of the number of
        tokens when it looks at all of them alike.

    Raises
    ------
    InvalidInput
        If weights are not finite, or a sequence has no query.
    """
    entropy = (
        torch.special.entr(weights.to(torch.promote_types(weights.dtype, torch.float32)))
        .sum(dim=-1)
        .to(widest(weights.device))
    )
    kept = _queries(weights, valid)[:, None, :]
    value = torch.where(kept, entropy, 0.0).sum(dim=-1) / kept.sum(dim=-1)
    return _finite(value, weights)


def smallest_edge(weights: Weights, allowed: Bool[Tensor, "#batch #head query key"] | None = None) -> Reading:
    r"""Measure the smallest attention weight on an edge of the mask, the :math:`\epsilon` of the bound of collapse.

    Parameters
    ----------
    weights
        Rows that sum to one.
    allowed
        Edges of the mask: true where a query may attend to a key, false at padding. Without it, all weights that are
        not zero are taken for edges, so that edges whose weight underflows are missed.

    Returns
    -------
    Reading
        A value for each sequence and head. Weights below the floor are lost when values are summed.

    Raises
    ------
    InvalidInput
        If weights are not finite, or nothing is allowed.
    """
    edges = weights != 0 if allowed is None else allowed
    return _finite(torch.where(edges, weights, torch.inf).amin(dim=(-2, -1)).to(widest(weights.device)), weights)


def _queries(weights: Tensor, valid: Tensor | None) -> Tensor:
    everything = torch.ones(weights.shape[0], weights.shape[2], dtype=torch.bool, device=weights.device)
    return everything if valid is None else whether_valid(valid)


def whether_valid(valid: Tensor) -> Bool[Tensor, "*shape"]:
    """Return which tokens are none of padding, as booleans: a tokeniser says it by ones and zeros.

    Raises
    ------
    InvalidInput
        If it is said in other numbers, such as those that are added to logits.
    """
    if valid.dtype != torch.bool and (valid.is_floating_point() or not ((valid == 0) | (valid == 1)).all()):
        raise InvalidInput(f"`valid` must be true or 1 at tokens and false or 0 at padding; got {valid.dtype}.")
    return valid.bool()


def _finite(value: Tensor, weights: Tensor) -> Reading:
    if not value.isfinite().all():
        raise InvalidInput("attention weights must be finite, and every sequence must have a query and a key.")
    return Reading(value, torch.full_like(value, EPSILONS * torch.finfo(weights.dtype).eps))
