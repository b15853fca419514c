r"""Priors: networks that return the clean image to be expected under noise.

Noise is written as in EDM (Karras et al., arXiv:2206.00364): :math:`x_\sigma = x_0 + \sigma\varepsilon`. A prior is a
denoiser :math:`D(x_\sigma, \sigma) \approx E[x_0\mid x_\sigma]`; by Tweedie's formula the score is
:math:`(D - x_\sigma)/\sigma^2`, and the covariance of :math:`x_0` given :math:`x_\sigma` is
:math:`\sigma^2\,\partial D/\partial x_\sigma`. Everything downstream, posteriors and samplers, needs that function and
nothing else.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput

__all__ = ["Conditioned", "Denoiser", "NetworkPrior"]


@runtime_checkable
class Denoiser(Protocol):
    """What is to be expected of a clean image, given a noisy one."""

    def __call__(
        self, noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the expected clean images; `sigma` is the standard deviation of each image's noise."""
        ...


class NetworkPrior(nn.Module):
    r"""A denoiser made of a network by EDM's preconditioning.

    .. math:: D(x,\sigma)=\frac{\sigma_d^2}{\sigma^2+\sigma_d^2}\,x
              +\frac{\sigma\sigma_d}{\sqrt{\sigma^2+\sigma_d^2}}\,
              F\!\left(\frac{x}{\sqrt{\sigma^2+\sigma_d^2}},\tfrac14\ln\sigma\right)

    so that the network sees inputs of unit variance and has targets of unit variance at every noise level (eq. 7 and
    table 1 of arXiv:2206.00364).

    Parameters
    ----------
    network : nn.Module
        Maps images of shape (image, channel + condition channels, row, column) and one label an image to images.
    sigma_data : float
        Standard deviation of the clean pixels about their mean.
    mean : float
        Mean of the clean pixels: taken off before the network and added again.
    """

    sigma_data: Tensor
    mean: Tensor

    def __init__(self, network: nn.Module, *, sigma_data: float, mean: float = 0.0) -> None:
        if not sigma_data > 0:
            raise InvalidInput(f"sigma_data must be positive; got {sigma_data}. Are all images constant?")
        super().__init__()
        self.network = network
        self.register_buffer("sigma_data", torch.tensor(float(sigma_data)))
        self.register_buffer("mean", torch.tensor(float(mean)))

    def forward(
        self,
        noisy: Float[Tensor, "image channel row column"],
        sigma: Float[Tensor, " image"],
        condition: Float[Tensor, "image extra row column"] | None = None,
    ) -> Float[Tensor, "image channel row column"]:
        """Return the expected clean images."""
        level = sigma.reshape(-1, 1, 1, 1)
        total = torch.sqrt(level**2 + self.sigma_data**2)
        centred = noisy - self.mean
        seen = centred / total
        if condition is not None:
            seen = torch.cat([seen, condition], dim=1)
        output = self.network(seen, torch.log(sigma) / 4.0)
        skipped = (self.sigma_data / total) ** 2 * centred
        expected: Tensor = self.mean + skipped + level * self.sigma_data / total * output
        return expected

    def loss(
        self,
        clean: Float[Tensor, "image channel row column"],
        noise: Float[Tensor, "image channel row column"],
        sigma: Float[Tensor, " image"],
        condition: Float[Tensor, "image extra row column"] | None = None,
    ) -> Float[Tensor, " image"]:
        """Return each image's denoising error, weighted so that every noise level counts alike for the network."""
        level = sigma.reshape(-1, 1, 1, 1)
        error = self(clean + level * noise, sigma, condition) - clean
        weight = (level**2 + self.sigma_data**2) / (level * self.sigma_data) ** 2
        losses: Tensor = (weight * error**2).mean(dim=(1, 2, 3))
        return losses


class Conditioned:
    """A denoiser that knows something fixed of every image.

    Parameters
    ----------
    prior : NetworkPrior
        With a network that takes the condition's channels.
    condition : tensor, shape (image, extra, row, column)
    """

    def __init__(self, prior: NetworkPrior, condition: Float[Tensor, "image extra row column"]) -> None:
        self.prior = prior
        self.condition = condition

    def __call__(
        self, noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the expected clean images, given the condition."""
        expected: Tensor = self.prior(noisy, sigma, self.condition)
        return expected
