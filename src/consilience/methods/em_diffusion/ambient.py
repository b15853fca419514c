r"""Ambient Diffusion (Daras et al., arXiv:2305.19256), for pixels hidden at random: the opponent that needs no E-step.

A network sees an image through its mask and is asked for all pixels that were measured. Some of those,
:math:`A_i \setminus \tilde A_i`, are hidden from it once more, at random, so that it cannot tell which pixels nobody
measured and has to guess them all:

.. math:: \min_\theta\ E\,\big\|A\big(h_\theta(\tilde A(x_0+\sigma\varepsilon),\tilde A,\sigma)-x_0\big)\big\|^2 .

Departures from the paper, each measured to help at this scale: clean images, which the methods beside it are given as
well, make up a fixed share of every batch; the network's output is the image itself with every noise level weighted
alike (under EDM's preconditioning the weight of hidden pixels grows without bound as the noise vanishes, and training
diverges). Noise in the measurements is taken for a part of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.filling import visible_pixels
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.sampler import ImageNoise, noise_levels, sample_ancestral
from consilience.neural.generators import seeded

__all__ = ["AmbientPrior", "fit_ambient"]

MEAN_LOG_SIGMA, STD_LOG_SIGMA = -0.8, 1.4
"""Of the noise levels seen in training, in units of pixels of standard deviation 0.75 (they scale with it)."""

REFERENCE_STD = 0.75

RESTORING_SIGMA = 0.04
"""Noise level told to the network when it restores, in units of the clean pixels' standard deviation."""

LONGEST_AVERAGE = 0.999

Images = Float[Tensor, "image channel row column"]
Clean = Float[Tensor, "clean channel row column"]
Masks = Bool[Tensor, "image mask_channel row column"]
_Weights = tuple[Tensor, ...] | list[Tensor]


@final
class AmbientPrior(nn.Module):
    r"""A denoiser that looks through masks.

    .. math:: D(x,\sigma,m)=\mu
              +\sigma_d\,F\!\left(m\odot\frac{x-\mu}{\sqrt{\sigma^2+\sigma_d^2}},\,m,\,\tfrac14\ln\sigma\right)

    Called without a mask, it sees every pixel, as posteriors want it.

    Parameters
    ----------
    network : nn.Module
        Maps images with the mask as further channels, and one label an image, to images.
    sigma_data : float
        Standard deviation of measured pixels.
    mean : float
        Mean of measured pixels.
    keep : float
        Share of pixels that was measured; images are generated through such masks.
    mask_channels : int
        1 where all channels of a pixel are hidden together, otherwise the channels of the images.
    """

    sigma_data: Tensor
    mean: Tensor
    keep: Tensor

    def __init__(
        self, network: nn.Module, *, sigma_data: float, mean: float, keep: float, mask_channels: int = 1
    ) -> None:
        if not sigma_data > 0:
            raise InvalidInput(f"sigma_data must be positive; got {sigma_data}. Are all measured pixels equal?")
        super().__init__()
        self.network = network
        self.mask_channels = mask_channels
        for name, value in {"sigma_data": sigma_data, "mean": mean, "keep": keep}.items():
            self.register_buffer(name, torch.tensor(float(value)))

    def forward(self, noisy: Images, sigma: Float[Tensor, " image"], mask: Masks | None = None) -> Images:
        """Return the expected clean images, given the pixels that the mask shows."""
        if mask is None:
            mask = torch.ones_like(noisy[:, : self.mask_channels], dtype=torch.bool)
        shown = mask.to(noisy.dtype)
        total = torch.sqrt(sigma.reshape(-1, 1, 1, 1) ** 2 + self.sigma_data**2)
        seen = torch.cat([shown * (noisy - self.mean) / total, shown], dim=1)
        expected: Tensor = self.mean + self.sigma_data * self.network(seen, torch.log(sigma) / 4.0)
        return expected

    def through(self, mask: Masks) -> Denoiser:
        """Return the denoiser that sees each image through a mask of its own."""
        return lambda noisy, sigma: self(noisy, sigma, mask)

    @torch.no_grad()
    def generate(
        self,
        images: int,
        shape: tuple[int, int, int],
        *,
        seed: int,
        levels: Float[Tensor, " level"] | None = None,
        first: int = 0,
    ) -> Images:
        """Generate images, each through one random mask of the share of pixels that was measured.

        Of four rules this one came nearest to clean images: on digits at a Frechet distance of 1.9%, against 3.7% with
        further pixels hidden as in training, 7% with all pixels shown, 26% with a new mask at every step.

        Parameters
        ----------
        images : int
        shape : (channel, row, column)
        seed : int
        levels : tensor, optional
            Those of the sampler; 40 if left out.
        first : int
            Number of the first image: image i is the same however many are generated at once.
        """
        streams = Streams(seed).child("generated through")
        channels, rows, columns = shape
        drawn = [
            torch.from_numpy(streams.generator(f"image {first + i}").random((self.mask_channels, rows, columns)))
            for i in range(images)
        ]
        masks = torch.stack(drawn).to(self.mean.device) < self.keep
        noise = ImageNoise(seed, [(first + i,) for i in range(images)], (channels, rows, columns), like=self.mean)
        return sample_ancestral(self.through(masks), noise, noise_levels(40) if levels is None else levels)

    @torch.no_grad()
    def restore(self, observations: Observations, *, sigma: float | None = None) -> Images:
        """Fill in what was not measured by a single evaluation, and keep what was measured as it is.

        Parameters
        ----------
        observations : Observations
            Masked images.
        sigma : float, optional
            Noise level told to the network, in units of pixels.
        """
        masks = _masks_of(observations)[:, : self.mask_channels]
        level = RESTORING_SIGMA * float(self.sigma_data) if sigma is None else sigma
        y = observations.y
        expected = self(y, torch.full((len(y),), level, dtype=y.dtype, device=y.device), masks)
        return torch.where(observations.measured, y, expected)


