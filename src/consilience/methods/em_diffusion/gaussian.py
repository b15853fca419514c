r"""Gaussian priors: the linear baseline, a start from corrupted images alone, and a case where all is known exactly.

For :math:`x_0\sim N(\mu, C)` the denoiser is :math:`D(x,\sigma)=\mu+C(C+\sigma^2)^{-1}(x-\mu)` and the posterior of a
linear measurement is Gaussian. `gaussian_em` fits the two moments to corrupted images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.corruption import Physics, measured_entries, take_images
from consilience.methods.em_diffusion.gaussian_systems import Block, blocks, noise_variance
from consilience.methods.em_diffusion.krylov import conjugate_gradients

__all__ = ["EXACT_PIXELS", "LEAST_NOISE", "GaussianPosterior", "GaussianPrior"]

EXACT_PIXELS = 1200
"""Largest images whose full covariance is handled; above, it has low rank and systems are solved by iteration."""

LEAST_NOISE = 1e-3
"""Smallest measurement noise that is assumed, in standard deviations of a pixel: without any, systems are singular."""

SOLVER_STEPS, SOLVER_TOLERANCE = 200, 1e-4
"""Of conjugate gradients, for images above `EXACT_PIXELS`."""

Noise = Callable[[], Tensor]
"""Draws standard normal images, such as an `ImageNoise`."""


@final
class GaussianPrior(nn.Module):
    r"""The exact denoiser of Gaussian images, in double precision whatever it is given.

    Parameters
    ----------
    mean : tensor, shape (channel, row, column)
    covariance : tensor, shape (pixel, pixel)
        Of the flattened images; symmetric, with no negative eigenvalue.

    Raises
    ------
    InvalidInput
        When sizes differ, or when it is no covariance.

    Examples
    --------
    >>> prior = GaussianPrior(torch.zeros(1, 1, 2), torch.diag(torch.tensor([3.0, 0.0])))
    >>> prior(torch.ones(1, 1, 1, 2), torch.ones(1)).tolist()
    [[[[0.75, 0.0]]]]
    """

    mean: Tensor
    values: Tensor
    vectors: Tensor
    rest: Tensor

    def __init__(self, mean: Float[Tensor, "channel row column"], covariance: Float[Tensor, "pixel pixel"]) -> None:
        _check_moments(mean, covariance)
        values, vectors = torch.linalg.eigh(covariance.detach().to(torch.float64))
        if float(values[0]) < -1e-6 * float(values[-1].abs()):
            raise InvalidInput(f"a covariance must have no negative eigenvalue; got {float(values[0]):.3g}.")
        super().__init__()
        _hold(self, mean, values.clamp(min=0.0), vectors, 0.0)

    @classmethod
    def low_rank(
        cls,
        mean: Float[Tensor, "channel row column"],
        values: Float[Tensor, " rank"],
        vectors: Float[Tensor, "pixel rank"],
        rest: float,
    ) -> GaussianPrior:
        r"""Return the prior whose covariance is :math:`V\,\mathrm{diag}(\lambda)V^T+\tau^2(I-VV^T)`.

        Parameters
        ----------
        mean
        values
            Variances along the directions, none negative.
        vectors
            The directions, orthonormal columns.
        rest
            :math:`\tau^2`, the variance along all others.
        """
        if vectors.shape != (mean.numel(), len(values)) or not rest >= 0 or bool((values < 0).any()):
            raise InvalidInput(
                f"expected {len(values)} directions of {mean.numel()} pixels and variances of at least 0; got "
                f"{tuple(vectors.shape)}, rest={rest}."
            )
        prior = cls.__new__(cls)
        nn.Module.__init__(prior)
        _hold(prior, mean, values, vectors, rest)
        return prior

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channel, row, column)."""
        channels, rows, columns = self.mean.shape
        return channels, rows, columns

    @property
    def covariance(self) -> Float[Tensor, "pixel pixel"]:
        """Covariance of the flattened images; large where the images are."""
        return self._along(torch.eye(self.mean.numel()).to(self.mean), self.values, self.rest)

    @property
    def variance(self) -> float:
        """Mean variance of a pixel about its own mean."""
        pixels = self.mean.numel()
        return float(self.values.sum() + (pixels - len(self.values)) * self.rest) / pixels

    def forward(
        self, noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the expected clean images."""
        square = sigma.to(self.mean)[:, None] ** 2
        least = torch.finfo(self.mean.dtype).tiny
        gain, rest_gain = (part / (part + square).clamp(min=least) for part in (self.values, self.rest))
        centred = noisy.flatten(1).to(self.mean) - self.mean.flatten()
        return (self.mean.flatten() + self._along(centred, gain, rest_gain)).to(noisy.dtype).reshape(noisy.shape)

    def sample(self, noise: Noise) -> Float[Tensor, "image channel row column"]:
        """Return images: the symmetric root of the covariance times one draw of the noise, and the mean."""
        drawn = noise()
        spread = self._along(drawn.flatten(1).to(self.mean), self.values.sqrt(), self.rest.sqrt())
        return (self.mean + spread.reshape(drawn.shape)).to(drawn.dtype)

    def posterior(self, physics: Physics, y: Float[Tensor, "image ..."]) -> GaussianPosterior:
        """Return what is known of images after a linear measurement, whose parameters may differ per image."""
        return GaussianPosterior(self, physics, y)

    def spread(self, vectors: Float[Tensor, "image pixel"]) -> Float[Tensor, "image pixel"]:
        """Return the products of flattened images with the covariance."""
        return self._along(vectors, self.values, self.rest)

    def _along(self, vectors: Tensor, factors: Tensor, rest: Tensor) -> Tensor:
        """Multiply by `factors` along the directions and by `rest` along all others."""
        return rest * vectors + ((vectors @ self.vectors) * (factors - rest)) @ self.vectors.T


def _hold(prior: GaussianPrior, mean: Tensor, values: Tensor, vectors: Tensor, rest: float) -> None:
    named = {"mean": mean, "values": values, "vectors": vectors, "rest": torch.tensor(rest, device=mean.device)}
    for name, tensor in named.items():
        prior.register_buffer(name, tensor.detach().to(torch.float64))


@final
class GaussianPosterior:
    r"""A Gaussian prior after measurements: exact up to `EXACT_PIXELS` pixels, by conjugate gradients above.

    Parameters
    ----------
    prior : GaussianPrior
    physics : Physics
        Linear, for as many images as there are measurements, or shared.
    y : tensor, shape (image, ...)
        Results have its precision.

    Raises
    ------
    InvalidInput
        When the measurements are not of images like the prior's.
    """

    def __init__(self, prior: GaussianPrior, physics: Physics, y: Float[Tensor, "image ..."]) -> None:
        shape = tuple(take_images(physics, [0], len(y)).A_adjoint(y[:1]).shape[1:])
        if shape != prior.image_shape:
            raise InvalidInput(f"measurements must be of images of shape {prior.image_shape}; got {shape}.")
        self._prior, self._physics, self._y = prior, physics, y
        self._shape = (len(y), *shape)
        self._variance = noise_variance(physics, y, LEAST_NOISE * max(prior.variance, 1e-300) ** 0.5)
        self._exact = prior.mean.numel() <= EXACT_PIXELS

    @cached_property
    def mean(self) -> Float[Tensor, "image channel row column"]:
        """The posterior means."""
        return self._updated(self._prior.mean.expand(self._shape), torch.zeros_like(self._y, dtype=torch.float64))

    def sample(self, noise: Noise) -> Float[Tensor, "image channel row column"]:
        r"""Return a posterior sample of each image, by Matheron's rule.

        .. math:: x + CA^TS^{-1}(y - Ax - sn), \qquad x\sim N(\mu, C),\ n\sim N(0, I)

        The first draw of the noise makes x, the following ones n.
        """
        first = noise().to(torch.float64)
        images = self._prior.sample(lambda: first)
        entries = math.prod(self._y.shape[1:])
        draws = [noise().flatten(1) for _ in range(-(-entries // math.prod(self._shape[1:])))]
        drawn = torch.cat(draws, dim=1)[:, :entries].to(torch.float64).reshape(self._y.shape)
        level = self._variance.sqrt().reshape(-1, *([1] * (drawn.ndim - 1)))
        return self._updated(images, level * drawn)

    def covariance(self) -> Float[Tensor, "image pixel pixel"]:
        """Return every image's posterior covariance, of the flattened pixels."""
        prior = self._full_covariance()
        found = prior.repeat(len(self._y), 1, 1)
        for block in self._blocks():
            known = block.whitened(block.factor(prior)) @ prior
            found[block.rows] -= known.mT @ known
        return found.to(self._y.dtype)

    def standard_deviation(self) -> Float[Tensor, "image channel row column"]:
        """Return every pixel's posterior standard deviation."""
        prior = self._full_covariance()
        found = prior.diagonal().repeat(len(self._y), 1)
        for block in self._blocks():
            known = block.whitened(block.factor(prior)) @ prior
            found[block.rows] -= (known**2).sum(dim=1)
        return found.clamp(min=0.0).sqrt().reshape(self._shape).to(self._y.dtype)

    def _updated(
        self, images: Float[Tensor, "image channel row column"], noise: Float[Tensor, "image ..."]
    ) -> Float[Tensor, "image channel row column"]:
        """Return images moved by what the measurements say against them, `noise` added."""
        dtype = self._y.dtype
        seen = measured_entries(self._physics, self._y)
        residual = self._y.to(torch.float64) - self._physics.A(images.to(dtype)).to(torch.float64) - noise
        residual = torch.where(seen, residual, 0.0)
        pulled = self._pulled_exactly(residual) if self._exact else self._pulled_by_iteration(residual)
        return (images + self._prior.spread(pulled).reshape(self._shape)).to(dtype)

    def _pulled_exactly(self, residual: Float[Tensor, "image ..."]) -> Float[Tensor, "image pixel"]:
        prior = self._prior.covariance
        pulled = prior.new_zeros(len(residual), len(prior))
        for block in self._blocks():
            solved = block.solve(block.factor(prior), block.chosen(residual.flatten(1)))
            pulled[block.rows] = block.adjoint(solved)
        return pulled

    def _pulled_by_iteration(self, residual: Float[Tensor, "image ..."]) -> Float[Tensor, "image pixel"]:
        variance = self._variance.reshape(-1, *([1] * (residual.ndim - 1)))

        def adjoint(vector: Tensor) -> Tensor:
            return self._physics.A_adjoint(vector.to(self._y.dtype)).flatten(1).to(torch.float64)

        def product(vector: Tensor) -> Tensor:
            images = self._prior.spread(adjoint(vector)).reshape(self._shape)
            return variance * vector + self._physics.A(images.to(self._y.dtype)).to(torch.float64)

        solved = conjugate_gradients(product, residual, iterations=SOLVER_STEPS, tolerance=SOLVER_TOLERANCE)
        return adjoint(solved)

    def _blocks(self) -> Iterator[Block]:
        return (build() for build in blocks(self._physics, self._y, self._shape[1:], self._variance))

    def _full_covariance(self) -> Float[Tensor, "pixel pixel"]:
        if not self._exact:
            raise InvalidInput(
                f"posterior covariances are computed for images of at most {EXACT_PIXELS} pixels; got "
                f"{self._prior.mean.numel()}: draw samples, and take theirs."
            )
        return self._prior.covariance


def _check_moments(mean: Tensor, covariance: Tensor) -> None:
    if covariance.shape != (mean.numel(), mean.numel()):
        raise InvalidInput(
            f"the covariance must be of {mean.numel()} by {mean.numel()} pixels, those of the mean; got "
            f"{tuple(covariance.shape)}."
        )
    if not bool(torch.isfinite(mean).all() and torch.isfinite(covariance).all()):
        raise InvalidInput("mean and covariance must hold finite numbers; got others.")
    if not torch.allclose(covariance, covariance.T, rtol=1e-4, atol=1e-6 * float(covariance.abs().max())):
        raise InvalidInput("a covariance must be symmetric; got one that is not.")
