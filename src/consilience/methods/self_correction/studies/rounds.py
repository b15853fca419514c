"""Whether accuracy over rounds of self-correction follows from four rates, in the real loop with a scripted model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import chi2, norm

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.rounds import Rounds
from consilience.methods.self_correction.studies.estimating import estimating
from consilience.methods.self_correction.studies.rounds_drawing import draw_break_even, draw_curves
from consilience.methods.self_correction.studies.scripted_rounds import Setting, choose, simulate

__all__ = ["rounds"]

NEEDED = 20
"""Settings that must agree with the formula."""
WITHIN = 3.0
"""Standard errors."""
FALSE_ALARM = 0.0027
"""Chance that a right formula misses the bar on the largest deviation, and that on the joint test."""


def rounds(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    r"""Measure the claim ``correct.rounds``.

    Every setting goes through the corrector: answer, check in the same conversation, answer again. The accuracy after k
    rounds is a share of independent items, so that :math:`\sqrt{a_k(1-a_k)/n}` is its exact standard error. Over
    many settings and rounds some deviation beyond three is to be expected; beside the bar of the claim the largest one
    is held against Šidák's bound for all of them, and all moves are tested at once by a chi-square.

    Parameters
    ----------
    config : Config
        Its ``rounds_*`` settings.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    chosen = choose(config.rounds_settings, streams.generator("rates"))
    items, made = config.rounds_items, config.rounds_rounds
    settings = [
        simulate(name, rates, items=items, made=made, seed=streams.integer(name)) for name, rates in chosen.items()
    ]
    folder.record("rounds", settings=len(settings), items=config.rounds_items)
    table, judged = estimating(config, streams.child("estimating"))
    return Evidence(
        measurements=(*_agreement(settings, config), *judged),
        tables=(_table(settings), table),
        figures=(
            folder.figure(
                "rounds",
                draw_curves(settings),
                "Accuracy over rounds: the formula as lines, the loop as points with two standard errors.",
            ),
            folder.figure(
                "break-even",
                draw_break_even(settings),
                "Above the line a first round helps, below it harms; the points are what happened in the loop.",
            ),
        ),
    )


def _agreement(settings: Sequence[Setting], config: Config) -> list[Measurement]:
    compared = [setting.deviations(setting.model) for setting in settings]
    largest, many = max(float(np.abs(each).max()) for each in compared), sum(each.size for each in compared)
    bound = float(norm.isf((1 - (1 - FALSE_ALARM) ** (1 / many)) / 2))
    statistic, freedom = _all_moves(settings)
    return [
        Measurement(
            name=f"settings of {len(settings)} within {WITHIN:g} standard errors of the formula at first and after "
            "every round",
            value=_agreeing(settings, lambda setting: setting.model),
            at_least=NEEDED,
            note=f"{config.rounds_items} items and {config.rounds_rounds} rounds a setting, through the loop",
        ),
        Measurement(
            name="largest deviation of all settings and rounds, in standard errors",
            value=largest,
            at_most=bound,
            note=f"Šidák's bound over {many} comparisons: a right formula misses it once in {1 / FALSE_ALARM:.0f} runs",
        ),
        Measurement(
            name="p-value of all moves between right and wrong at once",
            value=float(chi2.sf(statistic, freedom)) if freedom else None,
            at_least=FALSE_ALARM,
            note=f"chi-square {statistic:.1f} at {freedom} degrees of freedom: first answers, fixed and broken ones, "
            "each against its own rate",
        ),
        Measurement(
            name="settings that a formula without false alarms fits",
            value=_agreeing(settings, lambda setting: Rounds(setting.model.repair, 0.0)),
            note="a wrong formula for comparison: what it misses shows that the bar can be missed",
        ),
        Measurement(
            name="settings on the side of the break-even line that the formula says",
            value=sum(
                (setting.simulated[1] > setting.simulated[0]) == setting.model.helps(setting.start)
                for setting in settings
            ),
            note="by the sign of the first round's gain; a setting near the line may fall on either side by chance",
        ),
    ]


def _agreeing(settings: Sequence[Setting], model: Callable[[Setting], Rounds]) -> int:
    return sum(bool((np.abs(setting.deviations(model(setting))) <= WITHIN).all()) for setting in settings)


def _all_moves(settings: Sequence[Setting]) -> tuple[float, int]:
    """Return the chi-square of all moves, each a binomial given the state before it; impossible moves make it infinite.

    Counts with a variance below 3 are left out, for which a normal law is no approximation.
    """
    statistic, freedom = 0.0, 0
    for setting in settings:
        model, right = setting.model, setting.right
        counts = [(int(right[:, 0].sum()), len(right), setting.start)]
        for before, after in zip(right.T, right.T[1:], strict=False):
            counts.append((int((after & ~before).sum()), int((~before).sum()), model.repair))
            counts.append((int((before & ~after).sum()), int(before.sum()), model.damage))
        for found, of, rate in counts:
            variance = of * rate * (1 - rate)
            if variance >= 3:  # noqa: PLR2004
                statistic, freedom = statistic + (found - of * rate) ** 2 / variance, freedom + 1
            elif rate in (0.0, 1.0) and found != of * rate:
                statistic = math.inf
    return statistic, freedom


def _table(settings: Sequence[Setting]) -> Table:
    rows = []
    for setting in settings:
        last = setting.right.shape[1] - 1
        rows.append(
            (
                setting.name,
                setting.start,
                *setting.rates,
                round(setting.model.limit, 3),
                round(float(setting.expected(setting.model)[last]), 4),
                round(float(setting.simulated[last]), 4),
                round(float(np.abs(setting.deviations(setting.model)).max()), 2),
            )
        )
    return Table(
        title="Accuracy after the last round, and the largest deviation over rounds",
        columns=("setting", "first", "TPR", "FPR", "fix", "spoil", "limit", "formula", "loop", "deviation, s.e."),
        rows=tuple(rows),
        note="A scripted model with these rates, and no language model.",
    )
