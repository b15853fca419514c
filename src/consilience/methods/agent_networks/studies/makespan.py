"""Whether a run lasts as long as its realised critical path, and how long the peers take for the same calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.figure import Figure as Canvas

from consilience.dialogue.attendance import Attendance
from consilience.dialogue.faults import Latency
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.trials.rival import Outcome, Visit
from consilience.dialogue.trials.side_by_side import typical
from consilience.dialogue.work.kinds.text import Text
from consilience.ground import Evidence, Figure, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.studies.load import network_of
from consilience.methods.agent_networks.studies.network_drawing import draw_run
from consilience.methods.agent_networks.studies.rivals import critical_path_s
from consilience.methods.agent_networks.studies.side_by_side import PEERS, run_beside
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["BARS", "NETWORKS", "Course", "course", "faster", "makespan"]

NETWORKS = {"layers of 100": ("layer", 100), "sparse, 100 nodes": ("sparse", 100), "mesh of 16": ("mesh", 16)}
SIGMA = 0.8
"""Deviation of the logarithm of the latency."""

BARS = {"LangGraph": 1.2, "AutoGen": 1.3}
ENGINES = ("ours", "LangGraph", "AutoGen", "LangGraph, edges as steps", "asyncio by hand")

GREY = "#888888"
COLOURS = {"ours": "#3b7dd8", "LangGraph": "#d9722e", "AutoGen": "#8a5fb0", "asyncio by hand": GREY}


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long a run took, by the log of the model that was asked."""

    calls: int
    """That were answered."""
    makespan_s: float
    """From the first question to the last reply."""
    critical_path_s: float
    """The longest path through the calls, each as long as it took."""
    barrier_s: float
    """The same if nodes of a depth had to wait for all of the depth before."""
    alone_s: float
    """All calls one after another."""
    visits: tuple[Visit, ...] = ()
    """The calls themselves."""

    @property
    def ratio(self) -> float:
        """Makespan over critical path."""
        return self.makespan_s / self.critical_path_s


