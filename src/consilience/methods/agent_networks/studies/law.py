"""The collaborative scaling law and small worlds, on simulated solvers: no language model is involved.

A workshop is 64 small functions that are right or wrong when they are run. Stand-ins draft, criticise, refine and merge
them by a model with known parameters; so what comes out says what a law of growth takes, and not that language models
follow it. All shapes of the paper grow from 1 to 128 actors. Quality is compared over actors, as the paper does, and
over calls and over the critical path; with drafts that no network works on; and, at a fixed number of edges, in small
worlds. It comes out as it comes out: bars are only on how it was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
from jaxtyping import Float

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.curves import CURVES
from consilience.methods.agent_networks.studies.law_controls import CONTROLS
from consilience.methods.agent_networks.studies.law_drawing import draw_cost, draw_growth, draw_worlds
from consilience.methods.agent_networks.studies.law_growth import Growth, at_calls, growth, powers_of_two, reference
from consilience.methods.agent_networks.studies.law_runs import Checked, checked_runs
from consilience.methods.agent_networks.studies.law_sweep import (
    SHAPES,
    SOLVERS,
    TASKS_FROM,
    Point,
    World,
    batches,
    control_points,
    interval,
    points,
    resamples,
    sizes,
    worlds,
)

__all__ = ["law"]

LASTING, CARELESS, FORGETFUL = SOLVERS
FEWEST_TASKS = 200
SMALL_WORLD = 0.2
"""Rewiring at which a small world is one: neighbours are still neighbours, and everything is near."""
DRAFTS = 11
"""Doublings of drafts for controls: 2,048 of them."""

POINT_COLUMNS = ("solver", "shape", "actors", "agents", "calls", "turns", "quality", "low", "high")

Means = Callable[..., Float[np.ndarray, " resample"]]


def law(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.law``.

    Parameters
    ----------
    config
        The fields ``law_*``.
    streams
        For networks, draws and resamples.
    folder
        For the pictures.
    """
    drawn, means = batches(config, streams), resamples(config, streams)
    checked = checked_runs(range(TASKS_FROM, TASKS_FROM + config.law_runs), drawn.seeds[0])
    found = list(points(config, drawn))
    folder.record("law", points=len(found), runs=len(checked))
    series = [list(own) for _, own in groupby(found, lambda point: (point.solver, point.shape))]
    grown = [growth(own, means) for own in series]
    coarse = [growth(powers_of_two(own), means) for own in series]
    small = list(worlds(drawn))
    controls = control_points(drawn, LASTING, DRAFTS)
    lasting = [point for point in found if point.solver == LASTING]
    folder.write("law_points.csv", _as_csv([*found, *controls], means))
    return Evidence(
        measurements=(
            *_growth_measured(grown, coarse),
            *_cost_measured(lasting, controls, means),
            *_worlds_measured(small, means),
            *_checks(config, checked, found),
        ),
        tables=(
            _curves_table(grown, coarse),
            _points_table([*powers_of_two(lasting), *controls], means),
            _others_table(powers_of_two(found)),
            _worlds_table(small, means),
        ),
        figures=(
            folder.figure(
                "growth",
                draw_growth([one for one in grown if one.solver == LASTING], lasting, means),
                "Quality over actors with four curves; in colour, the one with the least AICc.",
            ),
            folder.figure(
                "cost",
                draw_cost(lasting, controls),
                "The same quality over what it costs, in calls and in turns; in grey, drafts without a network.",
            ),
            folder.figure(
                "worlds",
                draw_worlds(small, means),
                "Small worlds of 48 actors and 138 edges: quality and critical path as edges are moved.",
            ),
        ),
        seeds=drawn.seeds,
    )


# --- growth ----------------------------------------------------------------------------------------------------------


def _growth_measured(grown: Sequence[Growth], coarse: Sequence[Growth]) -> list[Measurement]:
    measured = []
    for solver in SOLVERS:
        fine, rough = ([one for one in some if one.solver == solver] for some in (grown, coarse))
        measured += [_winning(fine, solver), _winning(rough, solver), _closest(fine, solver)]
    return measured


def _winning(grown: Sequence[Growth], solver: str) -> Measurement:
    """Count the shapes whose growth the logistic describes best by AICc."""
    low, high = interval(np.sum([one.winners == 0 for one in grown], axis=0).astype(float))
    named = "; ".join(f"{one.shape}: {CURVES[one.best].name}" for one in grown)
    return Measurement(
        name=f"shapes of {len(grown)} whose growth is a logistic by AICc at {grown[0].sizes} sizes, {solver} solver",
        value=sum(one.best == 0 for one in grown),
        low=low,
        high=high,
        note=f"{named}; {REHEARSAL_NOTICE}",
    )


