r"""The linear systems of Gaussian posteriors, solved exactly for blocks of images at once.

With a prior :math:`N(\mu, C)` and measurements :math:`y = Ax + sn`, everything that is known of an image goes through

.. math:: S = ACA^T + s^2 I, \qquad u = A^TS^{-1}(y-A\mu), \qquad \Lambda = A^TS^{-1}A :

the posterior has mean :math:`\mu + Cu` and covariance :math:`C - C\Lambda C`. An operator is read off by applying it to
unit images; where it only selects pixels, it is kept as their indices. All in double precision.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.methods.em_diffusion.corruption import (
    Corruption,
    Physics,
    measured_entries,
    noise_std_of,
    take_images,
)

__all__ = ["Block", "blocks", "noise_variance"]

BLOCK_ENTRIES = 2**22
"""Numbers that the largest tensor of a block may have: 32 MiB."""

KEPT_ENTRIES = 2**26
"""Numbers that operators may have in all, to be kept between rounds and not read off again: 512 MiB."""


class Block(ABC):
    """Some images with their operators.

    Parameters
    ----------
    rows : tensor, shape (image,)
        Which of all images these are.
    variance : tensor, shape (image,) or (1,)
        Squared measurement noise.
    """

    def __init__(self, rows: Int[Tensor, " image"], variance: Float[Tensor, " level"]) -> None:
        self.rows = rows
        self.variance = variance if len(variance) == 1 else variance[rows]

    @abstractmethod
    def chosen(self, measurements: Float[Tensor, "all entry"]) -> Float[Tensor, "image kept"]:
        """Return what of all images' measurements belongs to this block."""

    @abstractmethod
    def forward(self, images: Float[Tensor, "#image pixel"]) -> Float[Tensor, "image kept"]:
        """Apply the operators."""

    @abstractmethod
    def adjoint(self, vectors: Float[Tensor, "image kept"]) -> Float[Tensor, "image pixel"]:
        """Apply the transposed operators."""

    @abstractmethod
    def factor(self, covariance: Float[Tensor, "pixel pixel"]) -> Float[Tensor, "system kept kept"]:
        """Return the Cholesky factors of S; a single one where all images have the same."""

    @abstractmethod
    def whitened(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "system kept pixel"]:
        r"""Return :math:`L^{-1}A`, whose square is :math:`\Lambda`."""

    @abstractmethod
    def information(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "pixel pixel"]:
        r"""Return the sum of :math:`\Lambda` over the images."""

    def solve(
        self, factor: Float[Tensor, "system kept kept"], right: Float[Tensor, "image kept"]
    ) -> Float[Tensor, "image kept"]:
        """Return the solutions of the systems S."""
        if len(factor) == 1:
            return torch.cholesky_solve(right.T, factor[0]).T
        return torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]

    def log_likelihood(
        self,
        factor: Float[Tensor, "system kept kept"],
        right: Float[Tensor, "image kept"],
        solved: Float[Tensor, "image kept"],
    ) -> Float[Tensor, ""]:
        """Return the log density of the block's measurements, given the residuals and their solutions."""
        logs = factor.diagonal(dim1=1, dim2=2).log().sum() * (len(right) / len(factor))
        return -0.5 * (right * solved).sum() - logs - 0.5 * math.log(2 * math.pi) * self._measured()

    @abstractmethod
    def _measured(self) -> int:
        """Return how many numbers were measured in all."""


