r"""EM for the moments of Gaussian images from corrupted ones: a closed form, or samples where images are large.

With a Gaussian prior the round of EM is closed: the posterior moments of every image, averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.corruption import Denoising, Physics
from consilience.methods.em_diffusion.gaussian import EXACT_PIXELS, LEAST_NOISE, GaussianPrior
from consilience.methods.em_diffusion.gaussian_systems import blocks, noise_variance
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.sampler import ImageNoise

__all__ = ["GaussianRound", "fit_gaussian_em", "gaussian_em_rounds"]

IMAGES_AT_ONCE = 1024
"""Images above `EXACT_PIXELS` that are sampled together."""

POWER_STEPS, SPARE_DIRECTIONS = 3, 8
"""Subspace iterations for the leading directions of samples, and how many are carried beyond the rank."""


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