def _closest(grown: Sequence[Growth], solver: str) -> Measurement:
    """Count the shapes of which the logistic best tells a size that was left out."""
    named = "; ".join(f"{one.shape}: {CURVES[one.closest].name}" for one in grown)
    return Measurement(
        name=f"the same by what sizes are missed by when left out, {solver} solver",
        value=sum(one.closest == 0 for one in grown),
        note=named,
    )


def _curves_table(grown: Sequence[Growth], coarse: Sequence[Growth]) -> Table:
    rows = [
        (
            one.solver,
            one.shape,
            one.fits[one.best] is fitted,
            fitted.curve.name,
            fitted.words,
            round(fitted.aicc - one.fits[one.best].aicc, 1),
            round(100 * one.share(fitted.curve)),
            round(rough.fits[at].aicc - rough.fits[rough.best].aicc, 1),
            round(missed, 4),
        )
        for one, rough in zip(grown, coarse, strict=True)
        for at, (fitted, missed) in enumerate(zip(one.fits, one.missed, strict=True))
    ]
    sizes, few = grown[0].sizes, coarse[0].sizes
    return Table(
        title="Growth with actors, by four curves",
        columns=(
            "solver",
            "shape",
            "best",
            "curve",
            f"fit to {sizes} sizes",
            "AICc above the least",
            "least in so many resamples, %",
            f"AICc above the least at {few} sizes",
            "missed by when left out",
        ),
        rows=tuple(rows),
        note=f"The {few} sizes are powers of two; what AICc adds there for few points outweighs most of what curves "
        "differ by. Missed: root mean square of quality, with one size left out at a time.",
    )


# --- cost ------------------------------------------------------------------------------------------------------------


def _cost_measured(found: Sequence[Point], controls: Sequence[Point], means: Means) -> list[Measurement]:
    """Compare shapes, and what needs no network, at the same number of calls."""
    calls = reference(found)
    by_shape = {shape: [point for point in found if point.shape == shape] for shape in SHAPES}
    by_control = {control: [point for point in controls if point.shape == control] for control in CONTROLS}
    quality = {
        name: float(at_calls(own, calls, [point.quality.mean(keepdims=True)[0] for point in own])[0])
        for name, own in {**by_shape, **by_control}.items()
    }
    drawn = {
        name: at_calls(own, calls, [means(point.quality) for point in own])
        for name, own in {**by_shape, **by_control}.items()
    }
    turns = {
        shape: float(at_calls(own, calls, [np.array([point.turns.mean()]) for point in own])[0])
        for shape, own in by_shape.items()
    }
    best, worst = max(SHAPES, key=quality.__getitem__), min(SHAPES, key=quality.__getitem__)
    low, high = interval(np.ptp([drawn[shape] for shape in SHAPES], axis=0))
    said = ", ".join(f"{shape} {quality[shape]:.3f} in {turns[shape]:.0f} turns" for shape in SHAPES)
    return [
        Measurement(
            name=f"quality between the best and the worst shape at {calls:.0f} calls",
            value=quality[best] - quality[worst],
            low=low,
            high=high,
            note=said,
        ),
        Measurement(
            name=f"longest critical path over the shortest at {calls:.0f} calls",
            value=max(turns.values()) / min(turns.values()),
            unit="x",
        ),
        *(
            _estimated(f"quality of {control} at {calls:.0f} calls", quality[control], drawn[control])
            for control in CONTROLS
        ),
        _estimated(
            f"quality of drafts merged less that of the best shape at {calls:.0f} calls",
            quality["drafts merged"] - quality[best],
            drawn["drafts merged"] - drawn[best],
        ),
    ]


def _estimated(name: str, value: float, drawn: Float[np.ndarray, " resample"], note: str = "") -> Measurement:
    low, high = interval(drawn)
    return Measurement(name=name, value=value, low=low, high=high, note=note)


def _cells(point: Point, means: Means) -> tuple[str | float, ...]:
    low, high = interval(means(point.quality))
    return (
        point.solver,
        point.shape,
        point.actors,
        round(point.agents),
        round(float(point.calls.mean()), 1),
        round(float(point.turns.mean()), 1),
        round(float(point.quality.mean()), 4),
        round(low, 4),
        round(high, 4),
    )


