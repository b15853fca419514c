"""Whether a run lasts as long as its slowest teams and its merges, and what a barrier, a quorum and polling cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.figure import Figure as Canvas

from consilience.dialogue.faults import Latency
from consilience.dialogue.trials.rival import Outcome
from consilience.dialogue.trials.side_by_side import typical
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.studies.courses import SEGMENTS, Course, chain_of, course, polled_s
from consilience.methods.cross_team.studies.rivals import Job
from consilience.methods.cross_team.studies.side_by_side import PEERS, run_beside

__all__ = ["ENGINES", "makespan"]

TEAMS = 8
SIGMA = 0.8
"""Deviation of the logarithm of the latency."""
QUORUM = 6
POLLS = 10
"""The released program looks for files every second; a call of a phase is taken to last this many seconds."""
ENGINES = ("ours", "LangGraph subgraphs", "asyncio by hand", "teams one after another")
GREY, BLUE, ORANGE = "#888888", "#3b7dd8", "#d9722e"


@dataclass(frozen=True, kw_only=True)
class _Round:
    """One deal of latencies."""

    all_meet: Course
    """Eight teams that wait for all."""
    quorum: Course
    """Eight teams that wait for six."""
    polled: float
    """Makespan of the released scheme on the same latencies, over ours."""


@dataclass(frozen=True, kw_only=True)
class _Size:
    """A number of teams."""

    teams: int
    equal: Course
    """Where all calls take equally long."""
    spread: Course
    """Where latencies are lognormal."""


def makespan(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.makespan``.

    The bound is made of the times that calls really took, as the rehearsal logged them: of each segment between key
    phases the slowest team, and of each meeting the longest way through its merges. The engine is not asked.

    Parameters
    ----------
    config
        ``makespan_mean_s``, ``makespan_rounds``, ``makespan_teams``; ``peers_python``, ``peers_rounds``.
    streams
        For latencies.
    folder
        For the picture.
    """
    seed = streams.integer("latency") % 2**31
    rounds = []
    for turn in range(config.makespan_rounds):
        rounds.append(asyncio.run(_round(config.makespan_mean_s, seed + turn, streams.child(f"polls {turn}"))))
        folder.record("makespan", ratio=rounds[-1].all_meet.ratio)
    sizes = [asyncio.run(_size(count, config.makespan_mean_s, seed)) for count in sorted(config.makespan_teams)]
    beside: dict[tuple[str, str], list[Outcome]] = {}
    if config.peers_python:
        PEERS.require(config.peers_python)
        beside = run_beside(
            ENGINES, (TEAMS,), config.peers_rounds, config.peers_python, mean_s=config.makespan_mean_s, seed=seed
        )
    return Evidence(
        measurements=(*_of_rounds(rounds, config), *_of_sizes(sizes)),
        tables=(_rounds_table(rounds), _sizes_table(sizes), *((_beside_table(beside),) if beside else ())),
        figures=(folder.figure("makespan", _drawn(rounds, sizes), CAPTION),),
    )


async def _round(mean_s: float, seed: int, streams: Streams) -> _Round:
    latency = Latency.lognormal(mean_s, SIGMA, seed=seed)
    all_meet = await course(_plan(TEAMS), SEGMENTS, latency)
    quorum = await course(_plan(TEAMS, QUORUM), SEGMENTS, latency)
    job = Job("", TEAMS, SEGMENTS, mean_s=mean_s, sigma=SIGMA)
    polled = polled_s(job, all_meet.visits, mean_s / POLLS, streams.generator("merges"))
    return _Round(all_meet=all_meet, quorum=quorum, polled=polled / all_meet.makespan_s)


async def _size(count: int, mean_s: float, seed: int) -> _Size:
    plan = _plan(count)
    return _Size(
        teams=count,
        equal=await course(plan, SEGMENTS, Latency.const(mean_s)),
        spread=await course(plan, SEGMENTS, Latency.lognormal(mean_s, SIGMA, seed=seed)),
    )


def _plan(count: int, quorum: int | None = None) -> Plan:
    return Plan(chain=chain_of(SEGMENTS, quorum=quorum), teams=teams(count), prune=False)


def _of_rounds(rounds: Sequence[_Round], config: Config) -> Iterator[Measurement]:
    ratios = [one.all_meet.ratio for one in rounds]
    yield Measurement(
        name="makespan over the realised bound",
        value=median(ratios),
        low=min(ratios),
        high=max(ratios),
        at_most=1.03,
        timing=True,
        note=f"{TEAMS} teams, {sum(SEGMENTS)} phases, two key phases with groups of 2; lognormal latency, mean "
        f"{config.makespan_mean_s:g} s, sigma {SIGMA:g}; median of {len(rounds)} with extremes; rehearsal: a stated "
        "stand-in, not a language model",
    )
    gaps = [1e3 * gap for one in rounds for gap in one.all_meet.gaps_s]
    yield Measurement(
        name="what a barrier adds",
        value=median(gaps),
        low=min(gaps),
        high=max(gaps),
        at_most=5.0,
        unit="ms",
        timing=True,
        note="from the last team's reply to the first merge, and from the last merge to the last team's next question: "
        f"median of {len(gaps)} with extremes; the released program looks for files once a second",
    )
    yield Measurement(
        name="makespan when six of eight teams are enough, over that of all",
        value=median(one.quorum.makespan_s / one.all_meet.makespan_s for one in rounds),
        timing=True,
        note="the same latencies; a late team keeps its work and meets the others at the next key phase, and the last "
        "two are not waited for in the end",
    )
    yield Measurement(
        name="makespan of the released scheme over ours",
        value=median(one.polled for one in rounds),
        timing=True,
        note="simulated on the same calls of the teams: files are looked for every tenth of a call, and each team "
        "merges all groups by itself, one after the other",
    )


