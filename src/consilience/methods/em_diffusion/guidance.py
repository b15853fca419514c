r"""How strongly the measurement should pull, found without any clean image.

The strength of `DPS` has no natural unit: the best one depends on the prior, on the number of steps, on the corruption
and on its noise. Three criteria look at measurements alone.

"held_out"
    Restore from a part of what was measured and predict the rest. Where pixels were not measured at all, some measured
    entries are hidden and stand for them; entries that stay lend a part of their noise: of
    :math:`y_1=y+\alpha sn` and :math:`y_2=y-sn/\alpha` with fresh normal n, the noise is independent, so that

    .. math:: E\|A\hat x(y_1)-y_2\|^2 = E\|A\hat x(y_1)-Ax\|^2 + s^2(1+\alpha^{-2})

    tells the error on measured entries (the coupled bootstrap, arXiv:2111.09447), if with a little more noise than
    there is. The two errors, in proportion to measured and unmeasured pixels, estimate the mean squared error of the
    image.
"discrepancy"
    The residual of a sample should be as large as the noise (Morozov): :math:`\|y-Ax\|^2/n=s^2`, which holds on average
    for samples of the true posterior. DPS is not the true posterior: its residual can be right where its images are
    not, and with next to no noise it never gets there, and says nothing of pixels that were not measured.
"fit"
    The smallest residual, eq. 12 of arXiv:2407.01014. It fits noise as gladly as image: in denoising, the smallest
    residual returns the noisy image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.corruption import Physics, noise_std_of, per_image, take_images
from consilience.methods.em_diffusion.held_out import PartlySeen
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.posterior import LEAST_NOISE
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.sampling import Sampling

__all__ = ["Criterion", "Predicted", "Strength", "Trial", "find_strength", "residual_of"]

Criterion: TypeAlias = Literal["held_out", "discrepancy", "fit"]

HIDDEN = 0.1
"""Share of the measured entries that is hidden: more of them, and the best strength for the rest is another one."""
LENT = 0.5
"""The noise added to what is shown, in units of the noise that is there already."""


@final
@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a criterion says of one strength."""

    strength: float
    value: float
    """Residual in units of the noise, or the estimated mean squared error."""


@final
@dataclass(frozen=True, kw_only=True)
class Strength:
    """A strength, and why it was chosen."""

    criterion: Criterion
    trials: tuple[Trial, ...]
    """Of the grid, the weakest first."""

    @property
    def chosen(self) -> float:
        """The strength that the criterion asks for, between those of the grid where it can be interpolated.

        Examples
        --------
        >>> trials = tuple(Trial(strength=z, value=r) for z, r in ((0.1, 2.0), (0.4, 0.5), (1.6, 0.4)))
        >>> [round(Strength(criterion=how, trials=trials).chosen, 3) for how in ("discrepancy", "fit")]
        [0.2, 1.6]
        """
        if self.criterion == "discrepancy":
            return _first_crossing(self.trials)
        if self.criterion == "fit":
            return _smallest(self.trials).strength
        return _lowest_point(self.trials)

    @property
    def at_the_edge(self) -> bool:
        """Whether the grid ends there, so that a wider one may hold a better strength."""
        return self.chosen in (self.trials[0].strength, self.trials[-1].strength)


def find_strength(
    prior: Denoiser,
    observations: Observations,
    sampling: Sampling,
    *,
    grid: Sequence[float],
    criterion: Criterion = "held_out",
    images: int = 128,
    samples: int = 4,
    seed: int,
) -> Strength:
    """Find the strength of guidance from measurements alone.

    Parameters
    ----------
    prior : Denoiser
    observations : Observations
    sampling : Sampling
        With ``posterior="dps"``; its own strength is not looked at.
    grid : sequence of float
        Strengths to try, at least 2.
    criterion : {"held_out", "discrepancy", "fit"}
        "fit" overfits noise; it is here because it is the paper's.
    images : int
        How many observations to try them on, evenly spaced.
    samples : int
        For each, whose mean predicts what was held out. The residual is that of single samples.
    seed : int
        The same noise for every strength, so that differences are not chance.

    Returns
    -------
    Strength

    Raises
    ------
    InvalidInput
        If the posterior has no strength, or if the grid is none.
    """
    strengths = _checked(sampling, grid)
    if images < 1 or samples < 1:
        raise InvalidInput(f"`images` and `samples` must be at least 1; got {images} and {samples}.")
    if criterion not in ("held_out", "discrepancy", "fit"):
        raise InvalidInput(f"criterion must be 'held_out', 'discrepancy' or 'fit'; got {criterion!r}.")
    streams = Streams(seed)
    some = _evenly(observations, images)
    judge: Callable[[Sampling], float]
    if criterion == "held_out":
        predicted = Predicted(some, seed=streams.integer("held out"))

        def judge(settings: Sampling) -> float:
            return predicted.error(prior, settings, samples=samples, seed=streams.integer("samples"))
    else:

        def judge(settings: Sampling) -> float:
            return residual_of(settings.restore(prior, some, samples=samples, seed=streams.integer("samples")), some)

    trials = (Trial(strength=at, value=judge(replace(sampling, strength=at))) for at in strengths)
    return Strength(criterion=criterion, trials=tuple(trials))


def residual_of(drawn: Float[Tensor, "observation sample channel row column"], observations: Observations) -> float:
    """Return the root mean squared residual of samples over all measured entries, in units of the noise.

    Measurements without noise count as having that which posteriors assume.
    """
    count, samples = drawn.shape[:2]
    many = observations.take([row for row in range(count) for _ in range(samples)])
    missed = (many.y - many.physics.A(drawn.flatten(0, 1))) / _noise(many)
    return float(missed[many.measured.expand(missed.shape)].double().square().mean().sqrt())


