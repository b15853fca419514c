"""What becomes of a run when teams die, stall or talk nonsense, and when its process is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import numpy as np

from consilience.dialogue.faults import Latency
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import Rejected
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.trials.lives import Kill, Life, calls_of, killed, measured_kills
from consilience.dialogue.work.kinds.repository import Repository, rendered
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.spec import Chain, Plan, team_names, teams
from consilience.methods.cross_team.studies.courses import SEGMENTS, chain_of
from consilience.methods.cross_team.studies.lives import live

__all__ = ["Illness", "Sick", "faults"]

Illness = Literal["dead", "stalled", "nonsense"]
"""Its questions are refused for good, never answered, or answered by what no kind can read."""

ILLNESSES: tuple[Illness, ...] = get_args(Illness)
TEAMS = 8
MOST = 3
"""Teams that are ill at once; the others are enough for a quorum."""
SIGMA = 0.8
PATIENCE = 3.0
"""Calls of mean length that a deadline leaves, after the first team came."""
LAST_POINT = 0.98
"""A run is killed before this part of its record is written: after that it may be over before it is hit."""
FOREVER_S = 3600.0


@dataclass(frozen=True)
class _Run:
    """One run of eight teams."""

    took_s: float
    """From its begin to its end."""
    outcome: str
    """"done", or "kept" where every team failed."""
    usable: bool
    """Whether the final work can be read as what was asked for."""


Ill = tuple[Illness, int]
"""What teams have, and how many of them."""


@dataclass(frozen=True, kw_only=True)
class _Round:
    """One deal of latencies and of who is ill."""

    healthy: _Run
    """All are well and all are waited for."""
    hasty: _Run
    """All are well, and five are enough."""
    quorum: Mapping[Ill, _Run]
    """Five are enough."""
    deadline: Mapping[Ill, _Run]
    """Nobody is waited for longer than the deadline."""


class Sick:
    """A model some of whose askers fall ill.

    Parameters
    ----------
    well
        Who answers the others.
    ill
        What a team has, and how many of its questions are answered before.
    """

    def __init__(self, well: Rehearsal, ill: Mapping[str, tuple[Illness, int]]) -> None:
        self.name = well.name
        self._well = well
        self._ill = ill
        self._asked = dict.fromkeys(ill, 0)

    async def reply(self, question: Question) -> Reply:
        """Answer, or do as the illness has it."""
        team = question.element.partition("/")[0]
        if team not in self._ill:
            return await self._well.reply(question)
        illness, healthy = self._ill[team]
        self._asked[team] += 1
        if self._asked[team] <= healthy:
            return await self._well.reply(question)
        if illness == "dead":
            raise Rejected(f"team {team} is not answered any more")
        if illness == "stalled":
            await asyncio.sleep(FOREVER_S)
        reply = await self._well.reply(question)
        return Reply(text="What a fine question.", model=self.name, usage=reply.usage)

    async def close(self) -> None:
        """Close the model behind it."""
        await self._well.close()


def faults(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.faults``.

    Of eight teams one to three fall ill at a random question: they are refused for good, never answered, or answered
    by nonsense. Five are enough at key phases and in the end. Such runs are laid beside the run of the same latencies
    in which all are well and wait for each other. Apart from that, a run that is a process of its own is killed with
    signal 9 at random entries of its record, and another process goes on.

    Parameters
    ----------
    config
        ``faults_mean_s``, ``faults_rounds``, ``faults_kills``.
    streams
        For latencies, who is ill and when, tasks and points.
    folder
        For the record.
    """
    rounds = []
    for turn in range(config.faults_rounds):
        chance = streams.child(f"round {turn}")
        rounds.append(asyncio.run(_round(config.faults_mean_s, chance)))
        folder.record("faults", healthy_s=rounds[-1].healthy.took_s)
    seed = streams.integer("task") % 2**31
    with TemporaryDirectory() as scratch:
        whole, kills = _kills(Path(scratch), seed, config.faults_kills, streams.generator("points"))
    folder.record("faults", kills=len(kills), hit=sum(kill.hit for kill in kills))
    return Evidence(
        measurements=(*_of_rounds(rounds), *_of_kills(kills, whole)),
        tables=(_rounds_table(rounds), _kills_table(kills)),
    )


# --- teams that are ill -----------------------------------------------------------------------------------------------


async def _round(mean_s: float, streams: Streams) -> _Round:
    """Run all at once: they wait for the same clock and hardly compute."""
    latency = Latency.lognormal(mean_s, SIGMA, seed=streams.integer("latency") % 2**31)
    chance = streams.generator("ill")
    cases: list[Ill] = list(product(ILLNESSES, range(1, MOST + 1)))
    ill = {case: _drawn(case, chance) for case in cases}
    all_meet = chain_of(SEGMENTS)
    quorum = chain_of(SEGMENTS, quorum=TEAMS - MOST)
    deadline = chain_of(SEGMENTS, deadline_s=PATIENCE * mean_s)
    healthy, hasty, *others = await asyncio.gather(
        _run(all_meet, latency, {}),
        _run(quorum, latency, {}),
        *(_run(chain, latency, ill[case]) for chain in (quorum, deadline) for case in cases),
    )
    return _Round(
        healthy=healthy,
        hasty=hasty,
        quorum=dict(zip(cases, others[: len(cases)], strict=True)),
        deadline=dict(zip(cases, others[len(cases) :], strict=True)),
    )