def fit_ambient(
    observations: Observations,
    clean: Clean | None = None,
    *,
    seed: int,
    steps: int = 2500,
    batch_size: int = 128,
    learning_rate: float = 5e-4,
    further: float = 0.4,
    clean_share: float = 0.1,
    width: int = 256,
    dropout: float = 0.2,
    network: nn.Module | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> AmbientPrior:
    r"""Train an `AmbientPrior` on masked images, and on a few clean ones where there are any.

    Adam with a cosine schedule and gradients clipped at 1; the weights returned are an exponential average. The
    defaults are the best of 27 settings on a validation split of digits (40% of pixels measured, 50 images of 1203
    clean).

    Parameters
    ----------
    observations : Observations
        Masked images.
    clean : tensor, optional
        Clean images, of the same scale.
    seed : int
        Root of weights, batches, masks and noise.
    steps : int
        Without dropout, samples get worse beyond some 1000 on as many images.
    batch_size : int
    learning_rate : float
    further : float
        :math:`\delta`: probability with which a measured pixel is hidden from the network.
    clean_share : float
        Share of clean images in a batch. Half of them, rounded up, are shown whole, the others through masks like the
        measured ones; the loss is on all their pixels.
    width, dropout
        Of the perceptron.
    network : nn.Module, optional
        In place of the perceptron, with the mask among its input channels. It is trained in place.
    on_step : callable, optional
        Hears of every step and its loss.

    Returns
    -------
    AmbientPrior

    Raises
    ------
    InvalidInput
        When the observations are not masked images, when clean images are of another shape, or when a share is not one.
    """
    _check(observations, clean, steps=steps, batch_size=batch_size, further=further, clean_share=clean_share)
    streams = Streams(seed).child("ambient")
    device = observations.y.device
    with seeded(streams.integer("weights"), device):  # decides first weights and dropout
        prior = _untrained(observations, network, width=width, dropout=dropout).to(device)
        batches = _Batches(
            observations, clean, batch_size=batch_size, further=further, clean_share=clean_share, prior=prior
        )
        batches.generator.manual_seed(streams.integer("batches"))
        averaged = AveragedModel(prior, multi_avg_fn=_average)
        optimiser = torch.optim.Adam(prior.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        prior.train()
        for step in range(steps):
            optimiser.zero_grad(set_to_none=True)
            loss = batches.loss()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(prior)
            if on_step is not None:
                on_step(step, float(loss.detach()))
    return cast("AmbientPrior", averaged.module).eval().requires_grad_(requires_grad=False)


class _Batches:
    """Draws batches of masked and clean images and says how far the prior is from what was measured of them."""

    def __init__(
        self,
        observations: Observations,
        clean: Clean | None,
        *,
        batch_size: int,
        further: float,
        clean_share: float,
        prior: AmbientPrior,
    ) -> None:
        self.masks = _masks_of(observations)[:, : prior.mask_channels]
        self.y = observations.y
        self.clean = self.y[:0] if clean is None else clean.to(self.y)
        self.from_clean = round(clean_share * batch_size) if len(self.clean) else 0
        self.from_masked = batch_size - self.from_clean
        self.further = further
        self.prior = prior
        self.keep = float(prior.keep)
        self.generator = torch.Generator()

    def loss(self) -> Float[Tensor, ""]:
        target, measured, shown = self._images()
        sigma = self._levels(len(target))
        noise = torch.randn(target.shape, generator=self.generator).to(target)
        expected = self.prior(target + sigma.reshape(-1, 1, 1, 1) * noise, sigma, shown)
        weight = measured.to(target.dtype).expand_as(target)
        loss: Tensor = (weight * (expected - target) ** 2).sum() / weight.sum()
        return loss

    def _images(self) -> tuple[Images, Masks, Masks]:
        """Return images, what is measured of them, and what the network is shown."""
        rows = torch.randint(len(self.y), (self.from_masked,), generator=self.generator).to(self.y.device)
        measured = self.masks[rows]
        if not self.from_clean:
            return self.y[rows], measured, measured & self._tossed(measured, 1.0 - self.further)
        picked = torch.randint(len(self.clean), (self.from_clean,), generator=self.generator).to(self.y.device)
        whole = torch.ones_like(self.masks[:1]).expand(self.from_clean, -1, -1, -1)
        shown = (self.from_clean + 1) // 2
        whole_shown, whole_hidden = whole[:shown], whole[shown:]
        hidden = torch.cat([measured, whole_hidden & self._tossed(whole_hidden, self.keep)])
        return (
            torch.cat([self.y[rows], self.clean[picked]]),
            torch.cat([measured, whole]),
            torch.cat([hidden & self._tossed(hidden, 1.0 - self.further), whole_shown]),
        )

    def _tossed(self, like: Masks, keep: float) -> Masks:
        return torch.rand(like.shape, generator=self.generator).to(like.device) < keep

    def _levels(self, images: int) -> Float[Tensor, " image"]:
        normal = torch.randn(images, generator=self.generator).to(self.y)
        return torch.exp(MEAN_LOG_SIGMA + STD_LOG_SIGMA * normal) * self.prior.sigma_data / REFERENCE_STD


def _untrained(observations: Observations, network: nn.Module | None, *, width: int, dropout: float) -> AmbientPrior:
    masks, pixels = _masks_of(observations), observations.y[observations.measured]
    mask_channels = 1 if bool((masks == masks[:, :1]).all()) else masks.shape[1]
    if network is None:
        network = ResidualPerceptron(
            *observations.image_shape, width=width, condition_channels=mask_channels, dropout=dropout
        )
    return AmbientPrior(
        network,
        sigma_data=float(pixels.std()),
        mean=float(pixels.mean()),
        keep=float(masks.double().mean()),
        mask_channels=mask_channels,
    )


def _masks_of(observations: Observations) -> Masks:
    """Return which pixels are measured, after refusing whatever is not a mask that hides something."""
    visible = visible_pixels(observations)
    if bool(visible.all()):
        raise InvalidInput(
            f"Ambient Diffusion learns from images of which some pixels are hidden; {observations.physics} hides none: "
            "train a prior on such images as on clean ones."
        )
    return visible


def _average(averaged: _Weights, current: _Weights, updates: Tensor | int) -> None:
    """Average exponentially over a window that grows with the updates: a short run does not remember its start."""
    kept = min(LONGEST_AVERAGE, (1.0 + float(updates)) / (10.0 + float(updates)))
    torch._foreach_lerp_(averaged, current, 1.0 - kept)


def _check(
    observations: Observations, clean: Clean | None, *, steps: int, batch_size: int, further: float, clean_share: float
) -> None:
    _masks_of(observations)
    if clean is not None and tuple(clean.shape[1:]) != observations.image_shape:
        raise InvalidInput(
            f"clean images must be of the shape of the masked ones, {observations.image_shape}; "
            f"got {tuple(clean.shape[1:])}: crop or convert them."
        )
    if steps < 1 or batch_size < 1:
        raise InvalidInput(f"`steps` and `batch_size` must be at least 1; got {steps} and {batch_size}.")
    for name, share in {"further": further, "clean_share": clean_share}.items():
        if not 0 <= share < 1:
            raise InvalidInput(f"`{name}` must be a share of at least 0 and below 1; got {share}.")