def makespan(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.makespan``.

    The critical path is made of the times that calls really took, as the rehearsal logged them, and of what has to wait
    for what; the engine is not asked.

    Parameters
    ----------
    config
        ``makespan_mean_s``, ``makespan_rounds``; ``peers_python``, ``peers_rounds``.
    streams
        For latencies.
    folder
        For the picture.
    """
    networks = {name: network_of(*of) for name, of in NETWORKS.items()}
    seed = streams.integer("latency")
    courses: dict[str, list[Course]] = {name: [] for name in networks}
    for turn in range(config.makespan_rounds):
        for name, network in networks.items():
            latency = Latency.lognormal(config.makespan_mean_s, SIGMA, seed=seed + turn)
            courses[name].append(asyncio.run(course(network, latency)))
            folder.record("makespan", network=name, ratio=courses[name][-1].ratio)
    beside = _beside(networks, config, seed)
    return Evidence(
        measurements=(*_ours(courses, config), *_faster(beside, config)),
        tables=(_courses_table(courses), *((_beside_table(beside, networks),) if beside else ())),
        figures=(
            _network(networks, courses, folder),
            folder.figure("makespan", _drawn(courses, beside), _caption(bool(beside))),
        ),
    )


async def course(network: Network, latency: Latency) -> Course:
    """Run a network, whose nodes are numbered in order, and return how long it took."""
    model = Rehearsal(talker, name="talker", latency=latency)
    async with Session(model) as session:
        await traverse(network, "Say it.", session, kind=Text(), rounds=1)
    return _of_log(network, model.attendance)


def _of_log(network: Network, log: Attendance) -> Course:
    visits = [Visit(one.element, one.arrived_s, one.finished_s) for one in log.visits]
    return Course(
        calls=len(visits),
        makespan_s=log.makespan_s,
        critical_path_s=critical_path_s(len(network), network.edges, visits),
        barrier_s=critical_path_s(len(network), network.edges, visits, barrier=True),
        alone_s=sum(one.finished_s - one.arrived_s for one in visits),
        visits=tuple(visits),
    )


def faster(beside: Mapping[tuple[str, str], Sequence[Outcome]], engine: str) -> tuple[float, float, float]:
    """Return how many times longer an engine takes than ours: for all networks together, the least, and the most.

    Each is a median over rounds of ratios within a round.
    """
    names = list(dict.fromkeys(name for name, _ in beside))
    spans = {key: [one.makespan_s for one in outcomes] for key, outcomes in beside.items()}
    alone = [median(theirs / ours for theirs, ours in _pairs(spans, name, engine)) for name in names]
    rounds = zip(*(_pairs(spans, name, engine) for name in names), strict=True)
    together = median(sum(theirs for theirs, _ in turn) / sum(ours for _, ours in turn) for turn in rounds)
    return together, min(alone), max(alone)


def _pairs(spans: Mapping[tuple[str, str], list[float]], name: str, engine: str) -> list[tuple[float, float]]:
    return list(zip(spans[name, engine], spans[name, "ours"], strict=True))


def _beside(networks: dict[str, Network], config: Config, seed: int) -> dict[tuple[str, str], list[Outcome]]:
    if not config.peers_python:
        return {}
    PEERS.require(config.peers_python)
    return run_beside(
        ENGINES, networks, config.peers_rounds, config.peers_python, mean_s=config.makespan_mean_s, seed=seed
    )


def _ours(courses: dict[str, list[Course]], config: Config) -> Iterator[Measurement]:
    ratios = {name: median(one.ratio for one in found) for name, found in courses.items()}
    worst = max(ratios, key=ratios.__getitem__)
    yield Measurement(
        name="makespan over the realised critical path",
        value=ratios[worst],
        low=min(one.ratio for one in courses[worst]),
        high=max(one.ratio for one in courses[worst]),
        at_most=1.03,
        timing=True,
        note=f"the most of {', '.join(courses)} ({worst}), median of {config.makespan_rounds} with extremes; lognormal "
        f"latency, mean {config.makespan_mean_s:g} s, sigma {SIGMA:g}; rehearsal: a stated stand-in, not a language "
        "model",
    )
    for name, found in courses.items():
        yield Measurement(
            name=f"what waiting for each depth would cost: {name}",
            value=median(one.barrier_s / one.critical_path_s for one in found),
            timing=True,
            note="the same calls, each as long as it took; no engine with supersteps over nodes can do better",
        )


def _faster(beside: dict[tuple[str, str], list[Outcome]], config: Config) -> Iterator[Measurement]:
    for engine, bar in BARS.items():
        if not beside:
            yield Measurement(
                name=f"times faster than {engine}",
                value=None,
                at_least=bar,
                timing=True,
                note=PEERS.absent,
            )
            continue
        together, least, most = faster(beside, engine)
        yield Measurement(
            name=f"times faster than {engine}",
            value=together,
            low=least,
            high=most,
            at_least=bar,
            timing=True,
            note=f"{', '.join(NETWORKS)} together, median of {config.peers_rounds} interleaved rounds with the same "
            f"latencies; the interval is the least and the most of one network; its steps are nodes, version "
            f"{beside[next(iter(NETWORKS)), engine][0].version}",
        )


def _courses_table(courses: dict[str, list[Course]]) -> Table:
    return Table(
        title="Runs as long as their critical path",
        columns=("network", "calls", "critical path, s", "makespan, s", "ratio", "with a barrier", "calls in a row, s"),
        rows=tuple(
            (
                name,
                found[0].calls,
                round(median(one.critical_path_s for one in found), 3),
                round(median(one.makespan_s for one in found), 3),
                round(median(one.ratio for one in found), 4),
                round(median(one.barrier_s / one.critical_path_s for one in found), 3),
                round(median(one.alone_s for one in found), 1),
            )
            for name, found in courses.items()
        ),
        note="Medians; times are those that the model logged. With a barrier: what the same calls would take if nodes "
        "of a depth waited for all of the depth before, over the critical path.",
        timing=True,
    )


def _beside_table(beside: dict[tuple[str, str], list[Outcome]], networks: dict[str, Network]) -> Table:
    return Table(
        title="Makespan over critical path, engines side by side",
        columns=("engine", "version", *networks, "CPU ms a call, most"),
        rows=tuple(
            (
                engine,
                beside[next(iter(networks)), engine][0].version,
                *(
                    round(median(one.makespan_s / one.critical_path_s for one in beside[name, engine]), 3)
                    for name in networks
                ),
                round(max(typical(beside[name, engine], "cpu_ms") for name in networks), 3),
            )
            for engine in ENGINES
        ),
        note="Each run in a process of its own, in turns; medians. Bodies are the same, and merge as pieces come.",
        timing=True,
    )


def _network(networks: dict[str, Network], courses: dict[str, list[Course]], folder: RunFolder) -> Figure:
    """Draw the first run of the network with the fewest edges a node, which can be told apart."""
    name = min(networks, key=lambda one: len(networks[one].edges) / len(networks[one]))
    run = courses[name][0]
    return folder.figure(
        "network",
        draw_run(len(networks[name]), networks[name].edges, run.visits),
        f"A run ({name}): every node where its work was there, and in orange the path that everything waits for. The "
        f"run is {run.ratio:.3f} times as long as its longest path of calls; all calls one after another would have "
        f"taken {run.alone_s / run.makespan_s:.0f} times as long.",
    )


def _caption(beside: bool) -> str:  # noqa: FBT001  whether there are peers to speak of
    own = "Makespan over the realised critical path; the open dot is what a barrier after each depth would make of it."
    return f"{own} Peers ran the same calls in turns." if beside else own


def _drawn(courses: dict[str, list[Course]], beside: dict[tuple[str, str], list[Outcome]]) -> Canvas:
    canvas = Canvas(figsize=(5.6, 2.8), layout="constrained")
    axes = canvas.subplots()
    for place, (name, found) in enumerate(reversed(courses.items())):
        axes.plot([one.ratio for one in found], [place] * len(found), "o", color=COLOURS["ours"], markersize=5)
        barrier = [one.barrier_s / one.critical_path_s for one in found]
        axes.plot(barrier, [place] * len(found), "o", color=GREY, markersize=5, fillstyle="none")
        for at, engine in enumerate(COLOURS if beside else ()):
            ratios = [one.makespan_s / one.critical_path_s for one in beside[name, engine]]
            axes.plot(ratios, [place - 0.15 - 0.12 * at] * len(ratios), "o", color=COLOURS[engine], markersize=3)
    for at, (engine, colour) in enumerate(COLOURS.items() if beside else ()):
        axes.text(1.0, 1.12 - 0.07 * at, engine, color=colour, fontsize=8, ha="right", transform=axes.transAxes)
    axes.axvline(1.03, color="#c1121f", linewidth=1.2)
    axes.set_yticks(range(len(courses)), list(reversed(courses)))
    axes.set_xlabel("makespan over critical path (red: bar)", color=GREY)
    axes.set(xlim=(0.95, None), ylim=(-0.8, len(courses) - 0.5))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both", length=0)
    return canvas
