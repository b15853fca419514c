"""What the engine costs a turn of many teams, bare and with all that it keeps, and what teams as subgraphs cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from consilience.dialogue.trials.load import WAYS, Way
from consilience.dialogue.trials.rival import Outcome
from consilience.dialogue.trials.side_by_side import in_turns, typical
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.load import Weight, weigh_apart
from consilience.methods.cross_team.studies.side_by_side import PEERS, run_beside

__all__ = ["ENGINES", "RATIOS", "overhead"]

BAR_MS, BAR_MB = 0.1, 60.0
BESIDE = (8, 64, 256)
"""Numbers of teams that are laid beside."""
SAID: Mapping[Way, str] = {
    "bare": "the engine alone",
    "session": "the engine and a session, with nothing kept",
    "kept": "with journal and events",
}
ENGINES = (
    "ours",
    "LangGraph subgraphs",
    "ours, with journal and events",
    "LangGraph subgraphs with SQLite",
    "asyncio by hand",
)
RATIOS = (
    ("times less than LangGraph subgraphs", "LangGraph subgraphs", "ours"),
    (
        "times less than LangGraph subgraphs with their SQLite checkpoints",
        "LangGraph subgraphs with SQLite",
        "ours, with journal and events",
    ),
)
"""What is said, the peer, and which of ours."""

Weights = Mapping[Way, Sequence[Weight]]
Beside = dict[tuple[str, str], list[Outcome]]


def overhead(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.overhead``.

    Every run has a process of its own, and all have their turns round for round. The model answers at once and each
    question with a text of its own. Time is that of the processor, all threads, so that what else the machine does
    matters little.

    Parameters
    ----------
    config
        ``overhead_rounds``, ``overhead_teams``; ``peers_python``, ``peers_rounds``.
    streams
        Nothing is drawn.
    folder
        For the record.
    """
    del streams
    count = config.overhead_teams
    found = in_turns(
        WAYS,
        [str(count)],
        config.overhead_rounds,
        lambda way, *_: weigh_apart(count, next(w for w in WAYS if w == way)),
    )
    weights = {way: found[str(count), way] for way in WAYS}
    for way in WAYS:
        folder.record("overhead", way=way, cpu_ms=median(one.cpu_ms for one in weights[way]))
    beside: Beside = {}
    if config.peers_python:
        PEERS.require(config.peers_python)
        beside = run_beside(ENGINES, BESIDE, config.peers_rounds, config.peers_python)
    return Evidence(
        measurements=(*_of_weights(weights, config), *_times_less(beside, config)),
        tables=(_weights_table(weights), *((_beside_table(beside),) if beside else ())),
    )


def _of_weights(weights: Weights, config: Config) -> Iterator[Measurement]:
    kept = weights["kept"]
    yield Measurement(
        name="processor time of a turn, with journal and events",
        value=median(one.cpu_ms for one in kept),
        low=min(one.cpu_ms for one in kept),
        high=max(one.cpu_ms for one in kept),
        at_most=BAR_MS,
        unit="ms",
        timing=True,
        note=f"{config.overhead_teams} teams, eight phases and two key phases, {kept[0].calls:,} turns, of which "
        f"{kept[0].merges} merge; median of {len(kept)} with extremes; replies of 1,000 characters, all different",
    )
    session = [one.cpu_ms for one in weights["session"]]
    yield Measurement(
        name="processor time of a turn, the engine and a session, with nothing kept",
        value=median(session),
        low=min(session),
        high=max(session),
        unit="ms",
        timing=True,
    )
    grown = [one.grown_mb for one in kept]
    yield Measurement(
        name="memory that the run takes",
        value=median(grown),
        low=min(grown),
        high=max(grown),
        at_most=BAR_MB,
        unit="MB",
        timing=True,
        note="at its peak, above what the libraries hold; with journal and events",
    )


def _times_less(beside: Beside, config: Config) -> Iterator[Measurement]:
    for name, engine, ours in RATIOS:
        if not beside:
            yield Measurement(name=name, value=None, at_least=5.0, timing=True, note=PEERS.absent)
            continue
        ratios = {count: _ratio(beside, str(count), engine, ours) for count in BESIDE}
        worst = min(ratios, key=ratios.__getitem__)
        yield Measurement(
            name=name,
            value=ratios[worst],
            high=max(ratios.values()),
            at_least=5.0,
            timing=True,
            note=f"processor time of a turn: the least of {', '.join(map(str, BESIDE))} teams ({worst}), and the most; "
            f"{config.peers_rounds} interleaved rounds; version {beside[str(worst), engine][0].version}; a team's "
            "segment is a subgraph, its steps the calls, merges are steps of the graph around",
        )


def _ratio(beside: Beside, count: str, engine: str, ours: str) -> float:
    pairs = zip(beside[count, engine], beside[count, ours], strict=True)
    return median((theirs.cpu_s / theirs.calls) / (own.cpu_s / own.calls) for theirs, own in pairs)


def _weights_table(weights: Weights) -> Table:
    return Table(
        title="Processor time of a turn, and memory",
        columns=("", "teams", "turns", "ms a turn", "memory, MB"),
        rows=tuple(
            (
                SAID[way],
                found[0].teams,
                found[0].calls,
                round(median(one.cpu_ms for one in found), 4),
                round(median(one.grown_mb for one in found), 1),
            )
            for way, found in weights.items()
        ),
        note="Medians.",
        timing=True,
    )


def _beside_table(beside: Beside) -> Table:
    largest = str(BESIDE[-1])
    return Table(
        title="Processor time of a turn side by side, ms",
        columns=(
            "engine",
            "version",
            *(f"{count} teams" for count in BESIDE),
            f"files of {largest}, MB",
            f"memory of {largest}, MB",
        ),
        rows=tuple(
            (
                engine,
                beside[largest, engine][0].version,
                *(round(typical(beside[str(count), engine], "cpu_ms"), 4) for count in BESIDE),
                round(typical(beside[largest, engine], "kept_bytes") / 1e6, 2),
                round(typical(beside[largest, engine], "grown_mb"), 1),
            )
            for engine in ENGINES
        ),
        note="The same calls to the same model, each run in a process of its own, in turns; medians; building a graph "
        "is not counted. Ours keeps each call before another builds on it, as checkpoints of calls do.",
        timing=True,
    )
