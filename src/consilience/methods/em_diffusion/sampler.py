r"""Samplers: from noise to images along a decreasing sequence of noise levels, by any denoiser.

Every image draws its noise from a stream of its own, so that a sample does not depend on the batch it was computed in,
on the device, or on where an interrupted run went on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.prior import Denoiser

__all__ = ["ImageNoise", "Langevin", "noise_levels", "sample_ancestral", "sample_heun", "sample_multistep"]

Images = Float[Tensor, "image channel row column"]


def noise_levels(
    steps: int, *, low: float = 0.01, high: float = 20.0, curvature: float = 5.0
) -> Float[Tensor, " level"]:
    r"""Return decreasing noise levels, zero last: :math:`(h^{1/\rho}+\tfrac{i}{n-1}(l^{1/\rho}-h^{1/\rho}))^\rho`.

    Parameters
    ----------
    steps : int
        How many evaluations of the denoiser they allow, at least 2.
    low, high : float
        Smallest and largest positive level, in units of pixels.
    curvature : float
        :math:`\rho` of eq. 5 of arXiv:2206.00364: larger values put more levels near zero.

    Examples
    --------
    >>> noise_levels(3, low=1.0, high=4.0, curvature=1.0).tolist()
    [4.0, 2.5, 1.0, 0.0]
    """
    if steps < 2 or not 0 < low < high < float("inf") or not curvature > 0:  # noqa: PLR2004 - a first and a last level
        raise InvalidInput(
            f"expected at least 2 steps, 0 < low < high and a positive curvature; got steps={steps}, low={low}, "
            f"high={high}, curvature={curvature}."
        )
    place = torch.arange(steps, dtype=torch.float64) / (steps - 1)
    levels = (high ** (1 / curvature) + place * (low ** (1 / curvature) - high ** (1 / curvature))) ** curvature
    return torch.cat([levels, torch.zeros(1, dtype=torch.float64)]).to(torch.float32)


class ImageNoise:
    """Standard normal noise with one stream an image.

    Parameters
    ----------
    seed : int
        Names the run.
    names : sequence of tuples of int
        Names every image's stream, such as (observation, sample).
    shape : (channel, row, column)
    like : tensor, optional
        Gives device and dtype; float32 on the processor if left out.

    Examples
    --------
    >>> both = ImageNoise(0, [(0,), (1,)], (1, 2, 2))()
    >>> bool((ImageNoise(0, [(1,)], (1, 2, 2))() == both[1:]).all())
    True
    """

    def __init__(
        self, seed: int, names: Sequence[tuple[int, ...]], shape: tuple[int, int, int], like: Tensor | None = None
    ) -> None:
        # As a key: appended to the seed itself, (1,) and (1, 0) would name one stream.
        self._streams = [
            np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=tuple(name)))) for name in names
        ]
        self._shape = shape
        self._like = torch.zeros(()) if like is None else like

    def __call__(self) -> Float[Tensor, "image channel row column"]:
        """Draw the next noise of every image."""
        drawn = np.empty((len(self._streams), *self._shape), dtype=np.float32)
        for stream, image in zip(self._streams, drawn, strict=True):
            stream.standard_normal(dtype=np.float32, out=image)
        return torch.from_numpy(drawn).to(self._like)


@dataclass(frozen=True, kw_only=True)
class Langevin:
    r"""Corrections between two steps of a sampler, which undo what an approximate posterior got wrong further up.

    .. math:: x \leftarrow D + (1-\tau)(x-D) + \sqrt{1-(1-\tau)^2}\,\sigma\,\varepsilon

    leaves the distribution at level :math:`\sigma` as it is, up to the step size, if D is exact. A posterior by
    linearisation is rough at middle levels and exact in the limit of small ones, so that a few corrections there
    draw the samples to where they belong (predictor and corrector, arXiv:2011.13456).

    Notes
    -----
    The plain Langevin step, with :math:`\sqrt{2\tau}\,\sigma\,\varepsilon`, adds :math:`\tau^2\sigma^2` of variance a
    step in directions that are all noise; EM then takes that noise for signal, and more of it in every round. This
    form is exact there, and short of :math:`\tau^2\sigma^2` at most where the signal is far larger than that.
    """

    steps: int = 3
    """Corrections a level, one evaluation each."""
    step: float = 0.5
    """:math:`\tau`, below 1."""
    low: float = 0.05
    """Smallest level that is corrected, in units of pixels."""
    high: float = 1.0
    """Largest level that is corrected."""

    def evaluations(self, levels: Float[Tensor, " level"]) -> int:
        """Return how many evaluations of the denoiser the corrections on these levels take."""
        return self.steps * int(((levels >= self.low) & (levels <= self.high)).sum())

    def __call__(
        self, denoiser: Denoiser, noise: ImageNoise, images: Images, level: float
    ) -> Float[Tensor, "image channel row column"]:
        """Return the images after the corrections of a level, unchanged at levels that have none."""
        if not self.low <= level <= self.high:
            return images
        sigma = torch.full((len(images),), level, dtype=images.dtype, device=images.device)
        kept = 1.0 - self.step
        for _ in range(self.steps):
            expected = denoiser(images, sigma)
            images = expected + kept * (images - expected) + (1.0 - kept**2) ** 0.5 * level * noise()
        return images


@torch.no_grad()
def sample_ancestral(
    denoiser: Denoiser, noise: ImageNoise, levels: Float[Tensor, " level"], *, corrector: Langevin | None = None
) -> Float[Tensor, "image channel row column"]:
    r"""Sample by the reverse Markov chain, as DDPM does.

    .. math:: x' \sim N\!\left(D+\tfrac{\sigma'^2}{\sigma^2}(x-D),\
              \sigma'^2\left(1-\tfrac{\sigma'^2}{\sigma^2}\right)\right)

    Parameters
    ----------
    denoiser : Denoiser
        A prior, or a posterior.
    noise : ImageNoise
        As many images as it has streams are sampled.
    levels : tensor, shape (steps + 1,)
        Decreasing, zero last.
    corrector : Langevin, optional
        Corrects at every level before the step to the next.

    Returns
    -------
    tensor, shape (image, channel, row, column)
    """
    images = noise() * levels[0]
    for now, later in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        if corrector is not None:
            images = corrector(denoiser, noise, images, now)
        expected = denoiser(images, torch.full((len(images),), now, dtype=images.dtype, device=images.device))
        kept = (later / now) ** 2
        images = expected + kept * (images - expected)
        if later > 0:
            images = images + later * (1.0 - kept) ** 0.5 * noise()
    return images


@torch.no_grad()
def sample_multistep(
    denoiser: Denoiser, noise: ImageNoise, levels: Float[Tensor, " level"], *, corrector: Langevin | None = None
) -> Float[Tensor, "image channel row column"]:
    r"""Sample by the reverse Markov chain with D carried on to the middle of the step, at no further evaluation.

    In `sample_ancestral` D stands still over a step, which loses variance: of Gaussian images about a sixth with 40
    steps. Here D is extrapolated from the last two evaluations along :math:`\ln\sigma` (the second-order multistep
    solver of arXiv:2211.01095 for the stochastic equation), and a twentieth at most is missing or too much.

    Parameters and result are those of `sample_ancestral`.
    """
    images = noise() * levels[0]
    before, gap_before = None, 1.0
    for now, later in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        if corrector is not None:
            images = corrector(denoiser, noise, images, now)
        expected = denoiser(images, torch.full((len(images),), now, dtype=images.dtype, device=images.device))
        aimed = expected
        if later > 0:
            gap = math.log(now / later)
            if before is not None:
                aimed = expected + 0.5 * gap / gap_before * (expected - before)
            before, gap_before = expected, gap
        kept = (later / now) ** 2
        images = aimed + kept * (images - aimed)
        if later > 0:
            images = images + later * (1.0 - kept) ** 0.5 * noise()
    return images


@torch.no_grad()
def sample_heun(
    denoiser: Denoiser, noise: ImageNoise, levels: Float[Tensor, " level"]
) -> Float[Tensor, "image channel row column"]:
    """Sample by Heun's method on the probability flow, two evaluations a step but the last (arXiv:2206.00364, alg. 1).

    Parameters and result are those of `sample_ancestral`.
    """
    images = noise() * levels[0]

    def slope(at: Tensor, level: float) -> Tensor:
        sigma = torch.full((len(at),), level, dtype=at.dtype, device=at.device)
        return (at - denoiser(at, sigma)) / level

    for now, later in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        first = slope(images, now)
        ahead = images + (later - now) * first
        if later > 0:
            ahead = images + (later - now) * (first + slope(ahead, later)) / 2.0
        images = ahead
    return images
