"""Points of the law: networks of every shape and size, simulated on many tasks under many draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from consilience.ground import Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.simulation import simulate
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.studies.law_controls import CONTROLS, Controls, controls
from consilience.methods.agent_networks.studies.law_worlds import clustering_and_reach, narrow_small_world
from consilience.methods.agent_networks.topology import small_world, topology

__all__ = [
    "REWIRINGS",
    "SHAPES",
    "SOLVERS",
    "WORLDS",
    "Batches",
    "Point",
    "World",
    "batches",
    "control_points",
    "interval",
    "points",
    "resamples",
    "sizes",
    "worlds",
]

SHAPES = ("chain", "star", "tree", "mesh", "layer", "random")
"""Those of the paper."""

SOLVERS: Mapping[str, Solver] = {
    "lasting": Solver(),
    "careless": Solver(keeps=0.8),
    "forgetful": Solver(rollback=0.05),
}
"""Whose work lasts; who loses a fifth in each merge; who loses one part in twenty in each edit."""

REWIRINGS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
ACTORS, EDGES = 48, 138
"""Of the small worlds."""

WORLDS: Mapping[str, Callable[..., Network]] = {"any ends": small_world, "one end": narrow_small_world}
"""As edges are moved, drafts and last nodes come about as they may; or there is one of each."""

TASKS_FROM = 10_000
"""Numbers of workshops below this were looked at while the study was made."""

Cells = Float[np.ndarray, "batch task"]


@dataclass(frozen=True)
class Batches:
    """Draws of networks, profiles and chance, each with tasks of its own."""

    seeds: tuple[int, ...]
    tasks: tuple[range, ...]


@dataclass(frozen=True)
class Point:
    """Networks of one shape and size under one solver; every figure is one for each batch and task."""

    solver: str
    shape: str
    actors: int
    agents: float
    """Critics on edges included; the mean over batches."""
    quality: Cells
    calls: Int[np.ndarray, "batch task"]
    turns: Int[np.ndarray, "batch task"]


@dataclass(frozen=True)
class World:
    """Small worlds of one rewiring."""

    ends: str
    rewiring: float
    clustering: float
    reach: float
    point: Point


def batches(config: Config, streams: Streams) -> Batches:
    """Return the batches of a run."""
    each = config.law_tasks
    seeds = tuple(streams.integer(f"batch {batch}") for batch in range(config.law_batches))
    starts = range(TASKS_FROM, TASKS_FROM + each * config.law_batches, each)
    return Batches(seeds, tuple(range(start, start + each) for start in starts))


def points(config: Config, drawn: Batches) -> Iterator[Point]:
    """Yield every shape and size under every solver."""
    for solver in SOLVERS:
        for shape in SHAPES:
            for size in sizes(config):
                networks = [topology(shape, size, seed=seed) for seed in drawn.seeds]
                yield _point(solver, shape, networks, drawn)


def sizes(config: Config) -> list[int]:
    """Return the numbers of actors: powers of two, and their halfway points, so that curves can be told apart.

    Examples
    --------
    >>> sizes(Config(law_doublings=6))
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    """
    powers = [2**power for power in range(config.law_doublings + 1)]
    return sorted({*powers, *(3 * power // 2 for power in powers[1:-1])})


def worlds(drawn: Batches) -> Iterator[World]:
    """Yield small worlds of every rewiring, with either kind of ends, under every solver."""
    for ends, world in WORLDS.items():
        for rewiring in REWIRINGS:
            networks = [world(ACTORS, edges=EDGES, rewiring=rewiring, seed=seed) for seed in drawn.seeds]
            clustering, reach = np.mean([clustering_and_reach(network) for network in networks], axis=0).tolist()
            for solver in SOLVERS:
                yield World(ends, rewiring, clustering, reach, _point(solver, ends, networks, drawn))


def control_points(drawn: Batches, solver: str, doublings: int) -> list[Point]:
    """Return what drafts without a network give, for numbers of drafts that double; `actors` is that number."""
    found = [
        controls(SOLVERS[solver], tasks, doublings=doublings, seed=seed)
        for seed, tasks in zip(drawn.seeds, drawn.tasks, strict=True)
    ]
    return [_control_point(found, solver, control, at) for control in CONTROLS for at in range(doublings + 1)]


def _control_point(found: list[Controls], solver: str, control: str, at: int) -> Point:
    quality = np.array([one.quality[control][at] for one in found])
    return Point(
        solver=solver,
        shape=control,
        actors=2**at,
        agents=2**at,
        quality=quality,
        calls=np.full(quality.shape, found[0].calls[control][at]),
        turns=np.full(quality.shape, found[0].turns[control][at]),
    )


def _point(solver: str, shape: str, networks: list[Network], drawn: Batches) -> Point:
    found = [
        simulate(network, SOLVERS[solver], tasks, seed=seed)
        for network, tasks, seed in zip(networks, drawn.tasks, drawn.seeds, strict=True)
    ]
    return Point(
        solver=solver,
        shape=shape,
        actors=len(networks[0]),
        agents=float(np.mean([network.agents for network in networks])),
        quality=np.array([one.quality for one in found]),
        calls=np.array([one.calls for one in found]),
        turns=np.array([one.turns for one in found]),
    )


def resamples(config: Config, streams: Streams) -> Callable[[Cells], Float[np.ndarray, " resample"]]:
    """Return a function that gives the mean of cells in each resample: of batches, and of tasks within them.

    The same batches and tasks are drawn for whatever is asked, so that differences and curves have intervals too.
    """
    chance = streams.generator("resamples")
    shape = config.law_resamples, config.law_batches
    rows = chance.integers(config.law_batches, size=shape)
    columns = chance.integers(config.law_tasks, size=(*shape, config.law_tasks))

    def means(cells: Cells) -> Float[np.ndarray, " resample"]:
        drawn: Float[np.ndarray, " resample"] = cells[rows[..., None], columns].mean(axis=(1, 2))
        return drawn

    return means


def interval(drawn: Float[np.ndarray, " resample"]) -> tuple[float, float]:
    """Return where the middle 95 % of resamples lie."""
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return low, high