def _points_table(found: Sequence[Point], means: Means) -> Table:
    return Table(
        title=f"Quality by shape and size, {LASTING} solver, and of drafts without a network",
        columns=POINT_COLUMNS[1:],
        rows=tuple(_cells(point, means)[1:] for point in found),
        note="Quality is the share of 64 functions that are right; agents are actors and critics; turns lie on the "
        f"critical path. Means over {found[0].quality.size} tasks, with the middle 95 % of resamples.",
    )


def _others_table(found: Sequence[Point]) -> Table:
    series = [(key, list(own)) for key, own in groupby(found, lambda point: (point.solver, point.shape))]
    return Table(
        title="Quality by number of actors, all solvers",
        columns=("solver", "shape", *(str(point.actors) for point in series[0][1])),
        rows=tuple((*key, *(round(float(point.quality.mean()), 3) for point in own)) for key, own in series),
        note="All sizes, with calls, turns and intervals, are in law_points.csv.",
    )


def _as_csv(found: Sequence[Point], means: Means) -> str:
    rows = (",".join(map(str, _cells(point, means))) for point in found)
    return "\n".join((",".join(POINT_COLUMNS), *rows, ""))


# --- small worlds ----------------------------------------------------------------------------------------------------


def _worlds_measured(small: Sequence[World], means: Means) -> list[Measurement]:
    by_name = {(world.point.solver, world.ends, world.rewiring): world.point for world in small}
    gains = []
    for solver in SOLVERS:
        for ends in ("one end", "any ends"):
            for rewiring in (SMALL_WORLD, 1.0):
                row, moved = by_name[solver, ends, 0.0], by_name[solver, ends, rewiring]
                share = float(moved.turns.mean() / row.turns.mean())
                gains.append(
                    _estimated(
                        f"quality gained as {rewiring:.0%} of the edges move, {ends}, {solver} solver",
                        float(moved.quality.mean() - row.quality.mean()),
                        means(moved.quality) - means(row.quality),
                        f"the critical path becomes {share:.2f} of what it was",
                    )
                )
    row, moved = by_name[LASTING, "one end", 0.0], by_name[LASTING, "one end", 1.0]
    gains.append(
        _estimated(
            f"critical path as all edges move, one end, {LASTING} solver, over that of the row",
            float(moved.turns.mean() / row.turns.mean()),
            means(moved.turns.astype(float)) / means(row.turns.astype(float)),
        )
    )
    return gains


def _worlds_table(small: Sequence[World], means: Means) -> Table:
    rows = []
    for world in small:
        low, high = interval(means(world.point.quality))
        rows.append(
            (
                world.point.solver,
                world.ends,
                world.rewiring,
                round(world.clustering, 3),
                round(world.reach, 2),
                round(float(world.point.calls.mean()), 1),
                round(float(world.point.turns.mean()), 1),
                round(float(world.point.quality.mean()), 4),
                round(low, 4),
                round(high, 4),
            )
        )
    return Table(
        title="Small worlds of 48 actors and 138 edges",
        columns=("solver", "ends", "moved", "clustering", "distance", "calls", "turns", "quality", "low", "high"),
        rows=tuple(rows),
        note="With any ends, moving edges makes more drafts, and last nodes to be merged; with one end it does not. "
        "Edges are as many throughout; calls are not, as critics have more or less to say.",
    )


# --- how it was measured ---------------------------------------------------------------------------------------------


def _checks(config: Config, checked: Sequence[Checked], found: Sequence[Point]) -> list[Measurement]:
    measured = sum(bool(np.isfinite(point.quality).all()) for point in found)
    tasks = min(point.quality.size for point in found)
    return [
        Measurement(
            name="runs from prompt to artifact that end otherwise than the simulation",
            value=sum(not one.same for one in checked),
            at_most=0,
            note=f"{len(checked)} runs of up to 16 actors, {sum(one.calls for one in checked)} calls: which of 64 "
            "functions are right, and how many calls were made",
        ),
        Measurement(
            name="artifacts whose executed score differs from the one that is read",
            value=sum(one.executed != one.read for one in checked),
            at_most=0,
            note=f"{len(checked)} artifacts, each run in the sandbox",
        ),
        Measurement(
            name="points that were measured",
            value=measured,
            at_least=len(SOLVERS) * len(SHAPES) * len(sizes(config)),
            note=f"{len(SOLVERS)} solvers, {len(SHAPES)} shapes, {len(sizes(config))} sizes",
        ),
        Measurement(
            name="tasks behind each point",
            value=tasks if tasks >= FEWEST_TASKS else None,
            at_least=FEWEST_TASKS,
            note="" if tasks >= FEWEST_TASKS else f"{tasks}: too few at this scale to say what comes out",
        ),
    ]
