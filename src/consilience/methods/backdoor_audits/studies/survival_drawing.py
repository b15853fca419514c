"""The map of survival, drawn: attack success over length, a line for each rate."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas

from consilience.ground import Figure, RunFolder
from consilience.methods.backdoor_audits.measures import attack_success
from consilience.methods.backdoor_audits.studies.laboratory import Seen
from consilience.methods.backdoor_audits.survival import Cell
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS

__all__ = ["drawn"]

_MARKS = ("o", "s", "^", "D", "v", "P")


def drawn(cells: Sequence[Cell], after: Sequence[Sequence[Seen]], folder: RunFolder) -> Figure:
    """Draw the map into the run folder.

    Parameters
    ----------
    cells
        Of the map.
    after
        For each what came of every default trigger.
    folder
    """
    canvas = Canvas(figsize=(9, 3), layout="constrained")
    axes = canvas.subplots(1, len(DEFAULTS), sharey=True, squeeze=False)[0]
    rates = sorted({cell.rate for cell in cells}, reverse=True)
    for place, (one, axis) in enumerate(zip(DEFAULTS, axes, strict=True)):
        for number, rate in enumerate(rates):
            mine = sorted(
                (
                    (cell.length, attack_success(seen[place].triggered))
                    for cell, seen in zip(cells, after, strict=True)
                    if cell.rate == rate
                ),
                key=lambda each: each[0],
            )
            lengths = [length for length, _ in mine]
            values = [100 * asr.value for _, asr in mine]
            spread = [
                [100 * (asr.value - asr.low) for _, asr in mine],
                [100 * (asr.high - asr.value) for _, asr in mine],
            ]
            axis.errorbar(
                lengths, values, spread, marker=_MARKS[number % len(_MARKS)], capsize=2, label=f"rate {rate:.3g}"
            )
        axis.set_xscale("log")
        axis.set_title(one.name)
        axis.set_xlabel("length, parts of the attack's")
        axis.set_ylim(-3, 103)
    axes[0].set_ylabel("attack success, %")
    axes[-1].legend()
    return folder.figure(
        "survival",
        canvas,
        "Attack success after clean fine-tuning: the lower the rate, the longer triggers live; active and passive ones "
        "differ.",
    )
