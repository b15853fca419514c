"""How many merges a meeting asks for, and whether groups and lineage follow from the seed alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from consilience.dialogue.faults import Latency
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.text import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.aggregation import Meeting
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.guard import Candidate, Merged
from consilience.methods.cross_team.partition import RESERVE, groups, packed
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.stand_ins import Programmer
from consilience.methods.cross_team.studies.courses import chain_of
from consilience.methods.cross_team.tasks import Toolbox

__all__ = ["Calls", "broken_rules", "merges"]

LARGEST = 16
"""Teams of the largest meeting that is counted."""
GROUPS = (2, 3, 4, 8)
ORIGINAL = (8, 4)
"""Teams and group of the published run whose log is known: three merges in each of eight teams."""
SEEDS = 20
"""Groupings over which calls without a shared result are averaged."""
MOST, LARGEST_GROUP = 64, 8
BUDGET = 8000
"""Tokens of a prompt and its reply, for groups that are packed by size."""
LATENCY = (0.002, 1.0)
TEAMS, FUNCTIONS = 8, 6


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Merges that a meeting asked for."""

    teams: int
    group: int
    shared: int
    """With one result for all."""
    own: float
    """With a grouping for each team, groups that two share merged once; the mean over seeds."""

    @property
    def formula(self) -> int:
        """What one result for all takes."""
        return merge_calls(self.teams, self.group)

    @property
    def original(self) -> int:
        """What every team took that merged by itself, groups that two share merged twice."""
        return self.teams * self.formula