class _Selection(Block):
    """Operators that keep some pixels, as indices padded to the largest number of them."""

    def __init__(
        self, rows: Int[Tensor, " image"], variance: Float[Tensor, " level"], visible: Bool[Tensor, "all pixel"]
    ) -> None:
        super().__init__(rows, variance)
        mine = visible[rows]
        counts = mine.sum(dim=1)
        self.pixels = mine.shape[1]
        first = torch.argsort(mine.to(torch.uint8), dim=1, descending=True, stable=True)
        self.index = first[:, : max(1, int(counts.max()))]
        self.real = torch.arange(self.index.shape[1], device=rows.device) < counts[:, None]

    def chosen(self, measurements: Float[Tensor, "all entry"]) -> Float[Tensor, "image kept"]:
        return self.forward(measurements[self.rows])

    def forward(self, images: Float[Tensor, "#image pixel"]) -> Float[Tensor, "image kept"]:
        picked = images.expand(len(self.rows), -1).gather(1, self.index)
        return torch.where(self.real, picked, 0.0)

    def adjoint(self, vectors: Float[Tensor, "image kept"]) -> Float[Tensor, "image pixel"]:
        images = vectors.new_zeros(len(vectors), self.pixels)
        return images.scatter_add(1, self.index, torch.where(self.real, vectors, 0.0))

    def factor(self, covariance: Float[Tensor, "pixel pixel"]) -> Float[Tensor, "system kept kept"]:
        system = torch.where(self._pairs(), covariance.flatten()[self._places()], 0.0)
        noise = torch.where(self.real, self.variance[:, None], 1.0)
        system.diagonal(dim1=1, dim2=2).add_(noise)
        factor: Tensor = torch.linalg.cholesky(system)
        return factor

    def whitened(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "system kept pixel"]:
        operator = factor.new_zeros(len(factor), self.index.shape[1], self.pixels)
        operator.scatter_(2, self.index[:, :, None], self.real[:, :, None].to(factor))
        white: Tensor = torch.linalg.solve_triangular(factor, operator, upper=False)
        return white

    def information(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "pixel pixel"]:
        inverse = torch.where(self._pairs(), torch.cholesky_inverse(factor), 0.0)
        total = factor.new_zeros(self.pixels**2)
        total.index_add_(0, self._places().flatten(), inverse.flatten())
        return total.reshape(self.pixels, self.pixels)

    def _places(self) -> Int[Tensor, "image kept kept"]:
        return self.index[:, :, None] * self.pixels + self.index[:, None, :]

    def _pairs(self) -> Bool[Tensor, "image kept kept"]:
        return self.real[:, :, None] & self.real[:, None, :]

    def _measured(self) -> int:
        return int(self.real.sum())


class _Matrices(Block):
    """Operators as matrices: one an image, or one for all."""

    def __init__(
        self,
        rows: Int[Tensor, " image"],
        variance: Float[Tensor, " level"],
        matrices: Float[Tensor, "operator entry pixel"],
    ) -> None:
        super().__init__(rows, variance)
        self.matrices = matrices

    def chosen(self, measurements: Float[Tensor, "all entry"]) -> Float[Tensor, "image kept"]:
        return measurements[self.rows]

    def forward(self, images: Float[Tensor, "#image pixel"]) -> Float[Tensor, "image kept"]:
        if len(self.matrices) == 1:
            return (images @ self.matrices[0].T).expand(len(self.rows), -1)
        return (self.matrices @ images[:, :, None])[:, :, 0]

    def adjoint(self, vectors: Float[Tensor, "image kept"]) -> Float[Tensor, "image pixel"]:
        if len(self.matrices) == 1:
            return vectors @ self.matrices[0]
        return (self.matrices.mT @ vectors[:, :, None])[:, :, 0]

    def factor(self, covariance: Float[Tensor, "pixel pixel"]) -> Float[Tensor, "system kept kept"]:
        system = self.matrices @ covariance @ self.matrices.mT
        eye = torch.eye(system.shape[1], dtype=system.dtype, device=system.device)
        factor: Tensor = torch.linalg.cholesky(system + self.variance[:, None, None] * eye)
        return factor

    def whitened(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "system kept pixel"]:
        white: Tensor = torch.linalg.solve_triangular(factor, self.matrices.expand(len(factor), -1, -1), upper=False)
        return white

    def information(self, factor: Float[Tensor, "system kept kept"]) -> Float[Tensor, "pixel pixel"]:
        white = self.whitened(factor).flatten(0, 1)
        return white.T @ white * (len(self.rows) / len(factor))

    def _measured(self) -> int:
        return len(self.rows) * self.matrices.shape[1]


def noise_variance(physics: Physics, like: Tensor, least: float) -> Float[Tensor, " level"]:
    """Return the squared measurement noise in double precision, one number or one an image; the noise is >= `least`."""
    noise = torch.as_tensor(noise_std_of(physics), dtype=torch.float64, device=like.device)
    return noise.reshape(-1).clamp(min=least) ** 2