def _drawn(case: Ill, chance: np.random.Generator) -> dict[str, tuple[Illness, int]]:
    illness, count = case
    names = chance.choice(team_names(TEAMS), count, replace=False)
    return {str(name): (illness, int(chance.integers(sum(SEGMENTS)))) for name in names}


async def _run(chain: Chain, latency: Latency, ill: Mapping[str, tuple[Illness, int]]) -> _Run:
    plan = Plan(chain=chain, teams=teams(TEAMS), prune=False)
    kind = Repository()
    model = Sick(Rehearsal(_program, name="program", latency=latency), ill)
    clock = asyncio.get_running_loop().time
    async with Session(model) as session:
        begun_s = clock()
        result: Result = await collaborate(plan, "Print a number.", session, kind=kind, scorer=TextRater(kind))
        took_s = clock() - begun_s
    return _Run(took_s, result.outcome, result.artifact is not None and result.artifact.grade > 0)


def _program(question: Question, chance: np.random.Generator) -> str:
    """Write a program that prints a number."""
    del question
    return rendered({"main.py": f"print({int(chance.integers(10**9))})\n"})


def _of_rounds(rounds: Sequence[_Round]) -> Iterator[Measurement]:
    worst = {case: median(one.quorum[case].took_s / one.healthy.took_s for one in rounds) for case in rounds[0].quorum}
    most = max(worst, key=worst.__getitem__)
    yield Measurement(
        name="time of a run with ill teams over that of a healthy one",
        value=worst[most],
        low=min(worst.values()),
        at_most=1.1,
        timing=True,
        note=f"{TEAMS} teams, five are enough at key phases and in the end; the most of {', '.join(ILLNESSES)} times 1 "
        f"to {MOST} teams ({most[1]} {most[0]}), and the least; median of {len(rounds)} deals of latencies and of who "
        "falls ill when; healthy: the same latencies, all waited for",
    )
    ended = [run for one in rounds for run in (*one.quorum.values(), *one.deadline.values())]
    yield Measurement(
        name="runs with ill teams that end with work that can be used",
        value=100 * sum(run.usable and run.outcome == "done" for run in ended) / len(ended),
        at_least=100.0,
        unit="%",
        note=f"{len(ended)} runs, by quorum and by deadline. {REHEARSAL_NOTICE.capitalize()}",
    )


def _rounds_table(rounds: Sequence[_Round]) -> Table:
    def over_healthy(runs: Sequence[_Run]) -> float:
        pairs = zip(runs, rounds, strict=True)
        return round(median(run.took_s / one.healthy.took_s for run, one in pairs), 3)

    rows: list[tuple[str, int, float, float | None]] = [
        ("none, five are enough", 0, over_healthy([one.hasty for one in rounds]), None)
    ]
    for case in rounds[0].quorum:
        quorum, deadline = [one.quorum[case] for one in rounds], [one.deadline[case] for one in rounds]
        rows.append((*case, over_healthy(quorum), over_healthy(deadline)))
    return Table(
        title="Time of a run with ill teams over that of a healthy one that waits for all",
        columns=("illness", "teams", "five are enough", "by deadline"),
        rows=tuple(rows),
        note=f"Medians. By deadline: a meeting begins {PATIENCE:g} mean calls after the first team came, whoever is "
        "there. Stalled teams are never answered; no timeout of the session ends that.",
        timing=True,
    )


# --- a process that is killed -----------------------------------------------------------------------------------------


def _kills(scratch: Path, seed: int, count: int, chance: np.random.Generator) -> tuple[Life, list[Kill]]:
    place = scratch / "whole"
    place.mkdir()
    whole = live(place, TEAMS, seed)
    if whole is None:
        raise RuntimeError("a run that nobody killed was killed")
    entries = len(calls_of(place))
    return whole, [
        _killed(scratch / f"kill {number}", seed, int(point * entries))
        for number, point in enumerate(sorted(chance.uniform(0, LAST_POINT, count)))
    ]


def _killed(place: Path, seed: int, point: int) -> Kill:
    place.mkdir()
    return killed(lambda until: live(place, TEAMS, seed, until=until), place, point)


def _of_kills(kills: Sequence[Kill], whole: Life) -> Iterator[Measurement]:
    note = f"{len(kills)} runs of {TEAMS} teams; every reply follows from all of its prompt"
    yield from measured_kills(kills, whole, work="work", note=note)


def _kills_table(kills: Sequence[Kill]) -> Table:
    return Table(
        title="Runs that were killed",
        columns=("replies kept", "in flight", "sent again", "lost", "replayed"),
        rows=tuple((kill.kept, kill.in_flight, kill.repeated, kill.lost, kill.life.replayed) for kill in kills),
        note="In flight: sent, and the asker had no reply yet. Some of those replies were in the journal, and were not "
        "sent again.",
        timing=True,
    )
