r"""Posteriors: denoisers that know a measurement, made of a prior and a corruption.

Each wraps a denoiser and is one, so that any sampler takes it. With :math:`y = Ax_0 + sn` and the prior's
:math:`D = E[x_0\mid x_\sigma]`,

.. math:: E[x_0\mid x_\sigma, y] = D + \sigma^2\nabla_{x_\sigma}\log p(y\mid x_\sigma),

and the three differ in what they take for :math:`p(x_0\mid x_\sigma)`: a point (`DPS`), a ball (`PGDM`), or a Gaussian
with the covariance of Tweedie's formula (`MMPS`). Each evaluates the network once a step; gradients are vector-Jacobian
products through that evaluation. Norms and inner products are an image's own: a batch changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.methods.em_diffusion.corruption import Physics, noise_std_of
from consilience.methods.em_diffusion.krylov import conjugate_gradients
from consilience.methods.em_diffusion.prior import Denoiser

__all__ = ["DPS", "MMPS", "PGDM"]

LEAST_NOISE = 1e-2
"""Smallest measurement noise that a posterior assumes, in units of pixels that run from -1 to 1, as the noise levels of
samplers are: without noise its linear systems would be singular."""
RANGE_MARGIN = 0.05
"""Share of the value range by which an expected pixel may leave it on either side."""

Images = Float[Tensor, "image channel row column"]
Pull = Callable[[Tensor], Tensor]
"""Maps a vector of the image space to its product with the transposed Jacobian of the denoiser."""


class _Guided(ABC):
    def __init__(
        self,
        denoiser: Denoiser,
        physics: Physics,
        measurement: Tensor,
        *,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.denoiser = denoiser
        self.physics = physics
        self.measurement = measurement
        self.value_range = value_range

    def __call__(self, noisy: Images, sigma: Float[Tensor, " image"]) -> Images:
        """Return the expected clean images, given the measurements."""
        with torch.enable_grad():
            point = noisy.detach().requires_grad_()
            expected = self.denoiser(point, sigma)

            def pull(vector: Tensor) -> Tensor:
                (product,) = torch.autograd.grad(expected, point, vector, retain_graph=True)
                return product

            residual = self.measurement - self.physics.A(expected.detach())
            correction = self._correction(residual, pull, sigma)
        return self._within((expected + correction).detach())

    def _within(self, expected: Images) -> Images:
        """Keep expected pixels within the range of clean ones and a margin: a step that overshot stays harmless."""
        if self.value_range is None:
            return expected
        low, high = self.value_range
        margin = RANGE_MARGIN * (high - low)
        return expected.clamp(low - margin, high + margin)

    @abstractmethod
    def _correction(self, residual: Tensor, pull: Pull, sigma: Float[Tensor, " image"]) -> Images:
        """Return what the measurement adds to the expected image."""

    def _variance(self, residual: Tensor) -> Tensor:
        """Return the squared noise of the measurement, ready to multiply measurements."""
        noise = torch.as_tensor(noise_std_of(self.physics), dtype=residual.dtype, device=residual.device)
        return _beside(noise.clamp(min=LEAST_NOISE).expand(len(residual)), residual) ** 2


class DPS(_Guided):
    r"""Diffusion posterior sampling (Chung et al., arXiv:2209.14687), with every image's own norm.

    Their step, :math:`x_{t-1} \leftarrow x_{t-1}-\zeta\nabla_{x_t}\|y-A\hat x_0\|` in coordinates that preserve
    variance, is what the ancestral sampler does with this denoiser on the same levels.

    Parameters
    ----------
    denoiser, physics, measurement, value_range
        The prior, the corruption, what was measured, and (optional) the range of clean pixels.
    levels : tensor, shape (steps + 1,)
        Those of the sampler: the step there decides how strong the correction is here.
    strength : float
        :math:`\zeta`.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        physics: Physics,
        measurement: Tensor,
        *,
        levels: Float[Tensor, " level"],
        strength: float = 1.0,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(denoiser, physics, measurement, value_range=value_range)
        self.levels = levels
        self.strength = strength

    def _correction(self, residual: Tensor, pull: Pull, sigma: Float[Tensor, " image"]) -> Images:
        levels = self.levels.to(sigma)
        place = (levels - sigma[:, None]).abs().argmin(dim=1).clamp(max=len(levels) - 2)
        later = levels[place + 1]
        kept = (later / sigma) ** 2
        size = residual.flatten(1).norm(dim=1).clamp(min=torch.finfo(residual.dtype).tiny)
        towards = pull(self.physics.A_adjoint(residual / _beside(size, residual)))
        # Their coordinates are ours over sqrt(1 + level^2): one factor for the gradient, one for the step.
        factor = self.strength * torch.sqrt((1.0 + sigma**2) * (1.0 + later**2)) / (1.0 - kept)
        return factor.reshape(-1, 1, 1, 1) * towards


