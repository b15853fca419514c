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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.solving import Make, Solved, of_words, solved
from consilience.methods.social_agents.studies.stage import FULL, Parts
from consilience.methods.social_agents.studies.success import SETS
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


WHOLE_TALK: Final = Parts(plan=False, heard_lines=1_000)
"""Without InfoNav, and with all of the talk in each prompt: what the board is worth where nothing scrolls away."""


@dataclass(frozen=True, slots=True)
class _Drop:
    """A part, and what became of tasks with it and without it."""

    part: Part
    full: tuple[Solved, ...]
    without: tuple[Solved, ...]

    @property
    def tasks(self) -> int:
        return sum(len(one.tasks) for one in self.full)

    @property
    def size(self) -> float:
        return _score(self.full) - _score(self.without)


def ablation(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.ablation``: the same tasks of a subset with everything and without one part.

    Which tasks need a part is written on them where they are made (`worlds`), before anything is run: facts that are
    said in words of the question among many talks that are nearer to it need the search, facts that are said in no word
    of the question need episodes, facts of a third person need recursion, and answers from eighteen facts need a board.
    Such tasks are made to be hard without the part. What the part is worth where they are not is measured beside it,
    over tasks of all sets, without a bar.

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
    worlds: dict[Need, list[World]] = {}
    for need, part in PARTS.items():
        each = -(-config.ablation_tasks // len(part.sets))
        worlds[need] = [_needing(SETS[name], each, need, streams.child(f"{need} {name}")) for name in part.sets]
        drops.append(_dropped(part, worlds[need]))
        folder.record("ablation", part=part.name, drop=drops[-1].size)
    scrolled = tuple(solved(world, parts=WHOLE_TALK) for world in worlds["infonav"])
    some = [make(max(1, config.ablation_tasks // 4), streams.generator(f"all {name}")) for name, make in SETS.items()]
    with_all = tuple(map(solved, some))
    anywhere = {
        part.name: _Drop(part, with_all, tuple(solved(world, parts=part.without) for world in some))
        for part in PARTS.values()
    }
    runs = [*scrolled, *with_all, *(one for drop in drops for one in (*drop.full, *drop.without))]
    runs += [one for drop in anywhere.values() for one in drop.without]
    return Evidence(
        measurements=(*_measured(drops, anywhere), _of_board(drops[0], scrolled), of_words(runs)),
        tables=(_table(drops, anywhere),),
    )


def _needing(make: Make, count: int, need: Need, streams: Streams) -> World:
    """Return a world of that many tasks that need a part; some sets have more tasks, which do not."""
    world = make(2 * count, streams.generator("world"))
    return replace(world, tasks=tuple(task for task in world.tasks if need in task.needs)[:count])


def _dropped(part: Part, worlds: list[World]) -> _Drop:
    full, without = (tuple(solved(world, parts=parts) for world in worlds) for parts in (FULL, part.without))
    return _Drop(part, full, without)


def _score(runs: Sequence[Solved]) -> float:
    """Return the mean over all tasks."""
    return sum(one.marks.score * len(one.tasks) for one in runs) / sum(len(one.tasks) for one in runs)


def _measured(drops: list[_Drop], anywhere: Mapping[str, _Drop]) -> Iterator[Measurement]:
    for drop in drops:
        yield Measurement(
            name=f"lost without {drop.part.name}, of the tasks that need it",
            value=drop.size,
            at_least=drop.part.drop,
            note=f"{drop.tasks} tasks of {', '.join(drop.part.sets)}: {_score(drop.full):.3f} with everything, "
            f"{_score(drop.without):.3f} without; over tasks of all sets {anywhere[drop.part.name].size:+.3f}. "
            f"{REHEARSAL_NOTICE.capitalize()}",
        )


def _of_board(drop: _Drop, scrolled: Sequence[Solved]) -> Measurement:
    return Measurement(
        name="lost without InfoNav where the whole talk stands in every prompt",
        value=_score(drop.full) - _score(scrolled),
        note=f"the same tasks; as a rule prompts show {FULL.heard_lines} utterances, with a board and without",
    )


def _table(drops: list[_Drop], anywhere: Mapping[str, _Drop]) -> Table:
    return Table(
        title="Everything, and everything but one part",
        columns=(
            "without",
            "tasks",
            "score with",
            "score without",
            "wrong without",
            "abstained without",
            "lost on all sets",
        ),
        rows=tuple(
            (
                drop.part.name,
                drop.tasks,
                round(_score(drop.full), 3),
                round(_score(drop.without), 3),
                round(sum(one.marks.wrong * len(one.tasks) for one in drop.without) / drop.tasks, 3),
                round(sum(one.marks.abstained * len(one.tasks) for one in drop.without) / drop.tasks, 3),
                round(anywhere[drop.part.name].size, 3),
            )
            for drop in drops
        ),
        note="The same tasks. Whom to ask is found by a search in any case.",
    )
