r"""The exact minimum of what the paper trains on: the Plackett-Luce loss with cosines, where answers span a plane.

The cosines of an answer f with the responses depend only on its unit vector, and of that only on the part v in the
plane of the responses: :math:`R_j = \langle v, \hat y_j \rangle` with v in the unit disk. That is linear in v, so the
loss is convex on the disk. Its minimum lies on the circle, where a grid of angles finds it, unless the loss still falls
towards the middle there; then it lies within, and Newton's method finds it. What of f is not in the plane then points
out of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.estimator import Answers
from consilience.methods.self_correction.likelihood import fit_plackett_luce
from consilience.methods.self_correction.ranking import plackett_luce, plackett_luce_gradient
from consilience.methods.self_correction.sequences import Contexts

__all__ = ["CosineMinimiser"]

PLANE = 2
AT_ONCE = 512
"""Contexts whose grids are in memory at a time."""
FLAT = 1e-5
"""The third singular value of responses in a plane is below this share of the first."""


@dataclass(frozen=True)
class CosineMinimiser:
    """The answer of least Plackett-Luce loss under cosines, for responses that span no more than a plane.

    Raises
    ------
    InvalidInput
        If they span more.
    """

    angles: int = 360
    """Of the first grid, around the circle."""
    zooms: int = 6
    """Finer grids, each of them two steps of the last one wide."""
    fineness: int = 33
    """Angles of a finer grid."""

    def __call__(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence, of length one."""
        contexts = contexts.double()
        parts = (contexts.take(slice(first, first + AT_ONCE)) for first in range(0, len(contexts), AT_ONCE))
        return torch.cat([self._found(part) for part in parts])

    def _found(self, contexts: Contexts) -> Answers:
        frame, flat = _flattened(contexts.responses)
        directions = flat / flat.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(flat.dtype).tiny)
        best = self._on_circle(directions, contexts.rewards)
        outward = _slope_outward(best, directions, contexts.rewards)
        inside = outward > 0
        if bool(inside.any()):
            offsets = torch.zeros_like(contexts.rewards[inside])
            best[inside] = fit_plackett_luce(directions[inside], offsets, contexts.rewards[inside]).weights
        return _completed(best, frame)

    def _on_circle(self, directions: Tensor, rewards: Tensor) -> Float[Tensor, "sequence 2"]:
        """Return the best point of the circle: a grid, then grids around its best angle, finer and finer."""
        step = 2 * math.pi / self.angles
        middle = torch.zeros(len(rewards), dtype=rewards.dtype)
        offsets = step * torch.arange(self.angles, dtype=rewards.dtype)
        for _ in range(self.zooms + 1):
            grid = middle[:, None] + offsets
            losses = plackett_luce(
                _point(grid) @ directions.transpose(1, 2), rewards[:, None].expand(-1, len(offsets), -1)
            )
            middle = grid.gather(1, losses.argmin(dim=1, keepdim=True)).squeeze(1)
            offsets = torch.linspace(-step, step, self.fineness, dtype=rewards.dtype)
            step = 2 * step / (self.fineness - 1)
        return _point(middle)


def _flattened(responses: Float[Tensor, "sequence example dimension"]) -> tuple[Tensor, Tensor]:
    """Return three orthonormal directions, the first two of which span the responses, and the responses in those."""
    dimension = responses.shape[2]
    if dimension < PLANE:
        raise InvalidInput(f"answers must have at least {PLANE} numbers to lie in a plane; got {dimension}")
    moments = responses.transpose(1, 2) @ responses
    values, vectors = torch.linalg.eigh(moments)
    beyond = values[:, -3] if dimension > PLANE else torch.zeros(len(values))
    if bool((beyond > (FLAT**2) * values[:, -1]).any()):
        raise InvalidInput(
            "the responses of a context must span no more than a plane, as `LineAnswers` do; "
            "got more: train by `LinearDescent` instead"
        )
    frame = vectors.flip(-1)[..., : PLANE + 1]
    return frame, responses @ frame[..., :PLANE]


def _slope_outward(points: Tensor, directions: Tensor, rewards: Tensor) -> Float[Tensor, " sequence"]:
    implicit = (directions @ points[..., None]).squeeze(-1)
    slope: Tensor = (plackett_luce_gradient(implicit, rewards) * implicit).sum(dim=1)
    return slope


def _completed(points: Float[Tensor, "sequence 2"], frame: Tensor) -> Answers:
    """Return points of the disk as unit vectors of the whole space: what is missing points out of the plane."""
    answers: Tensor = (frame[..., :PLANE] @ points[..., None]).squeeze(-1)
    if frame.shape[-1] == PLANE:
        return answers
    out = (1 - points.square().sum(dim=1)).clamp(min=0.0).sqrt()
    return answers + out[:, None] * frame[..., PLANE]


def _point(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)
