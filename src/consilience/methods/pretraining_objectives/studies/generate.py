"""Whether a model that was trained on few masks at a time can continue text, and what variable shares change."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.drawing import COLOURS, GREY, plain
from consilience.methods.pretraining_objectives.intervals import mean
from consilience.methods.pretraining_objectives.studies.plateau import plateau_table
from consilience.methods.pretraining_objectives.studies.trained_arms import (
    LENGTHS,
    SHORT,
    Job,
    Measured,
    best_losses,
    described,
    trained_arms,
    unigram_loss,
)

__all__ = ["generate"]

FIXED, VARIABLE, SUFFIX = "MLM 15 %", "variable", "variable + suffix"
COMPARED = (FIXED, VARIABLE, SUFFIX)
PREFIX = 4
"""At which trailing masks are priced."""

LEAST = 1e-3
"""Nats that a logarithmic scale can show."""

Values = Float[np.ndarray, " seed"]


def generate(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.generate``.

    Parameters
    ----------
    config
        ``arms_seeds``, ``arms_steps``, ``plateau_steps``, ``processes``.
    streams
        For the language; models have the seeds of the configuration.
    folder
    """
    language = Streams(streams.seed).integer("language")
    jobs = [
        Job(arm=arm, seed=seed, steps=config.arms_steps, chain=language)
        for arm in COMPARED
        for seed in config.arms_seeds
    ]
    found = trained_arms(jobs, config.processes)
    arms = {arm: [one for one in found if one.job.arm == arm] for arm in COMPARED}
    prices = {arm: _price(ones) for arm, ones in arms.items()}
    pairs = list(zip(arms[FIXED], arms[SUFFIX], strict=True))
    gains = np.array([_short(fixed.best) - _short(suffix.best) for fixed, suffix in pairs])
    filled = np.array([_short(fixed.full) - _short(suffix.full) for fixed, suffix in pairs])
    caption = (
        "Loss above the best possible, with one mask after the prefix (line) or masks to the end of the row (dashed)."
    )
    return Evidence(
        measurements=(
            _measurement(f"trailing masks cost {FIXED} at prefix {PREFIX}", prices[FIXED], at_least=0.10),
            _measurement(f"trailing masks cost {VARIABLE} at prefix {PREFIX}", prices[VARIABLE], at_most=0.02),
            _measurement(f"trailing masks cost {SUFFIX} at prefix {PREFIX}", prices[SUFFIX]),
            _measurement(
                f"{SUFFIX} below {FIXED} after prefixes of {SHORT[0]} to {SHORT[-1]} tokens",
                gains,
                at_least=0.0,
                note=f"each in the layout that suits it better; on {(gains > 0).sum()} of {len(gains)} seeds",
            ),
            _measurement("the same with masks to the end of the row", filled),
            Measurement(name="seeds of each arm", value=len(config.arms_seeds), at_least=3),
        ),
        tables=(_table(arms, language), plateau_table(config, folder)),
        figures=(folder.figure("generate", _drawn(arms, language), caption),),
        seeds=config.arms_seeds,
    )


def _price(ones: list[Measured]) -> Values:
    """Return what each model loses when masks stand behind the one that is asked for."""
    place = LENGTHS.index(PREFIX)
    return np.array([one.full[place] - one.tight[place] for one in ones])


def _short(losses: Float[np.ndarray, " length"]) -> float:
    return float(losses[: len(SHORT)].mean())


def _measurement(
    name: str, values: Values, *, at_least: float | None = None, at_most: float | None = None, note: str = ""
) -> Measurement:
    found = mean(values)
    return Measurement(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        at_least=at_least,
        at_most=at_most,
        unit="nats",
        note="; ".join(
            filter(None, (note, f"from {values.min():.3f} to {values.max():.3f} over seeds, 95 % interval of the mean"))
        ),
    )


def _table(arms: dict[str, list[Measured]], language: int) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    for arm, ones in arms.items():
        for layout in ("tight", "full"):
            losses = np.mean([getattr(one, layout) for one in ones], axis=0)
            rows.append((arm, layout, *(round(float(loss), 3) for loss in losses)))
    best = best_losses(language)
    rows.append(("best possible", "", *(round(float(loss), 3) for loss in best)))
    rows.append(("unigram plateau", "", *(round(unigram_loss(language), 3) for _ in LENGTHS)))
    return Table(
        title="Loss of the token after a prefix, in nats, by what stands behind it",
        columns=("objective", "layout", *(f"prefix {length}" for length in LENGTHS)),
        rows=tuple(rows),
        note=f"tight: the prefix and one mask; full: masks to the end of the row. {described(ones[0].job)}",
    )


def _drawn(arms: dict[str, list[Measured]], language: int) -> Canvas:
    canvas = Canvas(figsize=(4.6, 3.6), layout="constrained")
    axes = canvas.subplots()
    best = best_losses(language)
    for (arm, ones), colour in zip(arms.items(), COLOURS, strict=False):
        for layout, style in (("tight", "-"), ("full", "--")):
            more = np.mean([getattr(one, layout) for one in ones], axis=0) - best
            axes.plot(LENGTHS, more.clip(LEAST), style, color=colour, label=arm if style == "-" else None)
    axes.plot(LENGTHS, unigram_loss(language) - best, ":", color=GREY, label="unigram plateau")
    axes.set(xlabel="tokens of the prefix", ylabel="nats above the best possible", yscale="log")
    axes.legend(frameon=False, fontsize=8, labelcolor="linecolor")
    plain(axes)
    return canvas