def blocks(
    physics: Physics, y: Float[Tensor, "image ..."], image_shape: tuple[int, ...], variance: Float[Tensor, " level"]
) -> Sequence[Callable[[], Block]]:
    """Cut images into blocks that fit in memory, each built when it is called for; small ones are kept.

    Parameters
    ----------
    physics
        The corruption of these images; only its operator is used.
    y
        Their measurements, whose precision the operator is applied in.
    image_shape
        (channel, row, column)
    variance
        From `noise_variance`.
    """
    count, pixels, entries = len(y), math.prod(image_shape), math.prod(y.shape[1:])
    if _share_operator(physics, count):
        matrix = _matrices(physics, torch.zeros(1, dtype=torch.int64), y, image_shape)
        size = max(entries, pixels) * (1 if len(variance) == 1 else entries)
        return [_always(_Matrices(rows, variance, matrix)) for rows in _cut(torch.arange(count, device=y.device), size)]
    visible = _selected(physics, y, image_shape)
    if visible is not None:
        return [_always(_Selection(rows, variance, visible)) for rows in _by_number(visible)]
    cuts = _cut(torch.arange(count, device=y.device), max(entries, pixels) ** 2)

    def build(rows: Int[Tensor, " row"]) -> Block:
        return _Matrices(rows, variance, _matrices(physics, rows, y, image_shape))

    if count * entries * pixels <= KEPT_ENTRIES:
        return [_always(build(rows)) for rows in cuts]
    return [lambda rows=rows: build(rows) for rows in cuts]  # type: ignore[misc]


def _cut(rows: Int[Tensor, " row"], entries: int) -> Sequence[Int[Tensor, " some"]]:
    """Cut rows so that a block has few enough numbers, at `entries` a row."""
    return torch.split(rows, max(1, BLOCK_ENTRIES // entries))


def _always(block: Block) -> Callable[[], Block]:
    return lambda: block


def _share_operator(physics: Physics, images: int) -> bool:
    if images == 1:
        return True
    if isinstance(physics, Corruption):
        return all(len(tensor) == 1 for tensor in physics.parameters().values())
    return not hasattr(physics, "take") and take_images(physics, [0], images) is physics


def _selected(
    physics: Physics, y: Float[Tensor, "image ..."], image_shape: tuple[int, ...]
) -> Bool[Tensor, "image pixel"] | None:
    """Return which pixels the operator keeps, if keeping pixels is all that it does."""
    if tuple(y.shape[1:]) != tuple(image_shape):
        return None
    probe = torch.randn(image_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(y)
    seen = measured_entries(physics, y)
    kept = torch.where(seen, probe, 0.0)
    # An operator that treats numbers without any pattern as a selection would is one.
    return seen.flatten(1) if torch.equal(physics.A(probe.expand(y.shape)), kept) else None


def _by_number(visible: Bool[Tensor, "image pixel"]) -> Iterator[Int[Tensor, " row"]]:
    """Cut images into blocks of nearly as many visible pixels each, so that little is padded."""
    counts = visible.sum(dim=1)
    order = torch.argsort(counts, descending=True, stable=True)
    least_blocks = 1 + len(order) // 128
    start = 0
    while start < len(order):
        widest = max(1, int(counts[order[start]]))
        size = min(max(1, BLOCK_ENTRIES // widest**2), -(-len(order) // min(least_blocks, 8)))
        yield order[start : start + size]
        start += size


def _matrices(
    physics: Physics, rows: Int[Tensor, " row"], y: Float[Tensor, "image ..."], image_shape: tuple[int, ...]
) -> Float[Tensor, "row entry pixel"]:
    """Read operators off by applying them to every unit image."""
    pixels = math.prod(image_shape)
    units = torch.eye(pixels, dtype=y.dtype, device=y.device).reshape(pixels, *image_shape)
    found = []
    for some in _cut(rows, pixels**2):
        repeated = take_images(physics, some.repeat_interleave(pixels), len(y))
        columns = repeated.A(units.repeat(len(some), 1, 1, 1))
        found.append(columns.reshape(len(some), pixels, -1).mT.to(torch.float64))
    return torch.cat(found)