@final
class Predicted:
    """Observations that lent some of their entries and some of their noise, to be predicted.

    Parameters
    ----------
    observations : Observations
    hidden : float
        Share of the measured entries that is hidden, if there are pixels that were not measured.
    lent : float
        Noise added to the others, in units of their own.
    seed : int
    """

    def __init__(self, observations: Observations, *, hidden: float = HIDDEN, lent: float = LENT, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        y, measured = observations.y, observations.measured.expand(observations.y.shape)
        pixels = len(observations) * math.prod(observations.image_shape)
        self.unmeasured = max(0.0, 1.0 - float(measured.sum()) / pixels)
        draw = torch.rand(y.shape, generator=generator).to(y)
        self.hidden: Bool[Tensor, "image ..."] = measured & (draw < (hidden if self.unmeasured > 0 else 0.0))
        self.seen: Bool[Tensor, "image ..."] = measured & ~self.hidden
        fresh = per_image(observations.noise_std, y) * torch.randn(y.shape, generator=generator).to(y)
        noisier = _Noisier(observations.physics, math.hypot(1.0, lent), len(observations))
        self.shown = Observations((y + lent * fresh) * self.seen, PartlySeen(noisier, self.seen))
        self._whole = observations
        self._counterpart = torch.where(self.hidden, y, y - fresh / lent)
        self._noise_left = torch.where(self.hidden, 1.0, 1.0 + lent**-2) * per_image(observations.noise_std, y) ** 2

    def error(self, prior: Denoiser, sampling: Sampling, *, samples: int = 4, seed: int = 0) -> float:
        """Return an estimate of the mean squared error of the posterior mean; chance may bring it below zero."""
        mean = sampling.restore(prior, self.shown, samples=samples, seed=seed).mean(dim=1)
        return self.error_of(mean)

    def error_of(self, restored: Float[Tensor, "image channel row column"]) -> float:
        """Return that estimate for images restored from `shown`."""
        square = ((self._whole.physics.A(restored) - self._counterpart) ** 2 - self._noise_left).double()
        on_seen = float(square[self.seen].mean())
        if not bool(self.hidden.any()):
            return on_seen
        return self.unmeasured * float(square[self.hidden].mean()) + (1.0 - self.unmeasured) * on_seen


@final
class _Noisier:
    """A corruption with more noise."""

    def __init__(self, physics: Physics, factor: float, images: int) -> None:
        self.physics = physics
        self.factor = factor
        self.images = images

    @property
    def noise_std(self) -> float | Float[Tensor, " image"]:
        return self.factor * noise_std_of(self.physics)

    def __call__(self, x: Tensor) -> Tensor:
        y = self.A(x)
        return y + per_image(self.noise_std, y) * torch.randn_like(y)

    def A(self, x: Tensor) -> Tensor:  # noqa: N802 - deepinv's word
        return self.physics.A(x)

    def A_adjoint(self, y: Tensor) -> Tensor:  # noqa: N802 - deepinv's word
        return self.physics.A_adjoint(y)

    def take(self, rows: list[int]) -> _Noisier:
        return _Noisier(take_images(self.physics, rows, self.images), self.factor, len(rows))


def _checked(sampling: Sampling, grid: Sequence[float]) -> list[float]:
    if sampling.posterior != "dps":
        raise InvalidInput(f"only the posterior 'dps' has a strength to find; got {sampling.posterior!r}.")
    strengths = sorted({float(strength) for strength in grid})
    if len(strengths) < 2 or not all(0 < at < math.inf for at in strengths):  # noqa: PLR2004 - a choice
        raise InvalidInput(f"`grid` must hold at least 2 different strengths, positive and finite; got {list(grid)}.")
    return strengths


def _evenly(observations: Observations, images: int) -> Observations:
    count = len(observations)
    rows = {round(place * (count - 1) / max(images - 1, 1)) for place in range(images)}
    return observations.take(sorted(rows))


def _noise(observations: Observations) -> Tensor:
    level = torch.as_tensor(observations.noise_std).to(observations.y).clamp(min=LEAST_NOISE)
    return level.reshape(-1, *[1] * (observations.y.ndim - 1))


def _smallest(trials: tuple[Trial, ...]) -> Trial:
    return min(trials, key=lambda trial: trial.value)


def _first_crossing(trials: tuple[Trial, ...]) -> float:
    """Return the weakest strength at which the residual is that of noise, or the one where it is closest."""
    for weak, strong in pairwise(trials):
        if weak.value >= 1.0 > strong.value:
            share = math.log(weak.value) / math.log(weak.value / strong.value)
            return weak.strength * math.exp(share * math.log(strong.strength / weak.strength))
    return min(trials, key=lambda trial: abs(math.log(trial.value))).strength


def _lowest_point(trials: tuple[Trial, ...]) -> float:
    """Return where the parabola through the smallest value and its neighbours, over log strength, is lowest."""
    place = trials.index(_smallest(trials))
    if place in (0, len(trials) - 1):
        return trials[place].strength
    before, here, after = trials[place - 1 : place + 2]
    left, right = math.log(here.strength / before.strength), math.log(after.strength / here.strength)
    up, down = (before.value - here.value) / left, (after.value - here.value) / right
    curvature = (up + down) / (left + right)
    if not curvature > 0:
        return here.strength
    slope = (down * left - up * right) / (left + right)
    return here.strength * math.exp(-slope / (2.0 * curvature))
