r"""Plackett-Luce by maximum likelihood: Newton's method where utilities are affine in what is sought.

Under :math:`R_j = -\lVert f - y_j \rVert^2` differences of utilities are affine in f, as those of
:math:`2 \langle f, y_j \rangle - \lVert y_j \rVert^2`, so that the loss is convex. A minimum exists unless the order
can be had by going on and on in one direction, as it can be where all answers lie on a line; `Fit.exists` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.methods.self_correction.estimator import Answers
from consilience.methods.self_correction.ranking import plackett_luce, ranking
from consilience.methods.self_correction.sequences import Contexts

__all__ = ["Fit", "MaximumLikelihood", "fit_plackett_luce"]

Features = Float[Tensor, "sequence example feature"]

SHARE, HALVINGS = 1e-4, 40
"""Of the decrease that the slope promises, what a step must bring; and how often it is halved to bring it."""
NEAR = 20.0
"""How far a step may move two utilities apart, or half as far as they are: curvature says nothing of what is beyond."""


@dataclass(frozen=True)
class Fit:
    """What maximises the likelihood of every order, where anything does."""

    weights: Float[Tensor, "sequence feature"]
    """Where Newton's method ended."""
    exists: Bool[Tensor, " sequence"]
    """Whether it is a maximum: the last step changed next to nothing, and no endless way leads downhill along it."""
    steps: int
    """Taken until all sequences were done."""


def fit_plackett_luce(
    features: Features,
    offsets: Float[Tensor, "sequence example"],
    rewards: Float[Tensor, "sequence example"],
    *,
    steps: int = 200,
    tolerance: float = 1e-20,
) -> Fit:
    r"""Maximise the likelihood of the orders under utilities :math:`\langle w, a_j \rangle + b_j`.

    Parameters
    ----------
    features
        The :math:`a_j`.
    offsets
        The :math:`b_j`.
    rewards
        Their order is what is fitted.
    steps
        At most so many.
    tolerance
        A sequence is done when the decrease that its next step promises is below this.

    Returns
    -------
    Fit
    """
    order = ranking(rewards)
    ordered = torch.gather(features, 1, order[..., None].expand_as(features))
    shifts = torch.gather(offsets, 1, order)
    weights = features.new_zeros(len(features), features.shape[2])
    done = torch.zeros(len(features), dtype=torch.bool)
    taken = 0
    for taken in range(1, steps + 1):  # noqa: B007 - told at the end
        slope, curvature = _derivatives(weights, ordered, shifts)
        step = -torch.linalg.solve(curvature + _ridge(curvature), slope[..., None]).squeeze(-1)
        promised = -(step * slope).sum(dim=1)
        done = promised <= tolerance
        if bool(done.all()):
            break
        weights = weights + _length(weights, step, promised, ordered, shifts)[:, None] * step
    endless = (((ordered[:, :-1] - ordered[:, 1:]) @ weights[..., None]).squeeze(-1) >= 0).all(dim=1)
    return Fit(weights, done & ~endless, taken)


@dataclass(frozen=True)
class MaximumLikelihood:
    """The answer that makes the order of the rewards most likely; NaN where nothing does."""

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence."""
        middle = contexts.responses.mean(dim=1)
        away = contexts.responses - middle[:, None]
        fit = fit_plackett_luce(2 * away, -away.square().sum(dim=-1), contexts.rewards)
        return middle + torch.where(fit.exists[:, None], fit.weights, torch.nan)


def _utilities(weights: Tensor, ordered: Tensor, shifts: Tensor) -> Float[Tensor, "sequence example"]:
    utilities: Tensor = (ordered @ weights[..., None]).squeeze(-1) + shifts
    return utilities


def _derivatives(weights: Tensor, ordered: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """Return gradient and Hessian of the loss: sums over places of mean and covariance of what remains there.

    One pass from the last place, taking in one answer after another: no sum leaves the scale of 1, and each covariance
    is a sum of squares, which a difference of moments is not once rounded.
    """
    utilities = _utilities(weights, ordered, shifts)
    remaining = torch.logcumsumexp(utilities.flip(-1), dim=-1).flip(-1)
    enters = torch.exp(utilities - remaining)
    stays = torch.exp(remaining[:, 1:] - remaining[:, :-1])
    mean, spread = ordered[:, -1], torch.zeros_like(ordered[:, :1] * ordered[:, 0, :, None])
    slope, curvature = torch.zeros_like(mean), torch.zeros_like(spread)
    for place in range(ordered.shape[1] - 2, -1, -1):
        stay, enter = stays[:, place, None], enters[:, place, None]
        away = ordered[:, place] - mean
        spread = stay[..., None] * (spread + enter[..., None] * away[..., None] * away[:, None])
        mean = mean + enter * away
        slope, curvature = slope + mean - ordered[:, place], curvature + spread
    return slope, curvature


def _length(weights: Tensor, step: Tensor, promised: Tensor, ordered: Tensor, shifts: Tensor) -> Tensor:
    """Shorten the step of each sequence to where exponentials still tell, then halve it until it keeps its promise."""
    places = torch.arange(ordered.shape[1], 0, -1, device=ordered.device).expand(len(ordered), -1).to(ordered)
    before = plackett_luce(_utilities(weights, ordered, shifts), places)
    apart = _range(_utilities(weights, ordered, shifts))
    length = ((apart / 2).clamp(min=NEAR) / _range(_utilities(step, ordered, torch.zeros_like(shifts)))).clamp(max=1.0)
    for _ in range(HALVINGS):
        after = plackett_luce(_utilities(weights + length[:, None] * step, ordered, shifts), places)
        short = ~(after <= before - SHARE * length * promised + _unseen(before))
        if not bool(short.any()):
            break
        length = torch.where(short, length / 2, length)
    return length


def _range(utilities: Float[Tensor, "sequence example"]) -> Float[Tensor, " sequence"]:
    apart: Tensor = utilities.amax(dim=1) - utilities.amin(dim=1)
    return apart


def _unseen(loss: Tensor) -> Tensor:
    """Return what a change of the loss may be lost in: the utilities it is made of may be far larger than it is."""
    return math.sqrt(torch.finfo(loss.dtype).eps) / 16 * (1 + loss.abs())


def _ridge(curvature: Tensor) -> Tensor:
    """Return next to nothing on the diagonal, so that a direction the answers do not span can be solved for."""
    size = curvature.shape[-1]
    scale = curvature.diagonal(dim1=1, dim2=2).sum(dim=1).clamp(min=torch.finfo(curvature.dtype).tiny)
    return 1e-13 * scale[:, None, None] * torch.eye(size).to(curvature)
