"""What a posterior sample costs in evaluations of the network, and what fewer of them lose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import Inpainting
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.quality import psnr
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.studies.clean_prior import SHAPE, VALUE_RANGE, CleanPrior, clean_prior

__all__ = ["cost"]

STRENGTHS = tuple(0.05 * 2**place for place in range(6))
"""Of DPS, tuned anew for each number of steps: the best one falls as steps are added."""
PARTS = (50, 25, 10)
"""Samplers are measured at these fractions of the evaluations of the long run."""
BAR_DB = -0.3

PLAIN = Sampling(corrections=0)
FAMILIES = {
    "MMPS, multistep with corrections": Sampling(),
    "MMPS, multistep": PLAIN,
    "MMPS, ancestral": replace(PLAIN, sampler="ancestral"),
    "PGDM, ancestral": replace(PLAIN, posterior="pgdm", sampler="ancestral"),
    "DPS, ancestral": replace(PLAIN, posterior="dps", sampler="ancestral"),
}
LONG = "DPS, ancestral"
COLOURS = dict(zip(FAMILIES, ("#3b7dd8", "#2a9d8f", "#7a4fb5", "#d9722e", "#444444"), strict=True))
GREY = "#888888"


class Counted:
    """A denoiser that counts how often it is evaluated, and how often it is differentiated."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self.forwards = 0
        self.products = 0

    @property
    def sigma_data(self) -> float:
        """What `PGDM` asks of a prior."""
        return float(getattr(self.denoiser, "sigma_data", 1.0))

    def __call__(
        self, noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return what the denoiser returns."""
        self.forwards += 1
        expected = self.denoiser(noisy, sigma)
        if expected.requires_grad:
            expected.register_hook(self._differentiated)  # type: ignore[no-untyped-call]
        return expected

    def _differentiated(self, _gradient: Tensor) -> None:
        self.products += 1


@dataclass(frozen=True)
class _Half:
    """Images with their observations."""

    truth: Float[Tensor, "image channel row column"]
    given: Observations
    seed: int


@dataclass(frozen=True)
class _Row:
    """One sampler, its cost, and its quality on both halves."""

    family: str
    sampling: Sampling
    forwards: int
    products: int
    seconds: float
    """Per sample of an image."""
    tuned: float
    """PSNR on the images that settings are chosen on."""
    scores: Float[Tensor, " image"]
    """PSNR of the others."""


def cost(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``em.cost``.

    A prior of clean digits restores images of which 60 % of the pixels are missing. DPS with many steps and a tuned
    strength is compared with samplers that evaluate the network a tenth as often, of which the best is chosen on one
    half of the images and scored on the other.

    Parameters
    ----------
    config : Config
        ``prior_steps``, ``cost_images``, ``cost_samples``, ``cost_steps``.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    clean = clean_prior(streams.seed, config.prior_steps)
    halves = _halves(clean, config.cost_images, streams)
    rows: list[_Row] = []
    for family, sampling in _samplers(config.cost_steps):
        rows.append(_measured(family, sampling, clean, halves, config.cost_samples))
        folder.record("cost", sampler=family, evaluations=rows[-1].forwards, psnr=float(rows[-1].scores.mean()))
    *_, long = rows
    short = max((row for row in rows if 10 * row.forwards <= long.forwards), key=lambda row: row.tuned)
    caption = "PSNR of the posterior mean over evaluations of the network a sample; dashed: the long run of DPS."
    return Evidence(
        measurements=(_difference(short, long, config), *_forwards(rows)),
        tables=(_table(rows, long, config), _seconds(rows)),
        figures=(folder.figure("cost", _drawn(rows, long), caption),),
    )


def _samplers(steps: int) -> Iterator[tuple[str, Sampling]]:
    """Return every sampler that is measured, the long run of DPS last."""
    for family, sampling in FAMILIES.items():
        for part in PARTS if family != LONG else PARTS[-1:]:
            at = replace(sampling, steps=max(2, steps // part))
            if 10 * at.evaluations <= steps:
                yield family, at
    yield LONG, replace(FAMILIES[LONG], steps=steps)


def _halves(clean: CleanPrior, images: int, streams: Streams) -> tuple[_Half, _Half]:
    def half(name: str, truth: Float[Tensor, "image channel row column"]) -> _Half:
        own = streams.child(name)
        masks = Inpainting.random(len(truth), SHAPE, 0.4, seed=own.integer("masks"), noise_std=0.01)
        return _Half(truth, Observations.corrupt(truth, masks, own.integer("noise")), own.integer("samples"))

    return half("tuning", clean.tuning(images)), half("scoring", clean.scoring(images))


def _measured(family: str, sampling: Sampling, clean: CleanPrior, halves: tuple[_Half, _Half], samples: int) -> _Row:
    tuning, scoring = halves
    strengths = STRENGTHS if sampling.posterior == "dps" else (sampling.strength,)
    candidates = [replace(sampling, strength=strength) for strength in strengths]
    marks = [float(_score(clean.prior, each, tuning, samples).mean()) for each in candidates]
    best = max(range(len(marks)), key=marks.__getitem__)
    counted, began = Counted(clean.prior), time.perf_counter()
    scores = _score(counted, candidates[best], scoring, samples)
    seconds = (time.perf_counter() - began) / (len(scores) * samples)
    return _Row(family, candidates[best], counted.forwards, counted.products, seconds, marks[best], scores)


def _score(prior: Denoiser, sampling: Sampling, half: _Half, samples: int) -> Float[Tensor, " image"]:
    mean = sampling.restore(prior, half.given, samples=samples, seed=half.seed).mean(dim=1)
    return psnr(mean, half.truth, value_range=VALUE_RANGE)


def _difference(short: _Row, long: _Row, config: Config) -> Measurement:
    gained = short.scores - long.scores
    value, error = float(gained.mean()), float(gained.std()) / len(gained) ** 0.5
    return Measurement(
        name=f"PSNR with a tenth of the evaluations, against DPS with {config.cost_steps} steps",
        value=value,
        low=value - error,
        high=value + error,
        at_least=BAR_DB,
        unit="dB",
        note=f"{_called(short)} ({short.forwards} evaluations, {short.products} vector-Jacobian products), the best on "
        f"{config.cost_images} images, scored on as many others; DPS ({long.forwards} and {long.products}) tuned "
        f"likewise, strength {long.sampling.strength:.2g}; mean of {config.cost_samples} samples; one standard error "
        "over images",
    )


def _forwards(rows: list[_Row]) -> Iterator[Measurement]:
    for posterior in ("dps", "pgdm", "mmps"):
        ratios = [row.forwards / row.sampling.evaluations for row in rows if row.sampling.posterior == posterior]
        if ratios:
            # The one farthest from 1 speaks for all.
            value = max(ratios, key=lambda ratio: abs(ratio - 1.0))
            name = f"denoiser forwards a guided step of {posterior.upper()}"
            yield Measurement(name=name, value=value, at_least=1.0, at_most=1.0, note="counted, over whole samples")


def _called(row: _Row) -> str:
    tuned = f", strength {row.sampling.strength:.2g}" if row.sampling.posterior == "dps" else ""
    return f"{row.family}, {row.sampling.steps} levels{tuned}"


def _table(rows: list[_Row], long: _Row, config: Config) -> Table:
    return Table(
        title="Evaluations of the network, and what they buy",
        columns=(
            "sampler",
            "denoiser forwards",
            "vector-Jacobian products",
            "PSNR of the mean, dB",
            "+-",
            f"against DPS-{config.cost_steps}, dB",
            "PSNR where chosen, dB",
        ),
        rows=tuple(
            (
                _called(row),
                row.forwards,
                row.products,
                round(float(row.scores.mean()), 2),
                round(float(row.scores.std()) / len(row.scores) ** 0.5, 2),
                round(float((row.scores - long.scores).mean()), 2),
                round(row.tuned, 2),
            )
            for row in rows
        ),
        note=f"Forwards and products are of one sample, PSNR of the mean of {config.cost_samples}. Inpainting, 40 % "
        "visible, noise .01. Where more levels bring no more, the error of the posterior is left: the plateau of MMPS "
        "and PGDM.",
    )


def _seconds(rows: list[_Row]) -> Table:
    return Table(
        title="Time of a sample",
        columns=("sampler", "ms an image"),
        rows=tuple((_called(row), round(1000 * row.seconds, 2)) for row in rows),
        timing=True,
    )


def _drawn(rows: list[_Row], long: _Row) -> Canvas:
    canvas = Canvas(figsize=(5.4, 3.4), layout="constrained")
    axes = canvas.subplots()
    for family, colour in COLOURS.items():
        line = [row for row in rows if row.family == family]
        marks = [float(row.scores.mean()) for row in line]
        axes.plot([row.forwards for row in line], marks, "o-", color=colour, label=family, markersize=4)
    axes.axhline(float(long.scores.mean()), color=GREY, linestyle="--", linewidth=1)
    axes.set(xlabel="evaluations a sample", ylabel="PSNR, dB", xscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both")
    axes.legend(frameon=False, fontsize=7)
    return canvas
