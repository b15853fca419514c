"""Clothes of 28 by 28 pixels seen through masks: the loop with a U-Net, on a graphics processor where there is one.

The arms are those of the digits and see the same observations; EM, the prior of all images and Ambient Diffusion take
as many gradient steps, and all samplers as many evaluations. There are no bars: one split of images that nothing was
tuned on is a report. What an arm finishes is kept in the run folder, so that an interrupted run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground import Evidence, InvalidInput, Measurement, RunFolder, Streams, Table
from consilience.ground.claims import Figure
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.pictures import DEVIATION, image_grid, round_curves
from consilience.methods.em_diffusion.studies.arms import (
    AMBIENT,
    AMBIENT_ONCE,
    CLEAN,
    FEW,
    LEARNED,
    LINEAR,
    QUANTITIES,
    TELEVISION,
    Score,
    kept_at,
)
from consilience.methods.em_diffusion.studies.clothes import Clothes
from consilience.methods.em_diffusion.studies.fashion_arms import (
    LINEAR_ROUNDS,
    SHOWN,
    VALUE_RANGE,
    Arm,
    Study,
    fitted_beside,
)

__all__ = ["fashion"]

DRAWS = 1000
"""Of the bootstrap over test images."""


def fashion(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.fashion``: priors of clothes from masked clothes, beside the arms of the digits.

    Raises
    ------
    InvalidInput
        When files are missing or hold too few images, or when there is no such device.
    """
    device = _device(config)
    place = kept_at(config, folder, "fashion-")
    with fitted_beside(config, streams, place) as linear, _quick(device):
        clothes = Clothes.draw(config, streams).to(device)
        study = Study(config, streams, folder, place, clothes)
        arms = study.arms(linear)
    return _evidence(config, streams, folder, study, arms)


def _device(config: Config) -> torch.device:
    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidInput(f"`device` must be one that torch can use here; got {name!r}: {reason}") from error


@contextmanager
def _quick(device: torch.device) -> Iterator[None]:
    """Let a graphics processor multiply in TF32 and choose its convolutions by trial, for this study only."""
    if device.type != "cuda":
        yield
        return
    precision, trial = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = trial


def _evidence(config: Config, streams: Streams, folder: RunFolder, study: Study, arms: Mapping[str, Arm]) -> Evidence:
    ours, few, clean = arms[LEARNED].score, arms[FEW].score, arms[CLEAN].score
    ambient = max((AMBIENT, AMBIENT_ONCE), key=lambda name: arms[name].score.psnr)
    above = (
        ("the few clean images' prior", FEW),
        ("Gaussian EM", LINEAR),
        (f"Ambient's better restoration ({ambient})", ambient),
        ("total variation", TELEVISION),
    )
    ratios = (
        ("the few clean images' prior", few),
        ("the prior of all images, clean", clean),
        ("Ambient's", arms[AMBIENT].score),
        ("Gaussian EM's", arms[LINEAR].score),
    )
    return Evidence(
        measurements=(
            _closure(arms, streams),
            *(_difference(f"PSNR above {words}", arms[LEARNED].each - arms[name].each) for words, name in above),
            *(
                Measurement(name=f"Frechet distance over {words}", value=_ratio(ours.frechet, other.frechet))
                for words, other in ratios
            ),
            Measurement(
                name="on pixels, over the few clean images' prior",
                value=_ratio(ours.frechet_pixels, few.frechet_pixels),
            ),
            Measurement(
                name="on pixels, over the prior of all images, clean",
                value=_ratio(ours.frechet_pixels, clean.frechet_pixels),
            ),
            Measurement(name="Frechet distance of the test images themselves", value=study.floor, unit="%"),
        ),
        tables=(_table(config, study, arms), _round_table(config, study.rounds), _times(study, arms)),
        figures=_figures(folder, study, arms),
        seeds=(streams.seed,),
    )


def _closure(arms: Mapping[str, Arm], streams: Streams) -> Measurement:
    few, ours, clean = (arms[name].each.double().numpy() for name in (FEW, LEARNED, CLEAN))
    draws = streams.generator("bootstrap").integers(len(few), size=(DRAWS, len(few)))
    gained, gap = (ours - few)[draws].mean(axis=1), (clean - few)[draws].mean(axis=1)
    share = (ours - few).mean() / (clean - few).mean()
    error = float((gained / gap).std())
    return Measurement(
        name="share of the gap closed, PSNR of posterior means",
        value=share,
        low=share - error,
        high=share + error,
        note="one split; one standard error to each side, by bootstrap over test images; no bar",
    )


def _difference(name: str, differences: Float[Tensor, " image"]) -> Measurement:
    middle, error = float(differences.mean()), float(differences.std()) / len(differences) ** 0.5
    return Measurement(
        name=name,
        value=middle,
        low=middle - error,
        high=middle + error,
        unit="dB",
        note="mean over test images of one split, one standard error to each side",
    )


