r"""Losses of rankings: Bradley-Terry of pairs, Plackett-Luce of whole orders, over all prefixes of a context at once.

A policy f ranks answers by an implicit reward :math:`R_j = R(f, y_j)`; what is observed is the order :math:`\tau` of
the rewards, the best first. Plackett and Luce let the best remaining answer be drawn again and again:

.. math::
    L = \sum_{i=1}^{N-1} \Bigl( \log \sum_{j \ge i} e^{R_{\tau_j}} - R_{\tau_i} \Bigr),
    \qquad \frac{\partial L}{\partial R_j} = -1 + \sum_{i:\, j \text{ remains at } i} p_{ij},
    \qquad p_{ij} = \frac{e^{R_j}}{\sum_{k \text{ remains at } i} e^{R_k}} .

Of two answers with equal rewards the earlier one ranks higher, everywhere in this room: losses then have a value, and
the same one on every machine. `require_distinct` is for what cannot do with ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = [
    "Cosine",
    "ImplicitReward",
    "NegativeSquare",
    "bradley_terry",
    "plackett_luce",
    "plackett_luce_gradient",
    "plackett_luce_over_prefixes",
    "ranking",
    "require_distinct",
]

Predictions = Float[Tensor, "*batch prediction dimension"]
Responses = Float[Tensor, "*batch example dimension"]
Values = Float[Tensor, "*batch prediction example"]


@runtime_checkable
class ImplicitReward(Protocol):
    """How well a policy's own answer agrees with an answer that it is shown."""

    def __call__(self, predictions: Predictions, responses: Responses) -> Values:
        """Return the reward of every response under every prediction."""
        ...

    def gradient(self, predictions: Predictions, responses: Responses, weights: Values) -> Predictions:
        """Return the gradient, by each prediction, of the sum of its rewards with these weights."""
        ...


@dataclass(frozen=True)
class NegativeSquare:
    r"""The log-likelihood of a Gaussian policy: :math:`R = -\lVert f - y \rVert^2`, as in the paper's theory."""

    def __call__(self, predictions: Predictions, responses: Responses) -> Values:
        """Return the reward of every response under every prediction."""
        return -(predictions[..., :, None, :] - responses[..., None, :, :]).square().sum(dim=-1)

    def gradient(self, predictions: Predictions, responses: Responses, weights: Values) -> Predictions:
        r"""Return :math:`2 \sum_j w_j (y_j - f)`."""
        return 2 * (weights @ responses - weights.sum(dim=-1, keepdim=True) * predictions)


@dataclass(frozen=True)
class Cosine:
    r"""The cosine of the angle between f and y, as in the paper's experiments; 0 where either is the zero vector."""

    def __call__(self, predictions: Predictions, responses: Responses) -> Values:
        """Return the reward of every response under every prediction."""
        return _directions(predictions) @ _directions(responses).transpose(-1, -2)

    def gradient(self, predictions: Predictions, responses: Responses, weights: Values) -> Predictions:
        r"""Return :math:`\sum_j w_j (\hat y_j - R_j \hat f) / \lVert f \rVert`."""
        ahead, rewards = _directions(predictions), self(predictions, responses)
        pulled = weights @ _directions(responses) - (weights * rewards).sum(dim=-1, keepdim=True) * ahead
        return pulled / _lengths(predictions)


