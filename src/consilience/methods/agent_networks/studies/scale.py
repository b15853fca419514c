"""How far it goes: thousands of agents on one core, and prompts that do not grow with the network."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.load import Weight, weigh, weigh_apart

__all__ = ["SIZES", "scale"]

SIZES = {"star": 10_000, "mesh": 64, "chain": 100_000}
ROUNDS = {"star": 3, "mesh": 3, "chain": 1}
"""Of each edge; three are the room's own choice."""
SMALL, LARGE = 16, 1024
STEPS = (16, 32, 64, 128)
"""Nodes of the meshes whose tokens are laid against their edges."""

Runs = dict[str, list[Weight]]


def scale(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.scale``.

    Each run has a process of its own, whose processor time and memory are what the network and its run took, through
    a session, above an interpreter that has loaded everything. The model answers at once.

    Parameters
    ----------
    config
        ``scale_rounds``, ``scale_prompts``.
    streams
        Nothing is drawn.
    folder
        For the record.
    """
    del streams
    runs: Runs = {shape: [] for shape in SIZES}
    for _ in range(config.scale_rounds):
        for shape, nodes in SIZES.items():
            runs[shape].append(weigh_apart(shape, nodes, ROUNDS[shape]))
            folder.record("scale", shape=shape, cpu_s=runs[shape][-1].cpu_s)
    prompts: dict[str, tuple[Weight, Weight]] = {
        shape: (weigh(shape, SMALL, 1, "bare"), weigh_apart(shape, LARGE, 1, "bare")) for shape in config.scale_prompts
    }
    meshes = [weigh("mesh", nodes, 1, "bare") for nodes in STEPS]
    return Evidence(
        measurements=(*_weights(runs), *_prompts(prompts), _linear(meshes)),
        tables=(_runs_table(runs), _prompts_table(prompts)),
    )


def _weights(runs: Runs) -> Iterator[Measurement]:
    star, mesh, chain = SIZES.values()
    rounds = len(runs["star"])
    yield _measured(f"processor time of a star of {star}", runs["star"], "cpu_s", "s", 3.0)
    yield _measured(f"memory of a star of {star}", runs["star"], "grown_mb", "MB", 100.0)
    yield _measured(f"processor time of a mesh of {mesh}", runs["mesh"], "cpu_s", "s", 0.5)
    yield Measurement(
        name=f"chains of {chain} that were built and run to their end",
        value=sum(one.complete for one in runs["chain"]),
        at_least=rounds,
        note=f"the work of each of its nodes is in the final artifact; of {rounds}",
    )
    yield _measured(f"processor time of a chain of {chain}", runs["chain"], "cpu_s", "s", None)


def _measured(name: str, runs: list[Weight], of: str, unit: str, at_most: float | None) -> Measurement:
    found = [getattr(one, of) for one in runs]
    return Measurement(
        name=name,
        value=median(found),
        low=min(found),
        high=max(found),
        at_most=at_most,
        unit=unit,
        timing=True,
        note=f"{runs[0].agents} agents, {runs[0].calls} calls through a session; median of {len(runs)}, with extremes",
    )


def _prompts(prompts: dict[str, tuple[Weight, Weight]]) -> Iterator[Measurement]:
    grown = {shape: large.largest_prompt / small.largest_prompt for shape, (small, large) in prompts.items()}
    worst = max(grown, key=grown.__getitem__)
    yield Measurement(
        name=f"longest prompt of {LARGE} nodes against that of {SMALL}",
        value=grown[worst],
        at_most=1.05,
        note=f"the most of {', '.join(prompts)} ({worst}); artifacts and comments of one length, so that only what the "
        "engine puts into a prompt can make it grow; profiles differ in length",
    )


def _linear(meshes: list[Weight]) -> Measurement:
    edges, tokens = (np.array([getattr(one, of) for one in meshes], float) for of in ("edges", "tokens"))
    rest = tokens - np.polyval(np.polyfit(edges, tokens, 1), edges)
    return Measurement(
        name="tokens of all prompts as a line in the edges of a mesh, R2",
        value=1 - float(rest @ rest) / float(np.var(tokens) * len(tokens)),
        at_least=0.999,
        note=f"meshes of {', '.join(map(str, STEPS))} nodes; were the dialogue passed on, prompts would grow and so "
        "would the tokens of an edge",
    )


def _runs_table(runs: Runs) -> Table:
    return Table(
        title="Large networks, each in a process of its own",
        columns=(
            "network",
            "nodes",
            "agents",
            "rounds",
            "calls",
            "build, CPU s",
            "run, CPU s",
            "CPU ms a call",
            "memory, MB",
            "complete",
        ),
        rows=tuple(
            (
                shape,
                nodes,
                runs[shape][0].agents,
                ROUNDS[shape],
                runs[shape][0].calls,
                *(
                    round(median(getattr(one, of) for one in runs[shape]), digits)
                    for of, digits in (("built_cpu_s", 3), ("cpu_s", 3), ("cpu_ms", 4), ("grown_mb", 1))
                ),
                all(one.complete for one in runs[shape]),
            )
            for shape, nodes in SIZES.items()
        ),
        note="Through a session; processor time and memory above an interpreter that has loaded everything; medians.",
        timing=True,
    )


def _prompts_table(prompts: dict[str, tuple[Weight, Weight]]) -> Table:
    return Table(
        title="The longest prompt, in characters",
        columns=("network", f"{SMALL} nodes", f"{LARGE} nodes", f"edges of {LARGE}", f"calls of {LARGE}"),
        rows=tuple(
            (shape, small.largest_prompt, large.largest_prompt, large.edges, large.calls)
            for shape, (small, large) in prompts.items()
        ),
        note="One round an edge. Whatever is said has 1,000 characters.",
    )