def _ratio(ours: float | None, other: float | None) -> float | None:
    return None if ours is None or other is None else ours / other


def _cells(score: Score, columns: Sequence[tuple[str, str, int]]) -> tuple[float | None, ...]:
    found = ((getattr(score, quantity), digits) for _, quantity, digits in columns)
    return tuple(None if value is None else round(value, digits) for value, digits in found)


def _table(config: Config, study: Study, arms: Mapping[str, Arm]) -> Table:
    order = sorted(arms, key=lambda name: -arms[name].score.psnr)
    linear = min(config.fashion_linear_images, config.fashion_images)
    return Table(
        title=f"{config.fashion_name} through masks, {1 - config.fashion_keep:.0%} hidden",
        columns=("arm", *(heading for heading, _, _ in QUANTITIES)),
        rows=tuple((name, *_cells(arms[name].score, QUANTITIES)) for name in order),
        note=f"one split, {config.fashion_test_images} test images; {config.clean_images} clean images and "
        f"{config.fashion_images} masked ones ({linear} of them for Gaussian EM, of at most "
        f"{LINEAR_ROUNDS} rounds); {config.fashion_samples} posterior samples of {study.sampling.evaluations} network "
        f"evaluations each; {config.fashion_generated} generated; EM, the prior of all images and Ambient took "
        f"{study.total_steps} gradient steps with one network; nothing but the weight of total variation was tuned; "
        f"Frechet distances in the {study.embedding.name}; "
        "spread / error is 1 for an exact posterior",
    )


def _round_table(config: Config, rounds: Sequence[Score]) -> Table:
    columns = QUANTITIES[:5]
    return Table(
        title=f"{config.fashion_name} through masks, EM by round",
        columns=("round", *(heading for heading, _, _ in columns)),
        rows=tuple((index + 1, *_cells(score, columns)) for index, score in enumerate(rounds)),
        note="before the steps of falling rate that follow the last round",
    )


def _times(study: Study, arms: Mapping[str, Arm]) -> Table:
    device = study.given.y.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    return Table(
        title=f"Seconds an arm took, training and sampling ({where}; Gaussian EM on processors)",
        columns=("arm", "seconds"),
        rows=tuple((name, round(arm.score.seconds, 1)) for name, arm in arms.items()),
        timing=True,
    )


def _as_many(columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cut columns to the length of the shortest, where fewer images were made than a picture shows."""
    least = min(map(len, columns.values()))
    return {name: images[:least] for name, images in columns.items()}


def _figures(folder: RunFolder, study: Study, arms: Mapping[str, Arm]) -> tuple[Figure, ...]:
    few, ours = arms[FEW].shown, arms[LEARNED].shown
    restored = {
        "observation": study.given.y[:SHOWN],
        "few clean: mean": few["mean"],
        "Gaussian EM: mean": arms[LINEAR].shown["mean"],
        "EM: sample": ours["sample"],
        "EM: mean": ours["mean"],
        DEVIATION: ours["deviation"],
        "truth": study.clothes.test[:SHOWN],
    }
    generated = {
        "few clean": few["generated"],
        "Gaussian EM": arms[LINEAR].shown["generated"],
        "Ambient": arms[AMBIENT].shown["generated"],
        "EM": ours["generated"],
        "all clean": arms[CLEAN].shown["generated"],
        "real": study.clothes.reference[:SHOWN],
    }
    name, keep = study.config.fashion_name, study.config.fashion_keep
    curves = [
        folder.figure(
            f"fashion-rounds-{quantity}",
            round_curves(
                {"EM": np.array([[getattr(score, quantity) for score in (arms[FEW].score, *study.rounds)]])},
                heading=heading,
                unit=unit,
                references={name: np.array([getattr(arms[name].score, quantity)]) for name in (CLEAN, LINEAR, AMBIENT)},
            ),
            f"{heading} over rounds of EM; round 0 is the prior of the few clean images.",
        )
        for quantity, heading, unit in (
            ("psnr", "PSNR of posterior means", "dB"),
            ("frechet", "Frechet distance", "%"),
        )
    ]
    return (
        folder.figure(
            "fashion",
            image_grid(restored, value_range=VALUE_RANGE, most=SHOWN),
            f"{name} restored from {keep:.0%} of the pixels: by the prior of the few clean images, by Gaussian EM, and "
            "by EM.",
        ),
        folder.figure(
            "fashion-generated",
            image_grid(_as_many(generated), value_range=VALUE_RANGE, most=SHOWN),
            f"What priors of {name} generate, beside real images; all but the last two columns never saw more clean "
            "images than the few.",
        ),
        *curves,
    )
