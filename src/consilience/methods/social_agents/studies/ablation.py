"""What each part of the method is worth: it is switched off, and the tasks that need it are run again.

============= ========================================================================================================
without       is
============= ========================================================================================================
InfoNav       no board in any prompt, and the answer from the last utterances; all of memory is there
clear memory  no search by words for prompts; episodes are recalled as before
fuzzy memory  no recall of episodes; the search is as before
recursion     nobody else is asked; the two talk as before
============= ========================================================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.scoring import Summary, summary
from consilience.methods.social_agents.studies.stage import FULL, Parts, Stage, player
from consilience.methods.social_agents.studies.success import SETS, Make
from consilience.methods.social_agents.worlds.people import Need, World

__all__ = ["PARTS", "Part", "ablation"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the method."""

    name: str
    without: Parts
    sets: tuple[str, ...]
    """Where its tasks are from."""
    drop: float
    """What is lost at least without it."""


PARTS: Final[Mapping[Need, Part]] = {
    "infonav": Part("InfoNav", Parts(plan=False), ("schedule-medium", "schedule-hard"), 0.30),
    "clear": Part("clear memory", Parts(clear=False), ("needle-1", "needle-2"), 0.40),
    "fuzzy": Part("fuzzy memory", Parts(fuzzy=False), ("friends",), 0.25),
    "recursion": Part("recursion", Parts(recursion=False), ("needle-3",), 0.60),
}
"""Parts by what tasks say that they need."""


@dataclass(frozen=True, slots=True)
class _Drop:
    """A part, and the marks with it and without it."""

    part: Part
    tasks: int
    full: Summary
    without: Summary

    @property
    def size(self) -> float:
        return self.full.score - self.without.score


def ablation(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.ablation``: the same tasks of a subset with everything and without one part.

    Parameters
    ----------
    config
        ``ablation_tasks``.
    streams
        For the worlds.
    folder
        For the record.
    """
    drops = []
    for need, part in PARTS.items():
        each = -(-config.ablation_tasks // len(part.sets))
        worlds = [_needing(SETS[name], each, need, streams.child(f"{need} {name}")) for name in part.sets]
        drops.append(_dropped(part, worlds))
        folder.record("ablation", part=part.name, drop=drops[-1].size)
    return Evidence(measurements=tuple(_measured(drops)), tables=(_table(drops),))


def _needing(make: Make, count: int, need: Need, streams: Streams) -> World:
    """Return a world of that many tasks that need a part; some sets have more tasks, which do not."""
    world = make(2 * count, streams.generator("world"))
    return replace(world, tasks=tuple(task for task in world.tasks if need in task.needs)[:count])


def _dropped(part: Part, worlds: list[World]) -> _Drop:
    tasks = [task for world in worlds for task in world.tasks]
    full, without = (
        {name: answer for world in worlds for name, answer in _answers(world, parts).items()}
        for parts in (FULL, part.without)
    )
    return _Drop(part, len(tasks), summary(tasks, full), summary(tasks, without))


def _answers(world: World, parts: Parts) -> dict[str, str | None]:
    async def all_of_them() -> dict[str, str | None]:
        async with Session(player()) as session:
            with Stage(world, session, parts=parts) as stage:
                return {name: one.answer for name, one in (await stage.solve_all(world.tasks)).items()}

    return asyncio.run(all_of_them())


def _measured(drops: list[_Drop]) -> Iterator[Measurement]:
    for drop in drops:
        yield Measurement(
            name=f"lost without {drop.part.name}, of the tasks that need it",
            value=drop.size,
            at_least=drop.part.drop,
            note=f"{drop.tasks} tasks of {', '.join(drop.part.sets)}: {drop.full.score:.3f} with everything, "
            f"{drop.without.score:.3f} without. {REHEARSAL_NOTICE.capitalize()}",
        )


def _table(drops: list[_Drop]) -> Table:
    return Table(
        title="Everything, and everything but one part",
        columns=("without", "tasks", "score with", "score without", "wrong without", "abstained without"),
        rows=tuple(
            (
                drop.part.name,
                drop.tasks,
                *(
                    round(value, 3)
                    for value in (drop.full.score, drop.without.score, drop.without.wrong, drop.without.abstained)
                ),
            )
            for drop in drops
        ),
        note="The same tasks. Whom to ask is found by a search in any case.",
    )
