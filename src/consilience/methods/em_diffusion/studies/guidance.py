"""Whether the strength of guidance can be found from measurements alone, for missing pixels and for noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import get_args

import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import Corruption, Denoising, Inpainting
from consilience.methods.em_diffusion.guidance import Criterion, Strength, find_strength
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.quality import psnr
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.studies.clean_prior import SHAPE, VALUE_RANGE, CleanPrior, clean_prior

__all__ = ["guidance"]

GRID = tuple(round(0.1 * 2 ** (place / 2), 3) for place in range(11))
"""Strengths, half an octave apart."""
SAMPLES = 4
RECOMMENDED: Criterion = "held_out"
BAR_DB = 0.3

COLOURS: dict[Criterion, str] = {"held_out": "#3b7dd8", "discrepancy": "#d9722e", "fit": "#7a4fb5"}
GREY = "#888888"

CORRUPTIONS: dict[str, Callable[[int, int], Corruption]] = {
    "inpainting": lambda images, seed: Inpainting.random(images, SHAPE, 0.4, seed=seed, noise_std=0.01),
    "denoising": lambda _images, _seed: Denoising(noise_std=0.5),
}


@dataclass(frozen=True)
class _Case:
    """One corruption: what each criterion found on some images, and what the truth says on others."""

    name: str
    found: dict[Criterion, Strength]
    scores: tuple[Float[Tensor, " image"], ...]
    """PSNR of every scored image at every strength of the grid."""
    chosen: dict[Criterion, Float[Tensor, " image"]]
    """The same at the strengths that were found."""

    @property
    def oracle(self) -> int:
        """Where in the grid the truth says the strength is best."""
        return max(range(len(GRID)), key=lambda place: float(self.scores[place].mean()))

    def gap(self, criterion: Criterion) -> tuple[float, float]:
        """Return how many decibels the criterion loses to the oracle, with a standard error over images."""
        lost = self.scores[self.oracle] - self.chosen[criterion]
        return float(lost.mean()), float(lost.std()) / len(lost) ** 0.5


def guidance(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``em.guidance``.

    A prior of clean digits restores by DPS from masks and from noise. Each criterion chooses a strength on some
    observations, without their truth; its PSNR on other images is compared with that of the best strength there.

    Parameters
    ----------
    config : Config
        ``prior_steps``, ``guidance_images``, ``guidance_steps``.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    clean = clean_prior(streams.seed, config.prior_steps)
    cases = list(_cases(clean, config, streams, folder))
    recommended = [_measurement(case, RECOMMENDED, config, bar=BAR_DB) for case in cases]
    others = [criterion for criterion in get_args(Criterion) if criterion != RECOMMENDED]
    beside = [_measurement(case, criterion, config, bar=None) for criterion in others for case in cases]
    caption = "PSNR over the strength of guidance, and where each criterion, which sees no truth, puts it."
    return Evidence(
        measurements=(*recommended, *beside),
        tables=(_choices(cases), _grid(cases)),
        figures=(folder.figure("guidance", _drawn(cases), caption),),
    )


def _cases(clean: CleanPrior, config: Config, streams: Streams, folder: RunFolder) -> Iterator[_Case]:
    tuned, truth = clean.tuning(config.guidance_images), clean.scoring(config.guidance_images)
    sampling = Sampling(posterior="dps", sampler="ancestral", corrections=0, steps=config.guidance_steps)
    for name, corruption in CORRUPTIONS.items():
        own = streams.child(name)
        known, scored = (
            Observations.corrupt(images, corruption(len(images), own.integer(f"operator {of}")), own.integer(of))
            for of, images in (("tuning", tuned), ("scoring", truth))
        )
        seeing: tuple[Criterion, ...] = ("held_out", "discrepancy")
        found: dict[Criterion, Strength] = {
            criterion: find_strength(
                clean.prior,
                known,
                sampling,
                grid=GRID,
                criterion=criterion,
                images=len(known),
                samples=SAMPLES,
                seed=own.integer("criteria"),
            )
            for criterion in seeing
        }
        found["fit"] = Strength(criterion="fit", trials=found["discrepancy"].trials)

        def score(
            strength: float, scored: Observations = scored, seed: int = own.integer("samples")
        ) -> Float[Tensor, " image"]:
            settings = replace(sampling, strength=strength)
            mean = settings.restore(clean.prior, scored, samples=SAMPLES, seed=seed).mean(dim=1)
            return psnr(mean, truth, value_range=VALUE_RANGE)

        yield _Case(
            name=name,
            found=found,
            scores=tuple(score(strength) for strength in GRID),
            chosen={criterion: score(strength.chosen) for criterion, strength in found.items()},
        )
        folder.record("guidance", corruption=name, chosen={how: each.chosen for how, each in found.items()})


def _measurement(case: _Case, criterion: Criterion, config: Config, *, bar: float | None) -> Measurement:
    gap, error = case.gap(criterion)
    return Measurement(
        name=f"{case.name}: PSNR lost to the oracle by {_spelt(criterion)}",
        value=gap,
        low=gap - error,
        high=gap + error,
        at_most=bar,
        unit="dB",
        note=f"strength {case.found[criterion].chosen:.2g} found on {config.guidance_images} observations, "
        f"oracle {GRID[case.oracle]:.2g} on as many others; DPS with {config.guidance_steps} steps, mean of "
        f"{SAMPLES} samples; one standard error over images",
    )


def _spelt(criterion: Criterion) -> str:
    return {
        "held_out": "held-out measurements",
        "discrepancy": "the discrepancy principle",
        "fit": "the smallest residual (eq. 12)",
    }[criterion]


def _choices(cases: list[_Case]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for case in cases:
        best = float(case.scores[case.oracle].mean())
        rows.append((case.name, "the truth (oracle)", GRID[case.oracle], round(best, 2), 0.0))
        rows.extend(
            (
                case.name,
                _spelt(criterion),
                round(case.found[criterion].chosen, 3),
                round(float(case.chosen[criterion].mean()), 2),
                round(-case.gap(criterion)[0], 2),
            )
            for criterion in get_args(Criterion)
        )
    return Table(
        title="Strengths by every criterion",
        columns=("corruption", "found by", "strength", "PSNR of the mean, dB", "against the oracle, dB"),
        rows=tuple(rows),
        note="The oracle is the best strength of the grid on the scored images; the criteria saw other images, no "
        "truth, and may choose between two strengths of the grid.",
    )


def _grid(cases: list[_Case]) -> Table:
    return Table(
        title="Every strength of guidance",
        columns=("corruption", "strength", "residual / s", "held-out error", "PSNR of the mean, dB"),
        rows=tuple(
            (case.name, strength, round(residual.value, 3), round(held.value, 4), round(float(score.mean()), 2))
            for case in cases
            for strength, residual, held, score in zip(
                GRID, case.found["discrepancy"].trials, case.found["held_out"].trials, case.scores, strict=True
            )
        ),
        note="Residual: root mean square over samples and measured entries, 1 for the truth. Held-out error: the mean "
        "squared error of the image as estimated from hidden entries and lent noise. Neither knows the truth.",
    )


def _drawn(cases: list[_Case]) -> Canvas:
    canvas = Canvas(figsize=(3.4 * len(cases), 3.2), layout="constrained")
    for axes, case in zip(canvas.subplots(1, len(cases), squeeze=False)[0], cases, strict=True):
        axes.plot(GRID, torch.stack(case.scores).mean(dim=1), "o-", color=GREY, markersize=3)
        for criterion, strength in case.found.items():
            axes.axvline(strength.chosen, color=COLOURS[criterion], label=_spelt(criterion))
        axes.set_title(case.name, fontsize=9, color=GREY)
        axes.set(xlabel="strength", xscale="log")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    canvas.axes[0].set_ylabel("PSNR, dB")
    canvas.axes[0].legend(frameon=False, fontsize=7)
    return canvas