def merges(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.merges``.

    Meetings are held with teams that are there at once and an aggregator that counts; partitions are drawn and looked
    at; a run of teams on a toolbox is repeated under other latencies and another seed.

    Parameters
    ----------
    config
        ``merges_partitions``, ``merges_latencies``.
    streams
        For partitions and seeds.
    folder
        For the record.
    """
    calls = asyncio.run(_calls())
    broken = _partitions(config.merges_partitions, streams.generator("partitions"))
    seed = streams.integer("lineage") % 2**31
    lineages = asyncio.run(_lineages([(seed, number) for number in range(config.merges_latencies)]))
    others = asyncio.run(_lineages([(seed + 1, 0)]))
    folder.record("merges", calls=len(calls), broken=broken, lineages=len(set(lineages)))
    return Evidence(
        measurements=(*_of_calls(calls), *_of_partitions(broken, config), *_of_lineages(lineages, others)),
        tables=(_table(calls),),
    )


# --- calls ------------------------------------------------------------------------------------------------------------


async def _calls() -> list[Calls]:
    found = []
    for group in GROUPS:
        for count in range(1, LARGEST + 1):
            shared = await _counted(count, group, shared=True, seed=0)
            own = [await _counted(count, group, shared=False, seed=seed) for seed in range(SEEDS)]
            found.append(Calls(teams=count, group=group, shared=shared, own=float(np.mean(own))))
    return found


async def _counted(count: int, group: int, *, shared: bool, seed: int) -> int:
    """Hold a meeting, and return how often an aggregator was asked."""
    asked: list[str] = []

    async def merge(element: str, parents: Sequence[Candidate], after: tuple[str, ...]) -> Merged:
        asked.append(element)
        return Merged(Artifact(f"{element} of {' '.join(parent.name for parent in parents)}"), after)

    chain = chain_of((1, 1))
    plan = Plan(chain=chain, teams=teams(count), group=group, prune=False, shared=shared, seed=seed)
    meeting = Meeting(chain.keys[0], plan, kind=Text(), rater=TextRater(Text()), merge=merge)
    await asyncio.gather(*(meeting.meet(team.name, Artifact(f"by {team.name}")) for team in plan.teams))
    return len(asked)


def _of_calls(calls: Sequence[Calls]) -> Iterator[Measurement]:
    published = next(one for one in calls if (one.teams, one.group) == ORIGINAL)
    yield Measurement(
        name="merge calls of a meeting of 8 teams in groups of 4",
        value=published.shared,
        at_least=3,
        at_most=3,
        note=f"one result for all; every team merging by itself, as the released program does, takes "
        f"{published.original}",
    )
    yield Measurement(
        name="meetings that ask for exactly the merges of the formula",
        value=100 * float(np.mean([one.shared == one.formula for one in calls])),
        at_least=100.0,
        unit="%",
        note=f"1 to {LARGEST} teams in groups of {', '.join(map(str, GROUPS))}; nothing is pruned and no two works are "
        "equal: both ask for fewer",
    )
    yield Measurement(
        name="merge calls of 8 teams in groups of 4 with a grouping for each team",
        value=published.own,
        at_most=float(published.original),
        note=f"mean over {SEEDS} seeds; a group that two teams share is merged once",
    )


def _table(calls: Sequence[Calls]) -> Table:
    return Table(
        title="Merge calls of a meeting",
        columns=("teams", "group", "formula", "one result for all", "a grouping a team", "original"),
        rows=tuple(
            (one.teams, one.group, one.formula, one.shared, round(one.own, 1), one.original)
            for one in calls
            if one.teams in (2, 4, 8, LARGEST)
        ),
        note="Original: each team merges by itself, and nothing is remembered.",
    )


# --- partitions -------------------------------------------------------------------------------------------------------


def broken_rules(parts: Sequence[Sequence[int]], count: int, group: int) -> list[str]:
    """Return which rules of a partition are broken.

    Examples
    --------
    >>> broken_rules([(0, 2), (1,)], 3, 2), broken_rules([(0, 1, 2), (2,)], 3, 2)
    ([], ['each in one group', 'groups within their size'])
    """
    rules = {
        "each in one group": sorted(member for part in parts for member in part) == list(range(count)),
        "groups within their size": all(1 <= len(part) <= group for part in parts),
    }
    return [rule for rule, is_kept in rules.items() if not is_kept]


def _partitions(count: int, chance: np.random.Generator) -> int:
    """Return how many of so many random partitions break a rule."""
    return sum(bool(_drawn_rules(number, chance) + _packed_rules(chance)) for number in range(count))


def _drawn_rules(number: int, chance: np.random.Generator) -> list[str]:
    count, group = int(chance.integers(1, MOST + 1)), int(chance.integers(2, LARGEST_GROUP + 1))
    broken, asked, left = [], 0, count
    one, other = np.random.default_rng(number), np.random.default_rng(number)
    while True:
        parts = groups(left, group, one)
        broken += broken_rules(parts, left, group)
        if parts != groups(left, group, other):
            broken.append("the same seed, the same groups")
        asked += sum(len(part) > 1 for part in parts)
        if len(parts) != -(-left // group):
            broken.append("as few groups as can be")
        left = len(parts)
        if left == 1:
            return broken if asked == merge_calls(count, group) else [*broken, "merges of the formula"]


def _packed_rules(chance: np.random.Generator) -> list[str]:
    group = int(chance.integers(2, LARGEST_GROUP + 1))
    sizes = np.ceil(chance.lognormal(6, 1.2, int(chance.integers(1, MOST + 1)))).astype(int).tolist()
    parts = packed(sizes, group, BUDGET)
    own = [[sizes[member] for member in part] for part in parts if len(part) > 1]
    within = all(sum(part) + RESERVE * max(part) <= BUDGET for part in own)
    return broken_rules(parts, len(sizes), group) + ([] if within else ["prompts within the budget"])


def _of_partitions(broken: int, config: Config) -> Iterator[Measurement]:
    yield Measurement(
        name="partitions that break a rule",
        value=broken,
        at_most=0.0,
        note=f"of {config.merges_partitions:,} drawn from seeds, all levels of each, and as many packed by size: each "
        f"candidate in exactly one group, groups within their size, 1 to {MOST} candidates in groups of 2 to "
        f"{LARGEST_GROUP}, prompts within {BUDGET:,} tokens, the merges of the formula",
    )


# --- lineage ----------------------------------------------------------------------------------------------------------


async def _lineages(runs: Sequence[tuple[int, int]]) -> list[str]:
    """Return the digest of the lineage for each seed of the plan and of the latencies."""
    return list(await asyncio.gather(*(_lineage(*run) for run in runs)))


async def _lineage(seed: int, latencies: int) -> str:
    box = Toolbox(number=1, functions=FUNCTIONS)
    plan = Plan(chain=chain_of((2, 1, 1)), teams=teams(TEAMS), prune=False, final="merge", seed=seed)
    latency = replace(Latency.lognormal(*LATENCY), seed=latencies)
    async with Session(Rehearsal(Programmer().play, name="developer", latency=latency)) as session:
        result = await collaborate(plan, box.task, session, kind=box.kind, scorer=TextRater(box.kind))
    if result.lineage is None:
        raise RuntimeError("the run came to no end")
    return result.lineage.digest


def _of_lineages(lineages: Sequence[str], others: Sequence[str]) -> Iterator[Measurement]:
    yield Measurement(
        name="lineages over all latencies",
        value=len(set(lineages)),
        at_most=1.0,
        note=f"digests of who gave which file and function to which work, {len(lineages)} ways to deal out lognormal "
        f"latencies to {TEAMS} teams of a rehearsal; {REHEARSAL_NOTICE}",
    )
    yield Measurement(
        name="lineages of two seeds",
        value=len({lineages[0], *others}),
        at_least=2.0,
        note="were there only one, the line above would say nothing",
    )
