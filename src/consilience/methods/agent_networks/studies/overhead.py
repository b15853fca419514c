"""What the engine costs a turn, bare and with all that it keeps, and what the peers cost for the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from consilience.dialogue.trials.load import WAYS
from consilience.dialogue.trials.rival import Outcome
from consilience.dialogue.trials.side_by_side import typical
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.load import Weight, network_of, weigh_apart
from consilience.methods.agent_networks.studies.side_by_side import PEERS, run_beside

__all__ = ["BESIDE", "ENGINES", "NETWORKS", "overhead"]

NETWORKS = {"chain of 1,000": ("chain", 1000), "sparse, 1,000 nodes": ("sparse", 1000), "mesh of 64": ("mesh", 64)}
BARS = {"session": 0.05, "kept": 0.15}
SAID = {
    "bare": "the engine alone",
    "session": "the engine and a session, with nothing kept",
    "kept": "with journal and events",
}

BESIDE = {"chain of 200": ("chain", 200), "sparse, 300 nodes": ("sparse", 300), "mesh of 32": ("mesh", 32)}
"""Smaller networks, which the peers get through."""

ENGINES = (
    "ours",
    "LangGraph, calls as steps",
    "LangGraph, edges as steps",
    "LangGraph",
    "ours, with journal and events",
    "LangGraph with SQLite, calls as steps",
    "LangGraph with SQLite, edges as steps",
    "LangGraph with SQLite",
    "AutoGen",
    "asyncio by hand",
)

RATIOS = (
    ("times less than LangGraph", "LangGraph, edges as steps", "ours", 5.0, "it runs edge by edge, as ours does"),
    (
        "times less than LangGraph with its SQLite checkpoints",
        "LangGraph with SQLite, calls as steps",
        "ours, with journal and events",
        10.0,
        "each call is kept before another builds on it, as ours has it",
    ),
)
"""What is said, the peer, which of ours, the bar, and how they are alike; all other ways are in the table."""

Weights = dict[tuple[str, str], list[Weight]]
Beside = dict[tuple[str, str], list[Outcome]]


def overhead(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.overhead``.

    Every run has a process of its own, and all have their turns round for round. The model answers at once and each
    question with a text of its own. Time is that of the processor, all threads, so that what else the machine does
    matters little.

    Parameters
    ----------
    config
        ``overhead_rounds``; ``peers_python``, ``peers_rounds``.
    streams
        Nothing is drawn.
    folder
        For the record.
    """
    del streams
    weights: Weights = {(name, way): [] for name in NETWORKS for way in WAYS}
    for _ in range(config.overhead_rounds):
        for name, (shape, nodes) in NETWORKS.items():
            for way in WAYS:
                weights[name, way].append(weigh_apart(shape, nodes, 1, way))
                folder.record("overhead", network=name, way=way, cpu_ms=weights[name, way][-1].cpu_ms)
    beside: Beside = {}
    if config.peers_python:
        PEERS.require(config.peers_python)
        networks = {name: network_of(*of) for name, of in BESIDE.items()}
        beside = run_beside(ENGINES, networks, config.peers_rounds, config.peers_python)
    return Evidence(
        measurements=(*_turns(weights), *_times_less(beside, config)),
        tables=(_weights_table(weights), *((_beside_table(beside),) if beside else ())),
    )


def _turns(weights: Weights) -> Iterator[Measurement]:
    for way, bar in BARS.items():
        found = {name: [one.cpu_ms for one in weights[name, way]] for name in NETWORKS}
        worst = max(found, key=lambda name: median(found[name]))
        yield Measurement(
            name=f"processor time of a turn, {SAID[way]}",
            value=median(found[worst]),
            low=min(found[worst]),
            high=max(found[worst]),
            at_most=bar,
            unit="ms",
            timing=True,
            note=f"the most of {', '.join(NETWORKS)} ({worst}), median of {len(found[worst])} with extremes; a turn is "
            "a call; one round an edge; replies of 1,000 characters, all different",
        )


def _times_less(beside: Beside, config: Config) -> Iterator[Measurement]:
    for name, engine, ours, bar, alike in RATIOS:
        if not beside:
            yield Measurement(
                name=name,
                value=None,
                at_least=bar,
                timing=True,
                note=PEERS.absent,
            )
            continue
        ratios = {at: _ratio(beside, at, engine, ours) for at in BESIDE}
        worst = min(ratios, key=ratios.__getitem__)
        yield Measurement(
            name=name,
            value=ratios[worst],
            high=max(ratios.values()),
            at_least=bar,
            timing=True,
            note=f"processor time of a turn: the least of {', '.join(BESIDE)} ({worst}), and the most; "
            f"{config.peers_rounds} interleaved rounds; version {beside[worst, engine][0].version}, "
            f"{engine.partition(', ')[2]}: {alike}",
        )


def _ratio(beside: Beside, network: str, engine: str, ours: str) -> float:
    pairs = zip(beside[network, engine], beside[network, ours], strict=True)
    return median((theirs.cpu_s / theirs.calls) / (own.cpu_s / own.calls) for theirs, own in pairs)


def _weights_table(weights: Weights) -> Table:
    return Table(
        title="Processor time of a turn, ms",
        columns=("network", "calls", *(SAID[way] for way in WAYS)),
        rows=tuple(
            (
                name,
                weights[name, WAYS[0]][0].calls,
                *(round(median(one.cpu_ms for one in weights[name, way]), 4) for way in WAYS),
            )
            for name in NETWORKS
        ),
        note="Medians. In a chain nobody else is at work, so each reply is a transaction of its own; elsewhere those "
        "that come at once go together.",
        timing=True,
    )


def _beside_table(beside: Beside) -> Table:
    return Table(
        title="Processor time of a turn side by side, ms",
        columns=("engine", "version", *BESIDE, "files of the sparse run, MB", "memory of it, MB"),
        rows=tuple(
            (
                engine,
                beside[next(iter(BESIDE)), engine][0].version,
                *(round(typical(beside[name, engine], "cpu_ms"), 4) for name in BESIDE),
                round(typical(beside["sparse, 300 nodes", engine], "kept_bytes") / 1e6, 2),
                round(typical(beside["sparse, 300 nodes", engine], "grown_mb"), 1),
            )
            for engine in ENGINES
        ),
        note="The same bodies and the same model, each run in a process of its own, in turns; medians; building a "
        "graph is not counted. With nodes as steps it is the body of a node, in plain asyncio, that takes most turns, "
        "and a crash loses the turns of a whole depth. Ours keeps each call before another builds on it.",
        timing=True,
    )
