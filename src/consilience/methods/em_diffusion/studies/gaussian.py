"""Whether samples have the posterior's law where that is known: Gaussian images with the moments of digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from sklearn.datasets import load_digits
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import Blur, Corruption, Denoising, Inpainting
from consilience.methods.em_diffusion.gaussian import GaussianPrior
from consilience.methods.em_diffusion.krylov import conjugate_gradients
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.posterior import MMPS
from consilience.methods.em_diffusion.sampler import ImageNoise, noise_levels, sample_ancestral, sample_multistep

__all__ = ["gaussian"]

SHAPE = (1, 8, 8)
LEAST_VARIANCE = 1e-3
"""Added to every pixel's variance: the corners of digits are all black, and a prior without spread is no test."""

ENOUGH_STEPS, ENOUGH = 64, 1e-3
"""Conjugate gradients until the systems are solved, so that only the sampler's steps are left as an error."""

FEW_STEPS = 2
"""Conjugate gradients as used with learned priors."""

COLOURS = {"ancestral": "#d9722e", "multistep": "#3b7dd8"}
GREY = "#888888"

CORRUPTIONS: dict[str, Callable[[int, int], Corruption]] = {
    "masks, 40 % visible, noise .1": lambda images, seed: Inpainting.random(
        images, SHAPE, 0.4, seed=seed, noise_std=0.1
    ),
    "noise .5": lambda _images, _seed: Denoising(noise_std=0.5),
    "blur 3x3, noise .1": lambda _images, _seed: Blur.gaussian(1.0, 3, noise_std=0.1),
}

SAMPLERS = {"ancestral": sample_ancestral, "multistep": sample_multistep}


@dataclass(frozen=True)
class _Case:
    """Observations of known images with their exact posteriors."""

    name: str
    prior: GaussianPrior
    truth: Float[Tensor, "image channel row column"]
    given: Observations
    mean: Float[Tensor, "image pixel"]
    covariance: Float[Tensor, "pixel pixel"]
    """Of the posterior, averaged over images."""


@dataclass(frozen=True)
class _Row:
    """How far samples are from the exact posterior, in percent."""

    case: str
    method: str
    solver_steps: int | None
    steps: int | None
    mean_error: float
    covariance_error: float
    coverage: float
    coverage_error: float
    """Standard error over images."""


