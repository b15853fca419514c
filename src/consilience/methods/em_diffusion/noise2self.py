r"""Noise2Self (Batson & Royer, arXiv:1901.11365): a denoiser learned from noisy images alone.

A function is J-invariant when what it says of some pixels does not depend on them. As the noise of a pixel is
independent of the others, such a function's error against the noisy pixel is, up to the constant :math:`s^2`, its error
against the clean one, so that it can be trained, and stopped in time, without any clean image:

.. math:: E\|f(y)_J-y_J\|^2=E\|f(y)_J-x_J\|^2+s^2 .

Here the network sees which pixels are hidden from it. What it says of a pixel leaves that pixel's own measurement
unused; as the noise level is known, the two are weighted by their variances.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.filling import visible_pixels
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.physics import per_image
from consilience.neural.generators import seeded

__all__ = ["Noise2Self", "fit_noise2self"]

SPACING = 4
"""Pixels are hidden on grids of this spacing: 16 of them hide every pixel once."""

HELD_OUT = 0.1
"""Share of images whose hidden pixels tell when to stop."""

PATIENCE = 8
"""Checks without improvement after which training ends."""

CHECKED_EVERY = 50

Images = Float[Tensor, "image channel row column"]


@dataclass(frozen=True, kw_only=True)
class Noise2Self:
    """A trained denoiser for plain noise."""

    network: nn.Module
    """Maps images with a mask of visible pixels as a further channel, and an unused label, to images."""
    mean: float
    """Mean of the noisy pixels."""
    std: float
    """Their standard deviation."""
    held_out_error: float
    """Mean squared error against noisy pixels that the network was neither trained on nor shown; the least possible is
    the variance of the noise."""
    steps: int
    """Training steps after which that error was least."""

    @torch.no_grad()
    def predict(self, noisy: Images) -> Images:
        """Return what the other pixels say of each pixel."""
        return _predict(self.network, (noisy - self.mean) / self.std) * self.std + self.mean

    def restore(self, observations: Observations) -> Images:
        r"""Return images denoised by the network and their own pixels.

        With the error :math:`e^2` of the network against clean pixels, known from `held_out_error`, the mean of the two
        with weights :math:`s^2` on the network's word and :math:`e^2` on the measurement has the least error.
        """
        _check(observations)
        noisy = observations.y
        variance = per_image(observations.noise_std, noisy) ** 2
        error = self._squared_error(observations)
        return (variance * self.predict(noisy) + error * noisy) / (variance + error)

    def _squared_error(self, observations: Observations) -> float:
        noise = float((torch.as_tensor(observations.noise_std).double() ** 2).mean())
        return max(self.held_out_error - noise, 1e-6 * self.std**2)


def fit_noise2self(
    observations: Observations,
    *,
    seed: int,
    steps: int = 2000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    width: int = 64,
    blocks: int = 1,
    dropout: float = 0.1,
    network: nn.Module | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> Noise2Self:
    """Train a denoiser on noisy images; no clean image is needed anywhere.

    Parameters
    ----------
    observations : Observations
        Of plain noise, at least two.
    seed : int
        Root of weights, batches and hidden pixels.
    steps : int
        At most; training ends earlier where the error on held-out images stops falling.
    batch_size : int
    learning_rate : float
    width, blocks, dropout
        Of the perceptron.
    network : nn.Module, optional
        In place of the perceptron, with one input channel more than the images. It is trained in place.
    on_step : callable, optional
        Hears of every step and its loss.

    Raises
    ------
    InvalidInput
        When the corruption is more than noise, or when there are too few images.
    """
    _check(observations)
    if len(observations) < 2 or steps < 1 or batch_size < 1:  # noqa: PLR2004 - one to train on, one to stop by
        raise InvalidInput(
            "expected at least 2 images, 1 step and batches of 1; "
            f"got {len(observations)} images, {steps} steps and batches of {batch_size}."
        )
    streams = Streams(seed).child("noise2self")
    generator = torch.Generator().manual_seed(streams.integer("batches"))
    noisy = observations.y
    mean, std = float(noisy.mean()), float(noisy.std())
    order = torch.randperm(len(noisy), generator=generator).to(noisy.device)
    held = max(1, round(HELD_OUT * len(noisy)))
    scaled = (noisy - mean) / std
    training, stopping = scaled[order[held:]], scaled[order[:held]]
    with seeded(streams.integer("weights"), noisy.device):  # decides first weights and dropout
        if network is None:
            network = ResidualPerceptron(
                *observations.image_shape, width=width, blocks=blocks, condition_channels=1, dropout=dropout
            )
        best = _Best(network.to(noisy.device), stopping)
        optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate)
        for step in range(steps):
            network.train()
            rows = torch.randint(len(training), (batch_size,), generator=generator).to(noisy.device)
            grids = torch.randint(SPACING**2, (batch_size,), generator=generator).to(noisy.device)
            hidden = _grids(scaled.shape[2:], noisy.device)[grids]
            optimiser.zero_grad(set_to_none=True)
            loss = _loss(network, training[rows], hidden)
            torch.autograd.backward(loss)
            optimiser.step()
            if on_step is not None:
                on_step(step, float(loss.detach()))
            if ((step + 1) % CHECKED_EVERY == 0 or step + 1 == steps) and best.is_over(step + 1):
                break
    network.load_state_dict(best.state)
    return Noise2Self(
        network=network.eval().requires_grad_(requires_grad=False),
        mean=mean,
        std=std,
        held_out_error=best.error * std**2,
        steps=best.step,
    )


class _Best:
    """Remembers the weights of the least error on held-out images."""

    def __init__(self, network: nn.Module, images: Images) -> None:
        self.network = network
        self.images = images
        self.error, self.step, self.worse = math.inf, 0, 0
        self.state = copy.deepcopy(network.state_dict())

    @torch.no_grad()
    def is_over(self, step: int) -> bool:
        """Check the network; whether it has not been better for too long."""
        self.network.eval()
        error = float(((_predict(self.network, self.images) - self.images) ** 2).mean())
        if error < self.error:
            self.error, self.step, self.worse = error, step, 0
            self.state = copy.deepcopy(self.network.state_dict())
        else:
            self.worse += 1
        return self.worse >= PATIENCE


def _predict(network: nn.Module, images: Images) -> Images:
    """Return the network's word on every pixel, each while it was hidden."""
    predicted = torch.zeros_like(images)
    for grid in _grids(images.shape[2:], images.device):
        hidden = grid[None].expand(len(images), -1, -1, -1)
        predicted = torch.where(hidden, _seen_by(network, images, hidden), predicted)
    return predicted


def _loss(network: nn.Module, images: Images, hidden: Bool[Tensor, "image 1 row column"]) -> Float[Tensor, ""]:
    error = _seen_by(network, images, hidden) - images
    weight = hidden.to(images.dtype).expand_as(images)
    loss: Tensor = (weight * error**2).sum() / weight.sum().clamp(min=1.0)
    return loss


def _seen_by(network: nn.Module, images: Images, hidden: Bool[Tensor, "image 1 row column"]) -> Images:
    visible = (~hidden).to(images.dtype)
    output: Tensor = network(torch.cat([visible * images, visible], dim=1), images.new_zeros(len(images)))
    return output


def _grids(size: torch.Size, device: torch.device) -> Bool[Tensor, "grid 1 row column"]:
    """Return masks that between them hide every pixel once."""
    rows, columns = size
    place = (torch.arange(rows)[:, None] % SPACING) * SPACING + torch.arange(columns)[None] % SPACING
    return (place[None] == torch.arange(SPACING**2)[:, None, None])[:, None].to(device)


def _check(observations: Observations) -> None:
    if not bool(visible_pixels(observations).all()):
        raise InvalidInput(
            f"Noise2Self is for noise alone; got {observations.physics}, which hides pixels: use another method for it."
        )
