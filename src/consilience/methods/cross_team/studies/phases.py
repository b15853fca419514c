"""The phase diagram: where aggregation beats the best of as many drafts as it makes calls, by simulation.

Swept are how good drafts are, how much merges interfere, whether they can tell what is right, how much of a program
the visible tests see, how many teams there are, how many are merged at once, and whether the worse half is left out.
Both sides have the same calls, the same drafts and the same judge. Every cell is a mean over simulated toolboxes with
an interval from the paired differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from operator import call

import numpy as np
from jaxtyping import Float

from consilience.ground import Streams, Table
from consilience.ground.sharing import shared
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.simulation import Pool, calls, score

__all__ = [
    "AXES",
    "Cell",
    "Gain",
    "Growth",
    "alike_table",
    "as_csv",
    "cells",
    "gain",
    "growth",
    "phases_table",
    "verdict",
]

ABILITIES: Mapping[str, float] = {"weak": -0.6, "middling": 0.9, "strong": 2.4}
"""Logit of getting an easy function right."""
INTERFERENCES = (0.0, 0.05, 0.12, 0.2)
RECOGNISES = (1.0, 0.5, 0.0)
SEEN = (0.0, 0.25, 0.5, 1.0)
TEAMS = (2, 4, 8, 16)
ABOVE = 4
MOST = calls(TEAMS[-1], 2, None)
AXES = ("drafts", "interference", "recognises", "seen", "teams", "group", "pruned")
"""What is swept, as fields of a cell."""
_SIGMAS = 1.96


@dataclass(frozen=True)
class Gain:
    """A difference between two ways on the same tasks."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the interval is above 0, below, or around it."""
        return verdict(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One setting."""

    drafts: str
    interference: float
    recognises: float
    seen: float
    teams: int
    group: int
    pruned: bool
    calls: int
    """Of both sides."""
    merged: float
    """Share of the functions that are right in a program that starts, for what the teams are merged to."""
    best: Gain
    """What that is above the best of as many drafts as it takes calls."""
    majority: Gain
    """The same above their majority."""


@dataclass(frozen=True)
class Growth:
    """What comes of more and more teams in one way."""

    name: str
    guarded: bool
    teams: tuple[int, ...]
    score: tuple[float, ...]


def cells(tasks: int, streams: Streams, processes: int = 1) -> list[Cell]:
    """Return every cell of the sweep.

    Parameters
    ----------
    tasks
        Simulated toolboxes behind each.
    streams
        For all chance; cells that differ in merges only share their drafts.
    processes
        How many share the work; it changes nothing of what comes out.
    """
    lots = [
        partial(_lot, name, seen, tasks, streams.integer(f"{name} {seen}")) for name, seen in product(ABILITIES, SEEN)
    ]
    return [cell for own in shared(call, lots, processes) for cell in own]


def growth(tasks: int, streams: Streams) -> list[Growth]:
    """Return how the score grows with 1 to 16 teams, at the settings that were fixed, with the guard and without it."""
    counts = tuple(range(1, TEAMS[-1] + 1))
    pool = Pool(tasks=tasks, teams=MOST, seed=streams.integer("growth"))
    ways = {
        "groups of 2": (2, None),
        "groups of 2, pruned": (2, ABOVE),
        "groups of 4": (4, None),
        "groups of 4, pruned": (4, ABOVE),
        "all at once": (TEAMS[-1], None),
    }
    grown = [
        Growth(
            name,
            guard,
            counts,
            tuple(_mean(pool, teams, group, above, guard) for teams in counts),
        )
        for guard in (True, False)
        for name, (group, above) in ways.items()
    ]
    equal = tuple(float(score(pool.best(calls(teams, 2, ABOVE))).mean()) for teams in counts)
    most = tuple(float(score(pool.majority(calls(teams, 2, ABOVE))).mean()) for teams in counts)
    controls = [("best of as many drafts as calls", equal), ("majority of as many drafts as calls", most)]
    return grown + [Growth(name, guard, counts, found) for guard in (True, False) for name, found in controls]


def alike_table(tasks: int, streams: Streams) -> Table:
    """Return what comes of it when teams are wrong in the same way: where a majority has nothing to go by."""
    rows = []
    for alike in (0.0, 0.5, 1.0):
        developer = Developer(alike=alike)
        spent = calls(8, 2, ABOVE)
        pool = Pool(developer=developer, tasks=tasks, teams=spent, seed=streams.integer("alike"))
        merged, best, majority = (score(one) for one in (pool.meet(8), pool.best(spent), pool.majority(spent)))
        over = gain(merged, majority)
        means = [round(float(one.mean()), 3) for one in (merged, best, majority)]
        rows.append((alike, *means, round(over.low, 3), round(over.high, 3)))
    return Table(
        title="When teams make the same mistakes: 8 teams, pruned, in groups of 2",
        columns=("wrong alike", "merged", "best of 11", "majority of 11", "over majority, low", "over majority, high"),
        rows=tuple(rows),
        note="Simulated. At 0 a wrong function is wrong in one of three ways at random, at 1 always in the same.",
    )


def phases_table(found: Sequence[Cell]) -> Table:
    """Return, for each value of each axis, in how many cells aggregation wins and loses."""
    rows = []
    for axis in AXES:
        for one in dict.fromkeys(getattr(cell, axis) for cell in found):
            own = [cell for cell in found if getattr(cell, axis) == one]
            rows.append((axis, str(one), len(own), *_shares(own, "best"), *_shares(own, "majority")))
    rows.append(("all", "", len(found), *_shares(found, "best"), *_shares(found, "majority")))
    against = ("wins, %", "loses, %", "mean gain")
    return Table(
        title="Where aggregation beats the best, and the majority, of as many drafts as it makes calls",
        columns=(
            "axis",
            "value",
            "cells",
            *(f"best of n: {column}" for column in against),
            *(f"majority: {column}" for column in against),
        ),
        rows=tuple(rows),
        note="Simulated. A cell is won or lost where the 95 % interval of the paired difference excludes 0. Merges "
        "pass the guard.",
    )


def as_csv(found: Sequence[Cell]) -> str:
    """Return all cells, a line each."""
    gains = [f"{over}_{end}" for over in ("best", "majority") for end in ("mean", "low", "high")]
    lines = [",".join((*AXES, "calls", "merged", *gains))]
    for cell in found:
        values = [getattr(cell, axis) for axis in AXES]
        numbers = [getattr(gain, end) for gain in (cell.best, cell.majority) for end in ("mean", "low", "high")]
        lines.append(",".join([*map(str, values), str(cell.calls), *(f"{one:.4f}" for one in (cell.merged, *numbers))]))
    return "\n".join((*lines, ""))


def verdict(low: float, high: float) -> str:
    """Return what an interval of a difference says.

    Examples
    --------
    >>> verdict(0.1, 0.2), verdict(-0.1, 0.2), verdict(-0.2, -0.1)
    ('wins', 'undecided', 'loses')
    """
    return "wins" if low > 0 else "loses" if high < 0 else "undecided"


def _lot(drafts: str, seen: float, tasks: int, seed: int) -> list[Cell]:
    """Return the cells that share their drafts."""
    pool = Pool(developer=Developer(ability=ABILITIES[drafts]), tasks=tasks, teams=MOST, seen=seen, seed=seed)
    found = []
    for teams in TEAMS:
        groups = sorted({group for group in (2, 4, teams) if group <= teams})
        for group, above in product(groups, (None, ABOVE) if teams > ABOVE else (None,)):
            spent = calls(teams, group, above)
            best, majority = score(pool.best(spent)), score(pool.majority(spent))
            for interference, recognises in product(INTERFERENCES, RECOGNISES):
                merging = Developer(interference=interference, recognises=recognises)
                merged = score(pool.meet(teams, group=group, prune_above=above, merging=merging))
                cell = Cell(
                    drafts=drafts,
                    interference=interference,
                    recognises=recognises,
                    seen=seen,
                    teams=teams,
                    group=group,
                    pruned=above is not None,
                    calls=spent,
                    merged=float(merged.mean()),
                    best=gain(merged, best),
                    majority=gain(merged, majority),
                )
                found.append(cell)
    return found


def gain(one: Float[np.ndarray, " task"], other: Float[np.ndarray, " task"]) -> Gain:
    """Return how much more one has than the other, with the interval of a normal mean."""
    difference = one - other
    mean = float(difference.mean())
    half = _SIGMAS * float(difference.std(ddof=1)) / len(difference) ** 0.5
    return Gain(mean, mean - half, mean + half)


def _mean(pool: Pool, teams: int, group: int, above: int | None, guard: bool) -> float:  # noqa: FBT001
    return float(score(pool.meet(teams, group=max(2, group), prune_above=above, guard=guard)).mean())


def _shares(found: Sequence[Cell], over: str) -> tuple[int, int, float]:
    gains: list[Gain] = [getattr(cell, over) for cell in found]
    won, lost = (round(100 * sum(gain.verdict == word for gain in gains) / len(gains)) for word in ("wins", "loses"))
    return won, lost, round(float(np.mean([gain.mean for gain in gains])), 3)
