"""A judge that needs no ground truth: predict measurements that a posterior was not shown."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.methods.em_diffusion.corruption import Physics, noise_std_of, take_images
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.sampling import Sampling

__all__ = ["HeldOut", "PartlySeen"]


class PartlySeen:
    """A corruption of which some measured entries are not looked at.

    Parameters
    ----------
    physics : Physics
    seen : bool tensor of the measurements' shape
    """

    def __init__(self, physics: Physics, seen: Bool[Tensor, "image ..."]) -> None:
        self.physics = physics
        self.seen = seen

    @property
    def noise_std(self) -> float | Float[Tensor, " image"]:
        """The measurement's noise."""
        return noise_std_of(self.physics)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the measurement of images where it is looked at."""
        return self.physics(x) * self.seen

    def A(self, x: Tensor) -> Tensor:  # noqa: N802 - deepinv's word
        """Apply the operator, and hide."""
        return self.physics.A(x) * self.seen

    def A_adjoint(self, y: Tensor) -> Tensor:  # noqa: N802 - deepinv's word
        """Apply the adjoint to what is looked at."""
        return self.physics.A_adjoint(y * self.seen)

    def measured(self, y: Tensor) -> Bool[Tensor, "image ..."]:
        """Return which entries are looked at."""
        del y
        return self.seen

    def take(self, rows: list[int]) -> PartlySeen:
        """Return the corruption of some images."""
        return PartlySeen(take_images(self.physics, rows, len(self.seen)), self.seen[rows])


MOST_IMAGES = 128
"""Observations that judge, where more are given."""


class HeldOut:
    """Some observations with a share of their measured entries hidden, to be predicted.

    Parameters
    ----------
    observations : Observations
    images : int
        How many observations to take, evenly spaced.
    share : float
        Of the measured entries of each that is hidden.
    seed : int
    """

    def __init__(
        self, observations: Observations, *, images: int = MOST_IMAGES, share: float = 0.2, seed: int = 0
    ) -> None:
        count = len(observations)
        rows = sorted({round(place * (count - 1) / max(images - 1, 1)) for place in range(images)})
        self.whole = observations.take(rows)
        draw = torch.rand(self.whole.y.shape, generator=torch.Generator().manual_seed(seed))
        measured = self.whole.measured.expand(self.whole.y.shape)
        self.hidden = measured & (draw < share).to(measured.device)
        seen = measured & ~self.hidden
        self.shown = Observations(self.whole.y * seen, PartlySeen(self.whole.physics, seen))

    def error(self, prior: Denoiser, sampling: Sampling, *, samples: int = 4, seed: int = 0) -> float:
        """Return the root mean squared error of the posterior mean on the hidden entries, in units of measurements."""
        mean = sampling.restore(prior, self.shown, samples=samples, seed=seed).mean(dim=1)
        missed = (self.whole.physics.A(mean) - self.whole.y)[self.hidden]
        return float(missed.square().mean().sqrt())
