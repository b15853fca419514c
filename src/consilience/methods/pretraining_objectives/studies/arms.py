"""Six objectives side by side: what they learn for classification and for generation, at equal steps or targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.drawing import COLOURS, GREY, plain
from consilience.methods.pretraining_objectives.intervals import mean
from consilience.methods.pretraining_objectives.studies.trained_arms import (
    ARMS,
    BATCH,
    LENGTHS,
    SHORT,
    TOKENS,
    Job,
    Measured,
    bag_of_tokens,
    best_losses,
    described,
    matched_steps,
    trained_arms,
    unigram_loss,
)

__all__ = ["arms"]

SHOWN = (4, 8, 16)
"""Prefixes in the tables."""
LEARNED = 0.1
"""Nats below the unigram plateau from which on an arm has learned something that can be compared."""
SMALL: dict[str, Any] = {"color": GREY, "fontsize": 8, "ha": "right"}
FEWEST = "MLM 15 %"
"""The arm with the fewest targets a step, which the others are matched with."""


def arms(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.arms``.

    Parameters
    ----------
    config
        ``arms_seeds``, ``arms_steps``, ``processes``.
    streams
        For the language; models have the seeds of the configuration.
    folder
    """
    language = Streams(streams.seed).integer("language")
    targets = config.arms_steps * BATCH * TOKENS * ARMS[FEWEST].targets_a_token
    steps = dict.fromkeys(ARMS, config.arms_steps), {arm: matched_steps(arm, targets) for arm in ARMS}
    jobs = [
        Job(arm=arm, seed=seed, steps=each[arm], chain=language)
        for each in steps
        for arm in ARMS
        for seed in config.arms_seeds
    ]
    found = trained_arms(jobs, config.processes)
    half = len(found) // 2
    same_steps, same_targets = _by_arm(found[:half]), _by_arm(found[half:])
    plateau = unigram_loss(language)
    left = [arm for arm, ones in same_steps.items() if _short(ones).mean() < plateau - LEARNED]
    few = {arm: 100 * np.array([one.few for one in ones]) for arm, ones in same_steps.items()}
    caption = "Probes with five labels a topic, and loss after short prefixes above the best possible; each dot a seed."
    return Evidence(
        measurements=(
            Measurement(
                name="objectives that left the unigram plateau",
                value=len(left),
                at_least=len(ARMS),
                note=f"of {len(ARMS)}; by {LEARNED} nats after prefixes of {SHORT[0]} to {SHORT[-1]} tokens",
            ),
            _difference("diverse AR above AR, five labels a topic", few["diverse AR"] - few["AR"], "points"),
            _difference("MLM 15 % above AR, five labels a topic", few[FEWEST] - few["AR"], "points"),
            _difference("variable above MLM 15 %, five labels a topic", few["variable"] - few[FEWEST], "points"),
            _difference(
                "AR below MLM 15 % after short prefixes", _short(same_steps[FEWEST]) - _short(same_steps["AR"]), "nats"
            ),
            _difference(
                "the same at as many targets", _short(same_targets[FEWEST]) - _short(same_targets["AR"]), "nats"
            ),
        ),
        tables=(
            _table("as many steps", same_steps, language),
            _table("as many predicted tokens", same_targets, language),
        ),
        figures=(folder.figure("arms", _drawn(same_steps, language), caption),),
        seeds=config.arms_seeds,
    )


def _by_arm(found: list[Measured]) -> dict[str, list[Measured]]:
    return {arm: [one for one in found if one.job.arm == arm] for arm in ARMS}


def _short(ones: list[Measured]) -> np.ndarray:
    """Return each seed's mean loss after short prefixes, in the layout that suits the model better."""
    return np.array([one.best[: len(SHORT)].mean() for one in ones])


def _difference(name: str, values: np.ndarray, unit: str) -> Measurement:
    found = mean(values)
    return Measurement(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        unit=unit,
        note=f"whichever way it comes out; {len(values)} seeds, 95 % interval",
    )


def _spread(values: list[float] | np.ndarray, scale: float, digits: int) -> str:
    return f"{scale * np.mean(values):.{digits}f} +- {scale * np.std(values, ddof=1):.{digits}f}"


def _table(matched: str, found: dict[str, list[Measured]], language: int) -> Table:
    places = [LENGTHS.index(length) for length in SHOWN]
    rows: list[tuple[str | float | None, ...]] = []
    for arm, ones in found.items():
        rows.append(
            (
                arm,
                round(ones[0].tokens / 1e6, 2),
                round(ones[0].targets / 1e6, 2),
                _spread([one.probe for one in ones], 100, 1),
                _spread([one.few for one in ones], 100, 1),
                *(_spread([one.best[place] for one in ones], 1, 3) for place in places),
                _spread([one.likelihood for one in ones], 1, 3),
            )
        )
    untrained = [one.untrained for ones in found.values() for one in ones]
    bag, few = bag_of_tokens(language)
    best, plateau = best_losses(language), round(unigram_loss(language), 3)
    rows += [
        ("before training", 0.0, 0.0, _spread(untrained, 100, 1), None, *[None] * (len(SHOWN) + 1)),
        ("bag of tokens", None, None, f"{100 * bag:.1f}", f"{100 * few:.1f}", *[None] * (len(SHOWN) + 1)),
        ("best possible", None, None, None, None, *(round(float(best[place]), 3) for place in places), None),
        ("unigram plateau", None, None, None, None, *[plateau] * (len(SHOWN) + 1)),
    ]
    example = next(iter(found.values()))[0].job
    return Table(
        title=f"Objectives after {matched}",
        columns=(
            "objective",
            "million tokens seen",
            "million targets",
            "probe, %",
            "five labels a topic, %",
            *(f"loss after {length}" for length in SHOWN),
            "likelihood or its bound",
        ),
        rows=tuple(rows),
        note="+-: standard deviation over seeds. Losses in nats, of masked models in the layout that suits them "
        f"better. The last column is exact for AR, a bound for masked models. {described(example)}",
    )


def _drawn(found: dict[str, list[Measured]], language: int) -> Canvas:
    canvas = Canvas(figsize=(4.6, 4.8), layout="constrained")
    panels = canvas.subplots(2, 1, sharex=True)
    best = float(best_losses(language)[: len(SHORT)].mean())
    for place, ((_, ones), colour) in enumerate(zip(found.items(), COLOURS, strict=True)):
        panels[0].plot([place] * len(ones), [100 * one.few for one in ones], "o", color=colour, markersize=5)
        panels[1].plot([place] * len(ones), (_short(ones) - best).clip(1e-3), "o", color=colour, markersize=5)
    marks = (100 * bag_of_tokens(language)[1], unigram_loss(language) - best)
    for axes, mark, name in zip(panels, marks, ("bag of tokens", "unigram plateau"), strict=True):
        axes.axhline(mark, color=GREY, linewidth=1)
        axes.annotate(name, (len(found) - 0.8, mark), xytext=(0, -10), textcoords="offset points", **SMALL)
        plain(axes)
    panels[0].set_ylabel("five labels, % right")
    panels[1].set(ylabel="nats above the best possible", yscale="log")
    panels[1].set_xticks(range(len(found)), labels=[arm.replace(" ", "\n", 1) for arm in found], fontsize=7)
    return canvas
