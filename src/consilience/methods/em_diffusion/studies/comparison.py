"""What the arms on digits say: how much of the gap EM closes, beside whom, and round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.pictures import image_grid, round_curves
from consilience.methods.em_diffusion.studies.arms import (
    AMBIENT,
    AMBIENT_ONCE,
    CLEAN,
    EMBEDDING,
    FEW,
    INPAINT,
    LEARNED,
    LINEAR,
    QUANTITIES,
    VALUE_RANGE,
    Arms,
    Score,
    arms,
    examples,
)

__all__ = ["baselines", "closure", "frechet", "other", "rounds"]

FEWEST_SEEDS = 3
"""Below so many seeds nothing is held against a bar."""
SHOWN = 6
"""Rows of a picture."""
PUBLISHED_CLOSURE = {"denoise": 0.49, "blur .01": 0.15, "blur .1": 0.15}
"""Of the paper's tables 1 and 4, by our arithmetic: CIFAR-10 with noise .2, CelebA with a 9 x 9 blur."""
LEAST_CLOSURE = {"denoise": 0.3, "blur .01": 0.4, "blur .1": 0.4}

Values = Float[np.ndarray, " seed"]


def closure(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.closure``: the share of the gap between few and all clean images that EM closes."""
    del streams
    found = arms(config, folder, (INPAINT,))
    shares = _closure(found)
    return Evidence(
        measurements=(
            _over_seeds("share of the gap closed, PSNR of posterior means", shares, config, at_least=0.45),
            _over_seeds("the same for single samples", _closure(found, "psnr_sample"), config),
        ),
        tables=(_table("Digits through masks, 60 % hidden", found, config),),
        figures=(
            folder.figure(
                "digits",
                image_grid(
                    {name: images[:SHOWN] for name, images in examples(config, folder, INPAINT).items()},
                    value_range=VALUE_RANGE,
                    most=SHOWN,
                ),
                "Digits restored from 40 % of their pixels: by the prior of the few clean images, and by EM.",
            ),
        ),
        seeds=_seeds(found),
    )


def frechet(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.frechet``: what the priors generate."""
    del streams
    found = arms(config, folder, (INPAINT,))

    def ratio(to: str, of: str = "frechet") -> Values:
        return np.asarray(_of(found, LEARNED, of) / _of(found, to, of))

    return Evidence(
        measurements=(
            _over_seeds("Frechet distance over the few clean images' prior", ratio(FEW), config, at_most=0.35),
            _over_seeds("over the prior of all images, clean", ratio(CLEAN), config, at_most=4.5),
            _over_seeds("on pixels, over the few clean images' prior", ratio(FEW, "frechet_pixels"), config),
            _over_seeds("on pixels, over the prior of all images", ratio(CLEAN, "frechet_pixels"), config),
            _over_seeds("distance of the test images themselves", np.array([arm.floor for arm in found]), config),
        ),
        tables=(_table("What priors of digits generate", found, config),),
        seeds=_seeds(found),
    )


def baselines(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.baselines``: EM beside its opponents, on the same split and observations."""
    del streams
    found = arms(config, folder, (INPAINT,))
    ours = _of(found, LEARNED)
    best_ambient = np.maximum(_of(found, AMBIENT), _of(found, AMBIENT_ONCE))
    above_linear, above_ambient = ours - _of(found, LINEAR), ours - best_ambient
    return Evidence(
        measurements=(
            _over_seeds("PSNR above the few clean images' prior", ours - _of(found, FEW), config, "dB", at_least=1.0),
            _over_seeds("PSNR above Gaussian EM", above_linear, config, "dB", at_least=0.5),
            _in_errors("the same in standard errors", above_linear, config),
            _over_seeds("PSNR above Ambient's better restoration", above_ambient, config, "dB"),
            _in_errors("the same in standard errors", above_ambient, config),
            _over_seeds(
                "Frechet distance over Ambient's",
                _of(found, LEARNED, "frechet") / _of(found, AMBIENT, "frechet"),
                config,
                at_most=1.7,
            ),
        ),
        tables=(_table("All arms on digits through masks", found, config),),
        seeds=_seeds(found),
    )


def rounds(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.rounds``: every round helps."""
    del streams
    found = arms(config, folder, (INPAINT,))
    distances, qualities = _curve(found, "frechet"), _curve(found, "psnr")
    judged = slice(0, 7)
    rises = np.diff(distances[:, judged], axis=1).max(axis=1)
    drops = -np.diff(qualities, axis=1).min(axis=1)
    held_out = np.array([arm.held_out for arm in found])
    references = {CLEAN: _of(found, CLEAN), LINEAR: _of(found, LINEAR)}
    return Evidence(
        measurements=(
            _over_seeds(
                "largest change of the Frechet distance in rounds 1 to 6", rises, config, at_most=0.0, worst=max
            ),
            _over_seeds("largest drop of PSNR in any round", drops, config, "dB", at_most=0.1, worst=max),
            _over_seeds(
                "correlation of PSNR with the held-out error, which needs no ground truth",
                np.array([np.corrcoef(q[1:], h)[0, 1] for q, h in zip(qualities, held_out, strict=True)]),
                config,
            ),
        ),
        figures=(
            folder.figure(
                "rounds-psnr",
                round_curves({"EM": qualities}, heading="PSNR of posterior means", unit="dB", references=references),
                "PSNR of posterior means over rounds of EM; round 0 is the prior of the few clean images.",
            ),
            folder.figure(
                "rounds-frechet",
                round_curves(
                    {"EM": distances},
                    heading="Frechet distance",
                    unit="%",
                    references={CLEAN: _of(found, CLEAN, "frechet"), AMBIENT: _of(found, AMBIENT, "frechet")},
                ),
                f"Frechet distance of generated images over rounds of EM, in the {EMBEDDING}; of "
                f"{config.curve_images} images, the lines beside it of {config.generated_images}.",
            ),
        ),
        seeds=_seeds(found),
    )


def other(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``em.other``: noise and blur, where the paper's gains are small."""
    del streams
    measurements, tables, figures = [], [], []
    found: list[Arms] = []
    every = arms(config, folder, config.tasks)
    for task in config.tasks:
        found = [arm for arm in every if arm.task == task]
        measurements.append(
            _over_seeds(
                f"{task}: share of the gap closed",
                _closure(found),
                config,
                at_least=LEAST_CLOSURE[task],
                note=f"the paper's: {PUBLISHED_CLOSURE[task]:.2f}, by our arithmetic, on other images",
            )
        )
        above = _of(found, LEARNED) - _of(found, LINEAR)
        measurements.append(_over_seeds(f"{task}: PSNR above Gaussian EM", above, config, "dB"))
        tables.append(_table(f"Digits, {task}", found, config))
        figures.append(
            folder.figure(
                f"digits-{task.replace(' ', '').replace('.', '')}",
                image_grid(
                    {name: images[:SHOWN] for name, images in examples(config, folder, task).items()},
                    value_range=VALUE_RANGE,
                    most=SHOWN,
                ),
                f"Digits restored from observations with {task}.",
            )
        )
    return Evidence(measurements=tuple(measurements), tables=tuple(tables), figures=tuple(figures), seeds=_seeds(found))


def _seeds(found: Sequence[Arms]) -> tuple[int, ...]:
    return tuple(arm.seed for arm in found)


def _of(found: Sequence[Arms], arm: str, quantity: str = "psnr") -> Values:
    return np.array([getattr(each.scores[arm], quantity) for each in found], dtype=np.float64)


def _closure(found: Sequence[Arms], quantity: str = "psnr") -> Values:
    few, ours, clean = (_of(found, arm, quantity) for arm in (FEW, LEARNED, CLEAN))
    return np.asarray((ours - few) / (clean - few))


def _curve(found: Sequence[Arms], quantity: str) -> Float[np.ndarray, "seed round"]:
    """Return a quantity over rounds, before the first one first."""
    return np.array([[getattr(score, quantity) for score in each.rounds] for each in found])


def _in_errors(name: str, differences: Values, config: Config) -> Measurement:
    """Measure the mean in units of its standard error."""
    error = float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
    enough = len(config.seeds) >= FEWEST_SEEDS
    return Measurement(
        name=name,
        value=float(differences.mean()) / error,
        at_least=2.0 if enough else None,
        note="standard errors over seeds" if enough else f"no bar below {FEWEST_SEEDS} seeds",
    )


def _over_seeds(
    name: str,
    values: Values,
    config: Config,
    unit: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
    worst: Callable[[Sequence[float]], float] | None = None,
) -> Measurement:
    """Measure the mean over seeds and one standard error to each side; the worst seed, where every one must do."""
    enough = len(config.seeds) >= FEWEST_SEEDS
    middle = float(values.mean()) if worst is None else worst(values.tolist())
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else None
    low, high = (None, None) if error is None else (middle - error, middle + error)
    said = "mean over seeds, one standard error to each side"
    if worst is not None:
        low, high, said = float(values.min()), float(values.max()), "the worst seed, and the extremes over seeds"
    each = ", ".join(f"{value:.3g}" for value in values)
    parts = (said, f"by seed: {each}", note, "" if enough else f"no bar below {FEWEST_SEEDS} seeds")
    return Measurement(
        name=name,
        value=middle,
        low=low,
        high=high,
        at_least=at_least if enough else None,
        at_most=at_most if enough else None,
        unit=unit,
        note="; ".join(part for part in parts if part),
    )


def _table(title: str, found: Sequence[Arms], config: Config) -> Table:
    rows = []
    for arm in sorted(found[0].scores, key=lambda arm: -float(_of(found, arm).mean())):
        cells = [_cell([each.scores[arm] for each in found], quantity, digits) for _, quantity, digits in QUANTITIES]
        rows.append((arm, *cells))
    steps = config.start_steps + config.rounds * config.round_steps + config.polish_steps
    return Table(
        title=title,
        columns=("arm", *(heading for heading, _, _ in QUANTITIES)),
        rows=tuple(rows),
        note=f"mean and standard error over {len(found)} splits; {config.restored_samples} posterior samples of "
        f"{found[0].evaluations} network evaluations each; {config.generated_images} generated; EM and the prior of "
        f"all images took {steps} gradient steps; Frechet distances in the {EMBEDDING}; spread / error is 1 for an "
        "exact posterior",
    )


def _cell(scores: Sequence[Score], quantity: str, digits: int) -> str | None:
    values = [getattr(score, quantity) for score in scores]
    if any(value is None for value in values):
        return None
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1) / len(values) ** 0.5:.{digits}f}"
