"""Posterior samples of many observations: which posterior, which sampler, and their settings, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from consilience.ground.config import STRICT
from consilience.methods.em_diffusion.krylov import conjugate_gradients, gmres
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.posterior import DPS, MMPS, PGDM
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.sampler import (
    ImageNoise,
    Langevin,
    noise_levels,
    sample_ancestral,
    sample_heun,
    sample_multistep,
)

__all__ = ["Sampling"]

_SAMPLERS = {"ancestral": sample_ancestral, "multistep": sample_multistep}
_SOLVERS = {"cg": conjugate_gradients, "gmres": gmres}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sampling:
    """How images are drawn from a prior, or from its posterior given observations."""

    posterior: Literal["mmps", "pgdm", "dps"] = "mmps"
    """How the measurement enters: moment matching, a ball, or a point."""
    iterations: PositiveInt = 2
    """Steps of the linear solver in "mmps" and "pgdm"."""
    solver: Literal["cg", "gmres"] = "cg"
    """Linear solver of "mmps": conjugate gradients, or GMRES for a Jacobian that is not symmetric."""
    strength: PositiveFloat = 1.0
    """Strength of "dps"; the others have none."""
    sampler: Literal["ancestral", "multistep", "heun"] = "multistep"
    """How the levels are walked down."""
    steps: PositiveInt = 20
    """Noise levels."""
    low: PositiveFloat = 0.01
    """Smallest noise level, in units of pixels."""
    high: PositiveFloat = 20.0
    """Largest noise level, in units of pixels."""
    corrections: NonNegativeInt = 3
    """Langevin corrections at every level between a twentieth of and one standard deviation of the pixels, about."""
    correction_step: PositiveFloat = 0.5
    """Step of a correction, below 1."""
    correction_low: NonNegativeFloat = 0.05
    """Smallest level that is corrected, in units of pixels."""
    correction_high: PositiveFloat = 1.0
    """Largest level that is corrected."""
    value_range: tuple[float, float] | None = (-1.0, 1.0)
    """Range of clean pixels, which samples may leave by a twentieth; None where it is not known."""
    chunk: PositiveInt = 4096
    """Images sampled at a time."""

    @property
    def levels(self) -> Float[Tensor, " level"]:
        """The noise levels, decreasing, zero last."""
        return noise_levels(self.steps, low=self.low, high=self.high)

    @property
    def corrector(self) -> Langevin | None:
        """The corrections between steps, if there are any; Heun's method has none."""
        if self.corrections == 0 or self.sampler == "heun":
            return None
        return Langevin(
            steps=self.corrections, step=self.correction_step, low=self.correction_low, high=self.correction_high
        )

    @property
    def evaluations(self) -> int:
        """Evaluations of the denoiser a posterior sample."""
        if self.sampler == "heun":
            return 2 * self.steps - 1
        return self.steps + (self.corrector.evaluations(self.levels) if self.corrector else 0)

    def restore(
        self,
        prior: Denoiser,
        observations: Observations,
        *,
        samples: int,
        seed: int,
        names: Sequence[int] | None = None,
    ) -> Float[Tensor, "observation sample channel row column"]:
        """Draw posterior samples of every observation.

        Parameters
        ----------
        prior : Denoiser
        observations : Observations
        samples : int
            How many for each.
        seed : int
            With the names of observation and sample, decides every sample, whatever it is computed together with.
        names : sequence of int, optional
            Names of the observations' random streams; their places if left out.
        """
        count, shape = len(observations), observations.image_shape
        names = range(count) if names is None else names
        pairs = [(row, sample) for row in range(count) for sample in range(samples)]
        drawn = [
            self._walk(
                self.guide(prior, observations.take([row for row, _ in part])),
                ImageNoise(seed, [(names[row], sample) for row, sample in part], shape, like=observations.y),
                corrector=self.corrector,
            )
            for part in (pairs[first : first + self.chunk] for first in range(0, len(pairs), self.chunk))
        ]
        return torch.cat(drawn).reshape(count, samples, *shape)

    def guide(self, prior: Denoiser, observations: Observations) -> Denoiser:
        """Return the posterior as a denoiser."""
        physics, y = observations.physics, observations.y
        if self.posterior == "mmps":
            return MMPS(
                prior,
                physics,
                y,
                iterations=self.iterations,
                solver=_SOLVERS[self.solver],
                value_range=self.value_range,
            )
        if self.posterior == "pgdm":
            spread = float(getattr(prior, "sigma_data", 1.0))
            return PGDM(prior, physics, y, sigma_data=spread, iterations=self.iterations, value_range=self.value_range)
        return DPS(prior, physics, y, levels=self.levels, strength=self.strength, value_range=self.value_range)

    def generate(
        self, prior: Denoiser, count: int, shape: tuple[int, int, int], *, seed: int, like: Tensor | None = None
    ) -> Float[Tensor, "image channel row column"]:
        """Draw images from the prior itself, by `sample_multistep`, one evaluation a level."""
        drawn = []
        for first in range(0, count, self.chunk):
            names = [(place,) for place in range(first, min(first + self.chunk, count))]
            drawn.append(sample_multistep(prior, ImageNoise(seed, names, shape, like=like), self.levels))
        return torch.cat(drawn)

    def _walk(
        self, denoiser: Denoiser, noise: ImageNoise, *, corrector: Langevin | None
    ) -> Float[Tensor, "image channel row column"]:
        levels = self.levels
        if self.sampler == "heun":
            return sample_heun(denoiser, noise, levels)
        return _SAMPLERS[self.sampler](denoiser, noise, levels, corrector=corrector)
