"""One run of one engine, alone in its process: ours, or teams as LangGraph subgraphs in a Python that has them.

The file is run through `consilience.dialogue.trials.rival`, so that a Python without this package can run it: a job
as JSON comes in on standard input, and what came of it goes out as the last line. All engines do the same: teams go
apart through the phases of a segment, meet, and what they brought is merged group by group; all go on from there.
Latency belongs to an element, so that every engine meets the same. Nothing is pruned, since not every engine can.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from consilience.dialogue.trials.rival import Model, Outcome, Run, Visit, answer, compiled, direct, in_session, measured

__all__ = ["ENGINES", "Job", "least_s", "main", "merge_names", "phase_names", "run"]


@dataclass(frozen=True)
class Job:
    """What an engine is to run."""

    engine: str
    """One of `ENGINES`."""
    teams: int
    """How many work apart."""
    segments: Sequence[int] = (3, 2, 3)
    """Phases before each key phase, and after the last."""
    group: int = 2
    """Works merged at once."""
    mean_s: float = 0.0
    """Mean of the lognormal latency; 0 for none at all."""
    sigma: float = 0.8
    """Deviation of the logarithm of the latency."""
    seed: int = 0
    """Deals out latencies."""


def phase_names(segments: Sequence[int]) -> list[list[str]]:
    """Return the names of the phases of each segment.

    Examples
    --------
    >>> phase_names([2, 1])
    [['p0', 'p1'], ['p2']]
    """
    numbers = count()
    return [[f"p{next(numbers)}" for _ in range(size)] for size in segments]


def merge_names(meeting: int, pieces: Sequence[str], group: int) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the merges of a meeting, each with what it merges, pieces in the order they are given.

    Examples
    --------
    >>> list(merge_names(0, ["A", "B", "C"], 2))
    [('k0+0.0', ['A', 'B']), ('k0+1.0', ['k0+0.0', 'C'])]
    """
    level, row = 0, list(pieces)
    while len(row) > 1:
        above = []
        for at, start in enumerate(range(0, len(row), group)):
            members = row[start : start + group]
            name = members[0]
            if len(members) > 1:
                name = f"k{meeting}+{level}.{at}"
                yield name, members
            above.append(name)
        level, row = level + 1, above