def _of_sizes(sizes: Sequence[_Size]) -> Iterator[Measurement]:
    shares = {one.teams: one.equal.faster / one.teams for one in sizes}
    worst = min(shares, key=shares.__getitem__)
    yield Measurement(
        name="speed-up over teams one after another, for each team",
        value=shares[worst],
        high=max(shares.values()),
        at_least=0.9,
        timing=True,
        note=f"the least of {', '.join(map(str, shares))} teams ({worst}); calls equally long; merges left out on both "
        "sides. With lognormal latency the slowest team of each segment is waited for, whatever the engine: see below",
    )
    best = {one.teams: one.spread.teams_s / (one.spread.bound_s - one.spread.merging_s) for one in sizes}
    kept = {one.teams: one.spread.faster / best[one.teams] for one in sizes}
    least = min(kept, key=kept.__getitem__)
    yield Measurement(
        name="the same with lognormal latency, over the most that the bound leaves",
        value=kept[least],
        at_least=0.9,
        timing=True,
        note=f"the least of the same numbers of teams ({least}); "
        + ", ".join(f"{one.teams} teams {one.spread.faster:.1f} times of {best[one.teams]:.1f}" for one in sizes),
    )


def _rounds_table(rounds: Sequence[_Round]) -> Table:
    return Table(
        title="Eight teams through eight phases",
        columns=("who meets", "makespan over bound", "waiting, share", "makespan, s", "one after another, s"),
        rows=tuple(
            (
                name,
                round(median(one.ratio for one in found), 4) if name == "all" else None,
                round(median(one.waiting for one in found), 3),
                round(median(one.makespan_s for one in found), 3),
                round(median(one.alone_s for one in found), 3),
            )
            for name, found in (
                ("all", [one.all_meet for one in rounds]),
                ("six of eight", [one.quorum for one in rounds]),
            )
        ),
        note="Medians. Waiting: at key phases, merges included, of the makespan, a team. In the published run whose "
        "log is known it was 56 % of all time.",
        timing=True,
    )


def _sizes_table(sizes: Sequence[_Size]) -> Table:
    return Table(
        title="Times faster than teams one after another",
        columns=(
            "teams",
            "calls",
            "equal latency",
            "lognormal latency",
            "the most its bound leaves",
            "waiting, share",
        ),
        rows=tuple(
            (
                one.teams,
                len(one.equal.visits),
                round(one.equal.faster, 2),
                round(one.spread.faster, 2),
                round(one.spread.teams_s / (one.spread.bound_s - one.spread.merging_s), 2),
                round(one.spread.waiting, 3),
            )
            for one in sizes
        ),
        note="Merges left out on both sides. Whoever waits for all waits for the slowest.",
        timing=True,
    )


def _beside_table(beside: dict[tuple[str, str], list[Outcome]]) -> Table:
    name = str(TEAMS)
    return Table(
        title="Eight teams through eight phases, engines side by side",
        columns=("engine", "version", "makespan over ours", "CPU ms a call"),
        rows=tuple(
            (
                engine,
                beside[name, engine][0].version,
                round(
                    median(
                        theirs.makespan_s / own.makespan_s
                        for theirs, own in zip(beside[name, engine], beside[name, "ours"], strict=True)
                    ),
                    3,
                ),
                round(typical(beside[name, engine], "cpu_ms"), 3),
            )
            for engine in ENGINES
        ),
        note="Each run in a process of its own, in turns, medians; the same latencies, but which works a merge has may "
        "differ, so that a few percent mean nothing.",
        timing=True,
    )


CAPTION = (
    "Makespan over the realised bound by deal of latencies (left); times faster than teams one after another, merges "
    "left out (right)."
)


def _drawn(rounds: Sequence[_Round], sizes: Sequence[_Size]) -> Canvas:
    canvas = Canvas(figsize=(7.2, 2.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    left.plot(range(1, len(rounds) + 1), [one.all_meet.ratio for one in rounds], "o", color=BLUE)
    left.axhline(1.03, color="#c1121f", linewidth=1.2)
    left.set(xlabel="deal of latencies", ylabel="makespan over bound", ylim=(0.995, None))
    counts = [one.teams for one in sizes]
    right.plot(counts, counts, color=GREY, linewidth=1)
    right.plot(counts, [one.equal.faster for one in sizes], "o-", color=BLUE, label="equal latency")
    right.plot(counts, [one.spread.faster for one in sizes], "s-", color=ORANGE, label="lognormal latency")
    right.set(xlabel="teams", ylabel="times faster", xscale="log", yscale="log")
    right.legend(frameon=False, labelcolor="linecolor")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    return canvas
