r"""Gaussian priors: the linear baseline, a start from corrupted images alone, and a case where all is known exactly.

For :math:`x_0\sim N(\mu, C)` the denoiser is :math:`D(x,\sigma)=\mu+C(C+\sigma^2)^{-1}(x-\mu)` and the posterior of a
linear measurement is Gaussian. EM for the two moments from corrupted images (`fit_gaussian_em`) is then closed: the
posterior moments of every image, averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.corruption import Denoising, Physics, measured_entries, take_images
from consilience.methods.em_diffusion.gaussian_systems import Block, blocks, noise_variance
from consilience.methods.em_diffusion.krylov import conjugate_gradients
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.sampler import ImageNoise

__all__ = ["GaussianPosterior", "GaussianPrior", "GaussianRound", "fit_gaussian_em", "gaussian_em_rounds"]

EXACT_PIXELS = 1200
"""Largest images whose full covariance is handled; above, it has low rank and systems are solved by iteration."""

LEAST_NOISE = 1e-3
"""Smallest measurement noise that is assumed, in standard deviations of a pixel: without any, systems are singular."""

SOLVER_STEPS, SOLVER_TOLERANCE = 200, 1e-4
"""Of conjugate gradients, for images above `EXACT_PIXELS`."""

IMAGES_AT_ONCE = 1024
"""Images above `EXACT_PIXELS` that are sampled together."""

POWER_STEPS, SPARE_DIRECTIONS = 3, 8
"""Subspace iterations for the leading directions of samples, and how many are carried beyond the rank."""

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


@dataclass(frozen=True)
class GaussianRound:
    """Where EM stands."""

    mean: Float[Tensor, "channel row column"]
    covariance: Float[Tensor, "pixel pixel"]
    log_likelihood: float
    """Log density of all measurements, clean images as weighted, under these moments; with a ridge, of the posterior
    that the ridge is a prior of. It never falls."""


def fit_gaussian_em(
    observations: Observations,
    *,
    clean: Float[Tensor, "image channel row column"] | None = None,
    clean_weight: float = 1.0,
    iterations: int = 100,
    tolerance: float = 1e-3,
    ridge: float = 0.0,
    rank: int | None = None,
    seed: int = 0,
) -> GaussianPrior:
    r"""Fit mean and covariance of clean images to corrupted ones by EM.

    Up to `EXACT_PIXELS` pixels every step is closed: posterior moments of all images, averaged. Above, or where a rank
    is given, the covariance is :math:`WW^T+\tau^2I` (probabilistic PCA), fitted to one posterior sample an image.

    Parameters
    ----------
    observations : Observations
    clean : tensor, optional
        Clean images, which count as measured whole.
    clean_weight : float
        How many corrupted images a clean one counts for.
    iterations : int
        At most; all of them where samples are fitted, whose likelihood is not known.
    tolerance : float
        Stops where a round gains less than this share of the log-likelihood gained so far: no ground truth is needed.
    ridge : float
        Added to every pixel's variance in each round, in squared units of pixels: an inverse Wishart prior.
    rank : int, optional
        Of W; by default 64 above `EXACT_PIXELS`, and a full covariance below.
    seed : int
        Of the samples; the closed form draws nothing.

    Returns
    -------
    GaussianPrior

    Notes
    -----
    EM starts from a ball, or from the moments of the clean images, drawn towards a ball as far as they are few. Where
    no measurement reaches, the covariance stays what it was at the start, and where little does, many rounds fit
    noise: that is why `tolerance` is no smaller.

    Examples
    --------
    >>> images = 2.0 + torch.randn(4000, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    >>> noisy = Observations.corrupt(images, Denoising(noise_std=0.5), seed=0)
    >>> prior = fit_gaussian_em(noisy, tolerance=1e-6)
    >>> prior.mean.flatten().round(decimals=1).tolist(), prior.covariance.round().diagonal().tolist()
    ([2.0, 2.0], [1.0, 1.0])
    """
    _check_fit(observations, clean, clean_weight=clean_weight, iterations=iterations, ridge=ridge, rank=rank)
    pixels = math.prod(observations.image_shape)
    if rank is not None or pixels > EXACT_PIXELS:
        rank = min(64, pixels - 1) if rank is None else rank
        return _fit_low_rank(
            observations,
            clean,
            clean_weight=clean_weight,
            iterations=iterations,
            ridge=ridge,
            rank=rank,
            seed=seed,
        )
    rounds = gaussian_em_rounds(observations, clean=clean, clean_weight=clean_weight, ridge=ridge)
    now = first = next(rounds)
    for _ in range(iterations):
        before, now = now, next(rounds)
        gained = now.log_likelihood - first.log_likelihood
        if now.log_likelihood - before.log_likelihood <= tolerance * gained:
            break
    return GaussianPrior(now.mean, now.covariance)


def gaussian_em_rounds(
    observations: Observations,
    *,
    clean: Float[Tensor, "image channel row column"] | None = None,
    clean_weight: float = 1.0,
    ridge: float = 0.0,
) -> Iterator[GaussianRound]:
    r"""Yield the moments before each round of EM, without end; parameters are those of `fit_gaussian_em`.

    With :math:`u_i` and :math:`\Lambda_i` of `gaussian_systems`, averages over images, the round is

    .. math:: \mu \leftarrow \mu + C\bar u,\qquad
              C \leftarrow C - C\left(\bar\Lambda - \overline{uu^T} + \bar u\bar u^T\right)C + r I.
    """
    shape, pixels = observations.image_shape, math.prod(observations.image_shape)
    level, variance = _level_and_variance(observations)
    least = LEAST_NOISE * variance**0.5
    parts = [_Part(observations.physics, observations.y, shape, weight=1.0, least=least)]
    if clean is not None and len(clean):
        parts.append(_Part(Denoising(), clean.to(observations.y), shape, weight=clean_weight, least=least))
    eye = torch.eye(pixels, dtype=torch.float64, device=observations.y.device)
    mean, covariance = level * eye.new_ones(pixels), variance * eye
    if clean is not None and len(clean) > 1:
        mean, covariance = _shrunk_moments(clean.to(observations.y).flatten(1).to(torch.float64), variance)
    images = sum(part.images for part in parts)
    while True:
        first, second, information = mean.new_zeros(pixels), torch.zeros_like(eye), torch.zeros_like(eye)
        likelihood = 0.0
        for part in parts:
            likelihood += part.add(mean, covariance, first, second, information)
        if ridge > 0:
            trace = torch.cholesky_inverse(torch.linalg.cholesky(covariance)).trace()
            likelihood -= 0.5 * images * ridge * float(trace)
        yield GaussianRound(mean.reshape(shape), covariance, likelihood)
        first /= images
        change = (information - second) / images + torch.outer(first, first)
        mean = mean + covariance @ first
        covariance = covariance - covariance @ change @ covariance + ridge * eye
        covariance = (covariance + covariance.T) / 2.0


class _Part:
    """Images that count alike, and what they add to the sums of a round."""

    def __init__(
        self, physics: Physics, y: Float[Tensor, "image ..."], shape: tuple[int, ...], *, weight: float, least: float
    ) -> None:
        self.images = weight * len(y)
        self._weight = weight
        self._blocks = blocks(physics, y, shape, noise_variance(physics, y, least))
        self._y = y.flatten(1).to(torch.float64)

    def add(self, mean: Tensor, covariance: Tensor, first: Tensor, second: Tensor, information: Tensor) -> float:
        """Add to the three sums in place; return the log-likelihood."""
        likelihood = 0.0
        for build in self._blocks:
            block = build()
            factor = block.factor(covariance)
            residual = block.chosen(self._y) - block.forward(mean[None])
            solved = block.solve(factor, residual)
            pulled = block.adjoint(solved)
            first += self._weight * pulled.sum(dim=0)
            second += self._weight * (pulled.T @ pulled)
            information += self._weight * block.information(factor)
            likelihood += self._weight * float(block.log_likelihood(factor, residual, solved))
        return likelihood


def _level_and_variance(observations: Observations) -> tuple[float, float]:
    """Return the level and the variance about it that explain the size of the measurements, the same for all pixels."""
    y, physics = observations.y, observations.physics
    probe = torch.randn(observations.image_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flat, rough = (
        physics.A(image.to(y).expand(len(y), *observations.image_shape)).to(torch.float64)
        for image in (torch.ones(observations.image_shape), probe)
    )
    level = float((flat * y).sum() / (flat**2).sum().clamp(min=torch.finfo(torch.float64).tiny))
    power = float(((y - level * flat) ** 2).sum())
    noise = noise_variance(physics, y, 0.0).reshape(-1, *([1] * (y.ndim - 1)))
    explained = float((observations.measured * noise).sum())
    variance = max(power - explained, 0.01 * power) / float((rough**2).sum())
    if not variance > 0:
        raise InvalidInput("corrupted images must differ from one another; got images of one value.")
    return level, variance


def _shrunk_moments(
    images: Float[Tensor, "image pixel"], variance: float
) -> tuple[Float[Tensor, " pixel"], Float[Tensor, "pixel pixel"]]:
    """Return mean and covariance of a few images, the covariance drawn towards a ball as far as they are few.

    EM cannot leave a covariance of zero: `variance` keeps the ball from vanishing where all images are the same.
    """
    count, pixels = images.shape
    covariance = torch.cov(images.T).reshape(pixels, pixels)
    share = count / (count + pixels)
    ball = covariance.diagonal().mean().clamp(min=0.01 * variance) * torch.eye(pixels).to(images)
    return images.mean(dim=0), share * covariance + (1.0 - share) * ball


def _fit_low_rank(
    observations: Observations,
    clean: Float[Tensor, "image channel row column"] | None,
    *,
    clean_weight: float,
    iterations: int,
    ridge: float,
    rank: int,
    seed: int,
) -> GaussianPrior:
    """Alternate posterior samples and their principal components."""
    level, variance = _level_and_variance(observations)
    shape, count = observations.image_shape, len(observations)
    pixels = math.prod(shape)
    device = observations.y.device
    width = min(rank + SPARE_DIRECTIONS, pixels)
    start = torch.randn(pixels, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device)
    directions: Tensor = torch.linalg.qr(start)[0]
    prior = GaussianPrior.low_rank(
        torch.full(shape, level, dtype=torch.float64, device=device),
        torch.full((rank,), variance, dtype=torch.float64, device=device),
        directions[:, :rank],
        variance,
    )
    known = observations.y.new_zeros(0, *shape) if clean is None else clean.to(observations.y)
    weights = torch.ones(count + len(known), dtype=torch.float64, device=device)
    weights[count:] = clean_weight
    for stage in range(iterations):
        sampled = [
            prior.posterior(some.physics, some.y).sample(
                ImageNoise(seed, [(stage, place) for place in range(at, at + len(some))], shape, like=some.y)
            )
            for at, some in _portions(observations)
        ]
        images = torch.cat([*sampled, known]).flatten(1)
        prior, directions = _principal(images, weights, directions, shape, rank=rank, ridge=ridge)
    return prior


def _portions(observations: Observations) -> Iterator[tuple[int, Observations]]:
    for at in range(0, len(observations), IMAGES_AT_ONCE):
        yield at, observations.take(range(at, min(at + IMAGES_AT_ONCE, len(observations))))


def _principal(
    images: Float[Tensor, "image pixel"],
    weights: Float[Tensor, " image"],
    directions: Float[Tensor, "pixel width"],
    shape: tuple[int, int, int],
    *,
    rank: int,
    ridge: float,
) -> tuple[GaussianPrior, Float[Tensor, "pixel width"]]:
    """Fit mean, leading directions and the variance along all others; return directions to start from next time."""
    total = weights.sum()
    mean = (weights.to(images) @ images / total.to(images)).to(torch.float64)
    centred = (images - mean.to(images)) * weights.sqrt().to(images)[:, None]

    def product(vectors: Tensor) -> Tensor:
        return (centred.T @ (centred @ vectors.to(images))).to(torch.float64) / total

    for _ in range(POWER_STEPS):
        directions = torch.linalg.qr(product(directions))[0]
    values, turned = torch.linalg.eigh(directions.T @ product(directions))
    directions = directions @ turned.flip(1)
    values = values.flip(0)[:rank].clamp(min=0.0)
    power = float((centred.to(torch.float64) ** 2).sum() / total)
    rest = max(power - float(values.sum()), 0.0) / (len(mean) - rank)
    return GaussianPrior.low_rank(mean.reshape(shape), values + ridge, directions[:, :rank], rest + ridge), directions


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


def _check_fit(
    observations: Observations,
    clean: Tensor | None,
    *,
    clean_weight: float,
    iterations: int,
    ridge: float,
    rank: int | None,
) -> None:
    if clean is not None and tuple(clean.shape[1:]) != observations.image_shape:
        raise InvalidInput(
            f"clean images must have the shape of the others, {observations.image_shape}; got {tuple(clean.shape[1:])}."
        )
    if clean is not None and not bool(torch.isfinite(clean).all()):
        raise InvalidInput("clean images must hold finite numbers; got others.")
    if not (clean_weight > 0 and iterations >= 1 and ridge >= 0):
        raise InvalidInput(
            f"expected clean_weight > 0, iterations >= 1 and ridge >= 0; got clean_weight={clean_weight}, "
            f"iterations={iterations}, ridge={ridge}."
        )
    pixels = math.prod(observations.image_shape)
    if rank is not None and not 1 <= rank < pixels:
        raise InvalidInput(f"`rank` must be at least 1 and below the number of pixels, {pixels}; got {rank}.")