def bradley_terry(winner: Float[Tensor, "*batch"], loser: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    r"""Return :math:`-\log \sigma(R_w - R_l)`, the loss of pairs of implicit rewards."""
    return torch.nn.functional.softplus(loser - winner)


def plackett_luce(
    implicit: Float[Tensor, "*batch example"], rewards: Float[Tensor, "*batch example"]
) -> Float[Tensor, "*batch"]:
    """Return the loss of implicit rewards under the order that the rewards give.

    Examples
    --------
    >>> plackett_luce(torch.zeros(3), torch.tensor([0.2, 0.9, 0.5])).exp()  # one of 3! orders
    tensor(6.)
    """
    ordered = torch.gather(implicit, -1, ranking(rewards))
    return (_log_remaining(ordered) - ordered).sum(dim=-1)


def plackett_luce_over_prefixes(
    implicit: Float[Tensor, "batch prefix example"], rewards: Float[Tensor, "batch example"]
) -> Float[Tensor, "batch prefix"]:
    """Return, for every n, the loss of the n-th prediction under the order of the first n rewards.

    Rewards are ordered once. In that order a prefix leaves gaps; filled with next to nothing, they weigh nothing in the
    running sums from the end, so that all prefixes together take as much memory as the implicit rewards.

    Parameters
    ----------
    implicit
        ``implicit[b, n, j]``: the reward of response j under the prediction that has seen responses 0 to n. What lies
        beyond the prefix is not looked at.
    rewards
        Of all responses.

    Returns
    -------
    tensor
        Loss of each prefix; 0 for the first, which has one response.
    """
    order = ranking(rewards)[:, None].expand_as(implicit)
    seen = order <= torch.arange(implicit.shape[1], device=order.device)[:, None]
    ordered = torch.gather(implicit, -1, order)
    remaining = _log_remaining(ordered.masked_fill(~seen, _next_to_nothing(ordered.dtype)))
    return torch.where(seen, remaining - ordered, 0.0).sum(dim=-1)


def plackett_luce_gradient(
    implicit: Float[Tensor, "*batch example"], rewards: Float[Tensor, "*batch example"]
) -> Float[Tensor, "*batch example"]:
    r"""Return :math:`\partial L / \partial R_j = -1 + \sum_i p_{ij}` in closed form; the sum over j is 0."""
    order = ranking(rewards)
    ordered = torch.gather(implicit, -1, order)
    chances = torch.exp(ordered[..., None, :] - _log_remaining(ordered)[..., :, None])
    slopes = chances.triu().sum(dim=-2) - 1
    return torch.zeros_like(implicit).scatter(-1, order, slopes)


def ranking(rewards: Float[Tensor, "*batch example"]) -> Int[Tensor, "*batch example"]:
    """Return the positions from the highest reward to the lowest, of equal ones the earlier first.

    Raises
    ------
    InvalidInput
        If a reward is NaN, which has no place in an order.

    Examples
    --------
    >>> ranking(torch.tensor([0.5, 0.9, 0.5])).tolist()
    [1, 0, 2]
    """
    if bool(rewards.isnan().any()):
        raise InvalidInput("rewards must be numbers; got NaN, which has no place in an order: leave such answers out")
    return torch.sort(rewards, dim=-1, descending=True, stable=True).indices


def require_distinct(rewards: Float[Tensor, "*batch example"]) -> float:
    """Return the smallest distance between two rewards of a context, and refuse ties.

    Raises
    ------
    InvalidInput
        If two rewards of a context are equal, or there is only one.
    """
    if rewards.shape[-1] < 2:  # noqa: PLR2004 - an order needs two
        raise InvalidInput("a ranking needs at least two answers; got a context with one")
    gap = float(rewards.sort(dim=-1).values.diff(dim=-1).min())
    if gap <= 0:
        raise InvalidInput(
            "the rewards of a context must differ; got a tie: leave one of the two answers out, or break the tie"
        )
    return gap


def _log_remaining(ordered: Float[Tensor, "*batch example"]) -> Float[Tensor, "*batch example"]:
    """Return the logarithm of the summed exponentials from each place to the last."""
    return torch.logcumsumexp(ordered.flip(-1), dim=-1).flip(-1)


def _next_to_nothing(dtype: torch.dtype) -> float:
    """Return a number whose exponential is 0 and whose differences are finite."""
    return torch.finfo(dtype).min / 4


def _directions(vectors: Float[Tensor, "*batch dimension"]) -> Float[Tensor, "*batch dimension"]:
    return vectors / _lengths(vectors)


def _lengths(vectors: Float[Tensor, "*batch dimension"]) -> Float[Tensor, "*batch 1"]:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return lengths.clamp(min=torch.finfo(vectors.dtype).tiny)
