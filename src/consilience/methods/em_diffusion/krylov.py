"""Linear solvers for many small systems at once, each known by its products only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["conjugate_gradients", "gmres"]

Product = Callable[[Tensor], Tensor]


def conjugate_gradients(
    product: Product, right: Float[Tensor, "image ..."], *, iterations: int, tolerance: float = 0.0
) -> Float[Tensor, "image ..."]:
    """Solve symmetric positive definite systems, one an image, by a few steps of conjugate gradients from zero.

    A system that is solved, or in which the product is not positive along the direction (rounding, or a Jacobian
    that is not symmetric), stops where it is; the others go on.

    Parameters
    ----------
    product : callable
        Maps vectors of all systems to their products.
    right : tensor, shape (image, ...)
    iterations : int
        At most.
    tolerance : float
        Norm of an image's residual, relative to its right-hand side, at which the image is done. Each judges by itself,
        so that a batch changes nothing. Above zero, every step waits for the device.

    Returns
    -------
    tensor of the shape of `right`

    Examples
    --------
    >>> right = torch.tensor([[2.0, 3.0], [0.0, 0.0]])
    >>> conjugate_gradients(lambda v: v * torch.tensor([1.0, 3.0]), right, iterations=2).round(decimals=5).tolist()
    [[2.0, 1.0], [0.0, 0.0]]
    """
    solution, residual, direction = torch.zeros_like(right), right, right
    energy = _inner(residual, residual)
    enough = tolerance**2 * energy
    for _ in range(iterations):
        if tolerance > 0 and not bool((energy > enough).any()):
            break
        image = product(direction)
        curvature = _inner(direction, image)
        sound = (curvature > 0) & (energy > enough)
        step = torch.where(sound, energy / torch.where(sound, curvature, 1.0), 0.0)
        solution = solution + step * direction
        residual = residual - step * image
        renewed = _inner(residual, residual)
        direction = residual + torch.where(sound, renewed / torch.where(sound, energy, 1.0), 0.0) * direction
        energy = torch.where(sound, renewed, 0.0)
    return solution


def gmres(product: Product, right: Float[Tensor, "image ..."], *, iterations: int) -> Float[Tensor, "image ..."]:
    r"""Solve systems that need not be symmetric, one an image, by a few steps of GMRES from zero.

    Arnoldi's vectors :math:`V_k` span the Krylov space and :math:`BV_k=V_{k+1}H`, so that the smallest residual is
    that of :math:`\min_w\|\beta e_1-Hw\|`, a least-squares problem with k unknowns, solved by QR. A system
    whose space is exhausted early has zero columns from there on, which take no part.

    Parameters and result are those of `conjugate_gradients`; the residual never grows with the iterations.

    Examples
    --------
    >>> turn = lambda v: torch.stack([-v[:, 1], v[:, 0]], dim=1)
    >>> gmres(turn, torch.tensor([[1.0, 2.0]]), iterations=2).round(decimals=5).tolist()
    [[2.0, -1.0]]
    """
    flat = right.flatten(1)
    start = flat.norm(dim=1)
    rounding = torch.finfo(right.dtype).eps
    basis = [_unit(flat, start, torch.zeros_like(start))]
    projected = right.new_zeros(len(right), iterations + 1, iterations)
    for step in range(iterations):
        image = product(basis[-1].reshape(right.shape)).flatten(1)
        rest = image
        for _ in range(2):  # once is not enough in floating point
            for place, vector in enumerate(basis):
                along = (rest * vector).sum(dim=1)
                projected[:, place, step] += along
                rest = rest - along[:, None] * vector
        size = rest.norm(dim=1)
        # What is left at the level of rounding is no direction: the space is exhausted.
        least = 10 * rounding * image.norm(dim=1)
        projected[:, step + 1, step] = torch.where(size > least, size, 0.0)
        basis.append(_unit(rest, size, least))
    weights = _least_squares(projected, start)
    return (torch.stack(basis[:-1], dim=2) @ weights[:, :, None])[:, :, 0].reshape(right.shape)


def _least_squares(
    projected: Float[Tensor, "image row column"], start: Float[Tensor, " image"]
) -> Float[Tensor, "image column"]:
    """Combine each image's columns to come nearest to `start` times the first unit vector, null columns left out."""
    orthogonal, upper = torch.linalg.qr(projected)
    goal = orthogonal[:, 0, :] * start[:, None]
    diagonal = upper.diagonal(dim1=1, dim2=2)
    limit = torch.finfo(projected.dtype).eps * projected.shape[1] * upper.abs().amax(dim=(1, 2))
    sound = diagonal.abs() > limit[:, None]
    # A null column becomes a unit equation for a weight of zero.
    upper = torch.where(sound[:, :, None], upper, torch.diag_embed(torch.ones_like(diagonal)))
    goal = torch.where(sound, goal, 0.0)
    weights: Tensor = torch.linalg.solve_triangular(upper, goal[:, :, None], upper=True)
    return weights[:, :, 0]


def _unit(vectors: Float[Tensor, "image n"], size: Float[Tensor, " image"], least: Float[Tensor, " image"]) -> Tensor:
    """Return vectors of length one, and zeros where there is no more than `least`."""
    sound = size > least
    return torch.where(sound[:, None], vectors / torch.where(sound, size, 1.0)[:, None], 0.0)


def _inner(left: Tensor, right: Tensor) -> Tensor:
    """Return the inner product of every image's vectors, in a shape that multiplies them."""
    return (left * right).sum(dim=tuple(range(1, left.ndim)), keepdim=True)