class PGDM(_Guided):
    r"""Pseudo-inverse guidance (Song et al., ICLR 2023): :math:`x_0\mid x_\sigma` is taken for a ball about D.

    .. math:: \sigma^2 J^TA^T\left(s^2+r^2AA^T\right)^{-1}(y-AD),\qquad
              r^2=\frac{\sigma^2\sigma_d^2}{\sigma^2+\sigma_d^2}

    Parameters
    ----------
    denoiser, physics, measurement, value_range
        The prior, the corruption, what was measured, and (optional) the range of clean pixels.
    sigma_data : float
        Standard deviation of clean pixels.
    iterations : int
        Steps of conjugate gradients; one is exact where :math:`AA^T` is a projection or the identity.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        physics: Physics,
        measurement: Tensor,
        *,
        sigma_data: float,
        iterations: int = 1,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(denoiser, physics, measurement, value_range=value_range)
        self.sigma_data = sigma_data
        self.iterations = iterations

    def _correction(self, residual: Tensor, pull: Pull, sigma: Float[Tensor, " image"]) -> Images:
        radius = sigma**2 * self.sigma_data**2 / (sigma**2 + self.sigma_data**2)
        ball, variance = _beside(radius, residual), self._variance(residual)

        def covariance(vector: Tensor) -> Tensor:
            return variance * vector + ball * self.physics.A(self.physics.A_adjoint(vector))

        solved = conjugate_gradients(covariance, residual, iterations=self.iterations)
        return sigma.reshape(-1, 1, 1, 1) ** 2 * pull(self.physics.A_adjoint(solved))


class MMPS(_Guided):
    r"""Moment matching posterior sampling (Rozet et al., arXiv:2405.13712): Tweedie's covariance, :math:`V=\sigma^2J`.

    .. math:: V^TA^T\left(s^2+AVA^T\right)^{-1}(y-AD)

    exact for Gaussian priors. The Jacobian of an exact denoiser is symmetric; conjugate gradients rely on that, GMRES
    does not.

    Parameters
    ----------
    denoiser, physics, measurement, value_range
        The prior, the corruption, what was measured, and (optional) the range of clean pixels.
    iterations : int
        Steps of the linear solver, one vector-Jacobian product each. More than a few let the errors of the network's
        Jacobian in.
    solver : callable
        `krylov.conjugate_gradients` or `krylov.gmres`, or one that is called like them.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        physics: Physics,
        measurement: Tensor,
        *,
        iterations: int = 2,
        solver: Callable[..., Tensor] = conjugate_gradients,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(denoiser, physics, measurement, value_range=value_range)
        self.iterations = iterations
        self.solver = solver

    def _correction(self, residual: Tensor, pull: Pull, sigma: Float[Tensor, " image"]) -> Images:
        square, variance = sigma.reshape(-1, 1, 1, 1) ** 2, self._variance(residual)

        def covariance(vector: Tensor) -> Tensor:
            return variance * vector + self.physics.A(square * pull(self.physics.A_adjoint(vector)))

        solved = self.solver(covariance, residual, iterations=self.iterations)
        return square * pull(self.physics.A_adjoint(solved))


def _beside(values: Float[Tensor, " image"], measurement: Tensor) -> Tensor:
    """Return one number an image in a shape that multiplies measurements."""
    return values.reshape(-1, *([1] * (measurement.ndim - 1)))