def gaussian(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``em.gaussian``.

    The prior is Gaussian with mean and covariance of the digits, so that posteriors are known exactly. Samples drawn by
    MMPS are compared with them: the mean image by image, the covariance about the exact means over all images, and how
    often the central 90 % of an image's samples hold the true pixel. The same for samples of the exact posterior, which
    shows what chance leaves.

    Parameters
    ----------
    config : Config
        ``gaussian_images``, ``gaussian_samples``, ``gaussian_steps``.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    rows: list[_Row] = []
    for case in _cases(config.gaussian_images, streams):
        folder.record("gaussian", corruption=case.name)
        rows.extend(_measured(case, config, streams.child(case.name)))
    judged = [
        row
        for row in rows
        if (row.method, row.steps, row.solver_steps) == ("multistep", max(config.gaussian_steps), ENOUGH_STEPS)
    ]
    note = (
        f"worst of {len(judged)} corruptions; {max(config.gaussian_steps)} steps of the multistep sampler, "
        f"{config.gaussian_images} images with {config.gaussian_samples} samples each"
    )
    lowest, highest = (pick(judged, key=lambda row: row.coverage) for pick in (min, max))
    measurements = (
        Measurement(
            name="error of the posterior mean",
            value=max(row.mean_error for row in judged),
            at_most=5.0,
            unit="%",
            note=note,
        ),
        Measurement(
            name="error of the posterior covariance",
            value=max(row.covariance_error for row in judged),
            at_most=10.0,
            unit="%",
            note="Frobenius norm, of the average over images; without the share of chance",
        ),
        _coverage("lowest", lowest, at_least=85.0),
        _coverage("highest", highest, at_most=95.0),
    )
    caption = "Covariance of samples against the exact one, by evaluations of the denoiser; dashed: exact samples."
    return Evidence(
        measurements=measurements,
        tables=(_table(rows),),
        figures=(folder.figure("gaussian", _drawn(rows), caption),),
    )


def _coverage(which: str, row: _Row, *, at_least: float | None = None, at_most: float | None = None) -> Measurement:
    return Measurement(
        name=f"{which} coverage of 90 % intervals",
        value=row.coverage,
        low=row.coverage - row.coverage_error,
        high=row.coverage + row.coverage_error,
        at_least=at_least,
        at_most=at_most,
        unit="%",
        note=f"{row.case}; one standard error over images",
    )


def _cases(images: int, streams: Streams) -> Iterator[_Case]:
    pixels = torch.from_numpy(load_digits().data / 8.0 - 1.0)
    spread = torch.cov(pixels.T) + LEAST_VARIANCE * torch.eye(pixels.shape[1], dtype=torch.float64)
    prior = GaussianPrior(pixels.mean(dim=0).reshape(SHAPE), spread)
    for name, corruption in CORRUPTIONS.items():
        own = streams.child(name)
        truth = prior.sample(ImageNoise(own.integer("images"), [(image,) for image in range(images)], SHAPE))
        given = Observations.corrupt(truth, corruption(images, own.integer("operator")), own.integer("noise"))
        posterior = prior.posterior(given.physics, given.y)
        mean, covariance = posterior.mean.flatten(1).double(), posterior.covariance().double().mean(dim=0)
        yield _Case(name=name, prior=prior, truth=truth, given=given, mean=mean, covariance=covariance)


def _measured(case: _Case, config: Config, streams: Streams) -> Iterator[_Row]:
    images, samples = config.gaussian_images, config.gaussian_samples
    many = case.given.take([image for image in range(images) for _ in range(samples)])
    names = [(image, sample) for image in range(images) for sample in range(samples)]

    def noise(name: str) -> ImageNoise:
        return ImageNoise(streams.integer(name), names, SHAPE)

    exact = case.prior.posterior(many.physics, many.y).sample(noise("exact"))
    yield _compared(case, exact, "exact posterior", None, None)
    most = max(config.gaussian_steps)
    settings = [*product(SAMPLERS, config.gaussian_steps, (ENOUGH_STEPS,)), ("multistep", most, FEW_STEPS)]
    for name, steps, solver_steps in settings:
        solver = partial(conjugate_gradients, tolerance=ENOUGH)
        guided = MMPS(case.prior, many.physics, many.y, iterations=solver_steps, solver=solver)
        drawn = SAMPLERS[name](guided, noise(f"{name} {steps}"), noise_levels(steps))
        yield _compared(case, drawn, name, solver_steps, steps)


def _compared(
    case: _Case,
    drawn: Float[Tensor, "image channel row column"],
    method: str,
    solver_steps: int | None,
    steps: int | None,
) -> _Row:
    samples = drawn.double().reshape(len(case.truth), -1, case.mean.shape[1])
    inside = _inside(case.truth.flatten(1), samples)
    return _Row(
        case=case.name,
        method=method,
        solver_steps=solver_steps,
        steps=steps,
        mean_error=100 * _mean_error(samples, case.mean),
        covariance_error=100 * _covariance_error((samples - case.mean[:, None]).flatten(0, 1), case.covariance),
        coverage=100 * float(inside.mean()),
        coverage_error=100 * float(inside.std()) / len(inside) ** 0.5,
    )


def _mean_error(samples: Float[Tensor, "image sample pixel"], exact: Float[Tensor, "image pixel"]) -> float:
    """Return the distance of the means, relative, without the share that chance has in its square."""
    chance = samples.var(dim=1).sum() / samples.shape[1]
    square = (samples.mean(dim=1) - exact).square().sum() - chance
    return float(square.clamp(min=0.0).sqrt() / exact.norm())


def _covariance_error(away: Float[Tensor, "draw pixel"], exact: Float[Tensor, "pixel pixel"]) -> float:
    """Return the distance of second moments, relative, without the share that chance has in its square."""
    count = len(away)
    found = away.T @ away / count
    chance = (away.square().sum(dim=1).square().sum() - count * found.square().sum()) / (count * (count - 1))
    square = (found - exact).square().sum() - chance
    return float(square.clamp(min=0.0).sqrt() / exact.norm())


def _inside(
    truth: Float[Tensor, "image pixel"], samples: Float[Tensor, "image sample pixel"]
) -> Float[Tensor, " image"]:
    """Return in what share of its pixels an image lies in the central 90 % of as many samples as there are.

    Quantiles stand at p (n + 1) among n samples, so that exact samples cover 90 % whatever their number.
    """
    count = samples.shape[1]
    places = (torch.tensor([0.05, 0.95], dtype=torch.float64) * (count + 1) - 1) / (count - 1)
    low, high = torch.quantile(samples, places.clamp(0.0, 1.0), dim=1)
    share: Tensor = ((truth >= low) & (truth <= high)).double().mean(dim=1)
    return share


def _table(rows: list[_Row]) -> Table:
    return Table(
        title="Samples of Gaussian posteriors, by MMPS and exactly",
        columns=(
            "corruption",
            "sampler",
            "CG steps",
            "evaluations",
            "mean, % off",
            "covariance, % off",
            "coverage, %",
            "+-",
        ),
        rows=tuple(
            (
                row.case,
                row.method,
                row.solver_steps,
                row.steps,
                round(row.mean_error, 2),
                round(row.covariance_error, 2),
                round(row.coverage, 1),
                round(row.coverage_error, 1),
            )
            for row in rows
        ),
        note=f"CG stops early at a relative residual of {ENOUGH:g}. The share of chance is taken off squared errors: 0 "
        "where they are no larger, and what exact samples are off shows what chance leaves.",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    cases = list(dict.fromkeys(row.case for row in rows))
    canvas = Canvas(figsize=(3.2 * len(cases), 3.2), layout="constrained")
    for axes, case in zip(canvas.subplots(1, len(cases), sharey=True, squeeze=False)[0], cases, strict=True):
        here = [row for row in rows if row.case == case]
        for name, colour in COLOURS.items():
            line = [row for row in here if (row.method, row.solver_steps) == (name, ENOUGH_STEPS)]
            steps, errors = [row.steps for row in line], [row.covariance_error for row in line]
            axes.plot(steps, errors, "o-", color=colour, label=name, markersize=4)
        axes.axhline(here[0].covariance_error, color=GREY, linestyle="--", linewidth=1)
        axes.set_title(case, fontsize=9, color=GREY)
        axes.set(xlabel="evaluations", ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    canvas.axes[0].set_ylabel("covariance, % off")
    canvas.axes[0].legend(frameon=False, fontsize=8)
    return canvas