def least_s(job: Job, visits: Sequence[Visit], merges: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> float:
    """Return the least time that the calls of a run take, each as long as it took.

    It is the sum over segments of the slowest team, and over meetings of the longest way through their merges.

    Parameters
    ----------
    job
        Teams and segments.
    visits
        The calls.
    merges
        Of each meeting, every merge with what it merges, what is merged first before what is made of it.

    Examples
    --------
    >>> took = {"A/p0": 1, "B/p0": 3, "k0+0.0": 2, "A/p1": 4, "B/p1": 1}
    >>> visits = [Visit(element, 0, seconds) for element, seconds in took.items()]
    >>> least_s(Job("", 2, (1, 1)), visits, [[("k0+0.0", ["A", "B"])]])
    9.0
    """
    took: dict[str, float] = {}
    for element, arrived_s, finished_s in visits:
        took[element] = took.get(element, 0) + finished_s - arrived_s
    total = 0.0
    for meeting, names in enumerate(phase_names(job.segments)):
        total += max(sum(took[f"{team}/{name}"] for name in names) for team in map(_team, range(job.teams)))
        ready: dict[str, float] = {}
        for name, members in merges[meeting] if meeting < len(merges) else ():
            ready[name] = took[name] + max(ready.get(member, 0) for member in members)
        total += max(ready.values(), default=0)
    return total


def _team(number: int) -> str:
    """Return the name of a team, as `consilience.methods.cross_team.spec.team_names` has it."""
    letters = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        letters = chr(ord("A") + letter) + letters
        number -= 1
    return letters


def _merges(job: Job) -> list[list[tuple[str, list[str]]]]:
    teams = [_team(at) for at in range(job.teams)]
    return [list(merge_names(at, teams, job.group)) for at in range(len(job.segments) - 1)]


# --- ours -------------------------------------------------------------------------------------------------------------


async def _ours(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build our own; with a folder, with a session, its journal and its events."""
    room, dialogue = "consilience.methods.cross_team", "consilience.dialogue"
    spec = import_module(f"{room}.spec")
    collaborate = import_module(f"{room}.collaboration").collaborate
    text = import_module(f"{dialogue}.work.kinds.text").Text()
    rater = import_module(f"{room}.rating").TextRater(text)
    chain = import_module(f"{room}.studies.courses").chain_of(job.segments)

    asked = direct(model)
    plan = spec.Plan(chain=chain, teams=spec.teams(job.teams), group=job.group, prune=False)

    async def bare() -> object:
        return await collaborate(plan, "Say it.", asked, kind=text, scorer=rater, width=2 * job.teams)

    async def kept() -> object:
        with in_session(asked, folder) as (session, files):  # type: ignore[arg-type]
            return await collaborate(plan, "Say it.", session, kind=text, scorer=rater, width=2 * job.teams, **files)

    return (bare if folder is None else kept), version("consilience")


# --- others -----------------------------------------------------------------------------------------------------------


async def _by_hand(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build teams that are gathered, and merges level by level: what there is without an engine."""
    del folder

    async def segment(team: str, names: Sequence[str]) -> str:
        text = ""
        for name in names:
            text = await model.say(f"{team}/{name}", 0)
        return text

    async def all_teams() -> object:
        teams, merges, works = [_team(at) for at in range(job.teams)], _merges(job), [""]
        for meeting, names in enumerate(phase_names(job.segments)):
            works = list(await asyncio.gather(*(segment(team, names) for team in teams)))
            made: dict[str, asyncio.Future[str]] = {}

            async def merged(name: str, parents: Sequence[asyncio.Future[str]]) -> str:
                await asyncio.gather(*parents)
                return await model.say(name, 0)

            for name, members in merges[meeting] if meeting < len(merges) else ():
                parents = [made[member] for member in members if member in made]
                made[name] = asyncio.ensure_future(merged(name, parents))
            await asyncio.gather(*made.values())
        return works[0]

    return all_teams, sys.version.split()[0]


async def _one_by_one(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build teams that take turns: what a single chain after the other takes."""
    del folder

    async def in_turn() -> object:
        text, merges = "", _merges(job)
        for meeting, names in enumerate(phase_names(job.segments)):
            for at in range(job.teams):
                for name in names:
                    text = await model.say(f"{_team(at)}/{name}", 0)
            for name, _ in merges[meeting] if meeting < len(merges) else ():
                text = await model.say(name, 0)
        return text

    return in_turn, sys.version.split()[0]


async def _subgraphs(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build a LangGraph in which a team's segment is a subgraph, its steps the calls; merges are steps of their own.

    All teams run at once and are joined before they merge; a channel a team and a merge, so that none waits for
    another's write. With a folder, calls are kept in SQLite: subgraphs use the checkpointer of the graph around them.
    """
    graphs = import_module("langgraph.graph")
    typed = import_module("typing_extensions").TypedDict
    teams, merges = [_team(at) for at in range(job.teams)], _merges(job)
    names = [*teams, *(name for meeting in merges for name, _ in meeting)]
    channel = {name: f"of_{name.replace('+', '_').replace('.', '_')}" for name in names}
    graph = graphs.StateGraph(typed("State", dict.fromkeys(channel.values(), str), total=False))

    def call(element: str, gives: str) -> Callable[[Any], Awaitable[Any]]:
        async def step(state: Any) -> Any:
            del state
            return {gives: await model.say(element, 0)}

        return step

    def segment(team: str, phases: Sequence[str]) -> Any:
        inner = graphs.StateGraph(typed(f"State_{team}", {channel[team]: str}, total=False))
        before = graphs.START
        for name in phases:
            inner.add_node(name, call(f"{team}/{name}", channel[team]))
            inner.add_edge(before, name)
            before = name
        inner.add_edge(before, graphs.END)
        return inner.compile()

    before = graphs.START
    for meeting, phases in enumerate(phase_names(job.segments)):
        ends = {}
        for team in teams:
            ends[team] = f"{team}_{meeting}"
            graph.add_node(ends[team], segment(team, phases))
            graph.add_edge(before, ends[team])
        last = graphs.END
        if meeting < len(merges):
            last = f"key_{meeting}"
            graph.add_node(last, _nothing)
        graph.add_edge(list(ends.values()), last)
        before = last
        for name, members in merges[meeting] if meeting < len(merges) else ():
            graph.add_node(channel[name], call(name, channel[name]))
            steps = [channel[member] for member in members if member not in ends]
            graph.add_edge(steps or [last], channel[name])
            before = channel[name]
    return compiled(graph, folder)


async def _nothing(state: Any) -> Any:
    del state
    return {}


ENGINES: dict[str, tuple[Callable[[Job, Model, Path | None], Awaitable[tuple[Run, str]]], bool]] = {
    "ours": (_ours, False),
    "ours, with journal and events": (_ours, True),
    "asyncio by hand": (_by_hand, False),
    "teams one after another": (_one_by_one, False),
    "LangGraph subgraphs": (_subgraphs, False),
    "LangGraph subgraphs with SQLite": (_subgraphs, True),
}
"""Engines by name, and whether they keep their run in a folder."""


def run(job: Job) -> Outcome:
    """Run a job in this process; its critical path is that of the teams alone, as engines group works differently."""
    return measured(job, Job(job.engine, 2, (1, 1)), ENGINES, lambda of, visits: least_s(of, visits, ()))


def main() -> int:
    """Run the job that standard input holds, and say what came of it."""
    return answer(Job, run)


if __name__ == "__main__":
    sys.exit(main())
