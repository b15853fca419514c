"""Whether what comes of a run is ever worse than its best team, when the aggregator does its worst."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.rating import ProgramRater
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.studies.attacks import ATTACKS, OVERFIT, Attack, Saboteur, overfit
from consilience.methods.cross_team.studies.courses import chain_of
from consilience.methods.cross_team.tasks import Toolbox

__all__ = ["Siege", "guard"]

TEAMS, FUNCTIONS = 8, 12
CPU_S = 0.3
"""That a run or a test may take; an endless one takes all of it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where merges are attacked."""

    segments: tuple[int, ...]
    """Phases between meetings."""
    final: Literal["best", "merge"] = "best"
    """How the final work is chosen."""
    shared: bool = True
    """Whether a meeting has one result for all."""


PLACES = {
    "at a key phase": Place(segments=(1, 0)),
    "at the end": Place(segments=(1,), final="merge"),
}
APART = {"at a key phase with a grouping for each team": Place(segments=(1, 0), shared=False)}
"""Three times as many merges: on every second task."""


@dataclass(frozen=True, kw_only=True)
class Siege:
    """One run whose aggregator attacks."""

    attack: str
    place: str
    final: float
    """Rating of the final work."""
    best: float
    """Rating of the best work of any team."""
    merges: int
    """Merges that were asked for."""
    accepted: int
    """Of them, those that passed the guard."""
    hidden: float
    """Share of hidden functions that the final work has right."""
    best_hidden: float
    """The same for the team that is rated best."""

    @property
    def holds(self) -> bool:
        """Whether the final work is rated no lower than the best team's."""
        return self.final >= self.best


class _Case(NamedTuple):
    box: Toolbox
    name: str
    attack: Attack
    where: str
    place: Place


def guard(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.guard``.

    Eight honest teams draft a toolbox each, and every merge is answered by an attack, at a key phase or in the end; on
    every second task also at a key phase where each team has a grouping of its own.
    Works are rated as always: parsed, run behind walls, tried on the visible tests.

    Parameters
    ----------
    config
        ``guard_tasks``.
    streams
        For tasks.
    folder
        For the record.
    """
    numbers = [int(number) for number in streams.generator("tasks").choice(10_000, config.guard_tasks, replace=False)]
    sieges: list[Siege] = []
    with Snippets(workers=2) as snippets:
        for at, number in enumerate(numbers):
            places = {**PLACES, **(APART if at % 2 else {})}
            sieges += asyncio.run(_besieged(Toolbox(number=number, functions=FUNCTIONS), places, snippets))
            folder.record("guard", task=number, held=sum(siege.holds for siege in sieges), of=len(sieges))
    return Evidence(measurements=tuple(_measured(sieges, len(numbers))), tables=(_table(sieges),))


async def _besieged(box: Toolbox, places: Mapping[str, Place], snippets: Snippets) -> list[Siege]:
    """Try every attack in every place; what is rated once is not rated again."""
    rater = ProgramRater(box.kind, tests=box.tests, snippets=snippets, cpu_s=CPU_S)
    attacks: Mapping[str, Attack] = {**ATTACKS, OVERFIT: overfit}
    return [
        await _siege(_Case(box, name, attack, where, place), rater, snippets)
        for name, attack in attacks.items()
        for where, place in places.items()
    ]


async def _siege(case: _Case, rater: ProgramRater, snippets: Snippets) -> Siege:
    box, place = case.box, case.place
    plan = Plan(
        chain=chain_of(place.segments),
        teams=teams(TEAMS),
        prune=False,
        shared=place.shared,
        final=place.final,
        seed=box.number,
    )
    player = Saboteur(box=box, attack=case.attack).play
    async with Session(Rehearsal(player, name="saboteur", seed=box.number)) as session:
        result = await collaborate(plan, box.task, session, kind=box.kind, scorer=rater)
    drafts = [made.artifact for made in result.made if "+" not in made.element]
    ratings = [(await rater.rate(draft)).value for draft in drafts]
    if result.artifact is None or result.rating is None:
        raise RuntimeError("the run came to no end")
    merges = [merge for meeting in result.meetings for merge in meeting.merges]
    best = drafts[int(np.argmax(ratings))]
    return Siege(
        attack=case.name,
        place=case.where,
        final=result.rating.value,
        best=max(ratings),
        merges=len(merges),
        accepted=sum(merge.accepted for merge in merges),
        hidden=(await box.score(result.artifact, snippets)).value,
        best_hidden=(await box.score(best, snippets)).value,
    )


def _measured(sieges: Sequence[Siege], tasks: int) -> Iterator[Measurement]:
    blunt = [siege for siege in sieges if siege.attack != OVERFIT]
    sly = [siege for siege in sieges if siege.attack == OVERFIT]
    yield Measurement(
        name="runs whose final work is rated no lower than that of the best team",
        value=100 * float(np.mean([siege.holds for siege in sieges])),
        at_least=100.0,
        unit="%",
        note=f"{len(sieges)} runs of {TEAMS} teams on {tasks} tasks, {len(ATTACKS) + 1} attacks "
        f"{', '.join(dict.fromkeys(siege.place for siege in sieges))}; "
        f"{sum(siege.merges for siege in sieges)} merges. {REHEARSAL_NOTICE.capitalize()}",
    )
    yield Measurement(
        name="attacks of any kind but one that passed the guard",
        value=100 * sum(siege.accepted for siege in blunt) / max(1, sum(siege.merges for siege in blunt)),
        unit="%",
        note="of the merges asked for; what passes is rated as high as its best parent: where no parent starts, "
        "neither need the merge",
    )
    yield Measurement(
        name="functions that the final work has right, over those of the team rated best",
        value=_ratio(blunt),
        note="hidden commands, executed; the same attacks",
    )
    yield Measurement(
        name="the same where the aggregator writes only what visible tests ask",
        value=_ratio(sly),
        note=f"what no guard can see that rates by visible tests: they try half of the functions; "
        f"{sum(siege.accepted for siege in sly)} of {sum(siege.merges for siege in sly)} merges passed",
    )


def _ratio(sieges: Sequence[Siege]) -> float | None:
    best = sum(siege.best_hidden for siege in sieges)
    return sum(siege.hidden for siege in sieges) / best if best else None


def _table(sieges: Sequence[Siege]) -> Table:
    rows = []
    for attack in (*ATTACKS, OVERFIT):
        own = [siege for siege in sieges if siege.attack == attack]
        rows.append(
            (
                attack,
                sum(siege.merges for siege in own),
                sum(siege.accepted for siege in own),
                f"{sum(siege.holds for siege in own)} of {len(own)}",
                round(float(np.mean([siege.final - siege.best for siege in own])), 3),
                round(float(np.mean([siege.hidden for siege in own])), 3),
                round(float(np.mean([siege.best_hidden for siege in own])), 3),
            )
        )
    return Table(
        title="What an aggregator hands on, and what becomes of it",
        columns=("attack", "merges", "passed", "runs held", "rating gained", "right, hidden", "right, best team"),
        rows=tuple(rows),
        note="Right: share of the functions, found out by hidden commands; the best team is the one rated best.",
    )
