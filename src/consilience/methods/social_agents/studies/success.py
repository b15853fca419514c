"""Whether tasks are solved that nobody can solve alone, and what cross-checking is worth where readings go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.concluding import conclude
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.manners import NOISE
from consilience.methods.social_agents.pursuit import Pursuit, PursuitLimits
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State, TalkLimits
from consilience.methods.social_agents.references import REFERENCES, Reference, references
from consilience.methods.social_agents.scoring import Summary, gain, summary
from consilience.methods.social_agents.studies.stage import Stage, player
from consilience.methods.social_agents.worlds.friends import friends_like
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.people import Task, World
from consilience.methods.social_agents.worlds.schedule import schedule

__all__ = ["SETS", "Make", "first_readings", "success"]

Make = Callable[[int, np.random.Generator], World]

SETS: Mapping[str, Make] = {
    "needle-1": lambda count, rng: needle(count, 1, rng),
    "needle-2": lambda count, rng: needle(count, 2, rng),
    "needle-3": lambda count, rng: needle(count, 3, rng),
    "friends": friends_like,
    "schedule-easy": lambda count, rng: schedule("easy", count, rng),
    "schedule-medium": lambda count, rng: schedule("medium", count, rng),
    "schedule-hard": lambda count, rng: schedule("hard", count, rng),
}
"""How the worlds of the sets are made."""

BARRED = ("schedule-easy", "schedule-medium", "schedule-hard")
"""Sets whose tasks join six facts or more: where one or two are joined, a tenth of readings cannot cost .15."""
NOISY = ("needle-2", "friends", *BARRED)


@dataclass(frozen=True, slots=True)
class _Solved:
    """A set and what came of it."""

    tasks: Sequence[Task]
    pursuits: Mapping[str, Pursuit]

    @property
    def marks(self) -> Summary:
        return summary(self.tasks, {name: one.answer for name, one in self.pursuits.items()})

    @property
    def calls(self) -> float:
        return float(np.mean([one.calls for one in self.pursuits.values()]))

    @property
    def plain(self) -> Summary:
        return summary(self.tasks, {task.id: _united(task, self.pursuits[task.id]) for task in self.tasks})


def success(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.success``.

    Everything is in place: memory in a store, the gate with everybody's policy, boards, recursion. Beside each score
    stand a constant answer, what the asker knows alone, talk without a plan, and one memory for all.

    Parameters
    ----------
    config
        ``success_tasks``, ``success_noisy_tasks``.
    streams
        For worlds and misreadings.
    folder
        For the record.
    """
    honest: dict[str, _Solved] = {}
    beside: dict[str, Mapping[Reference, Summary]] = {}
    for name, make in SETS.items():
        world = make(config.success_tasks, streams.generator(name))
        honest[name] = _solved(world)
        beside[name] = references(world)
        folder.record("success", set=name, score=honest[name].marks.score)
    seed = streams.integer("misreadings")
    noisy: dict[str, _Solved] = {}
    unchecked: dict[str, _Solved] = {}
    for name in NOISY:
        world = SETS[name](config.success_noisy_tasks, streams.generator(f"noisy {name}"))
        noisy[name] = _solved(world, "neighbour-noisy", seed)
        unchecked[name] = _solved(world, "neighbour-noisy", seed, limits=PursuitLimits(talk=TalkLimits(support=1)))
        folder.record("success", set=name, noisy=noisy[name].marks.score, union=noisy[name].plain.score)
    return Evidence(
        measurements=(*_of_sets(honest, beside), *_of_noise(noisy)),
        tables=(_sets_table(honest, beside), _noise_table(noisy, unchecked)),
    )


def first_readings(state: State) -> dict[str, str]:
    """Return for each slot, by its text, what either side read or heard first: a union in which nobody cross-checks.

    Parameters
    ----------
    state
        Of a talk; of two sides that read in the same turn, the one that asked counts.
    """
    found: dict[str, Reading] = {}
    boards: tuple[Board, Board] = (state.a, state.b)
    for board in boards:
        for one in board:
            for reading in one.readings:
                if one.text not in found or reading.turn < found[one.text].turn:
                    found[one.text] = reading
    return {text: reading.value for text, reading in found.items()}


def _united(task: Task, pursuit: Pursuit) -> str | None:
    return conclude(task.kind, [slot.text for slot in task.slots], first_readings(pursuit.root.talk.state))


def _solved(world: World, name: str = "neighbour", seed: int = 0, *, limits: PursuitLimits | None = None) -> _Solved:
    async def all_of_them() -> dict[str, Pursuit]:
        async with Session(player(name, seed=seed)) as session:
            with Stage(world, session, limits=limits or PursuitLimits()) as stage:
                return await stage.solve_all(world.tasks)

    return _Solved(world.tasks, asyncio.run(all_of_them()))


def _of_sets(honest: Mapping[str, _Solved], beside: Mapping[str, Mapping[Reference, Summary]]) -> Iterator[Measurement]:
    for name, solved in honest.items():
        yield Measurement(
            name=f"score on {name}",
            value=solved.marks.score,
            at_least=0.95,
            note=f"{len(solved.tasks)} tasks; {_MEASURES.get(name, 'exact or alias')}; honest neighbours. "
            f"{REHEARSAL_NOTICE.capitalize()}",
        )
    for name, marks in beside.items():
        yield Measurement(
            name=f"one memory for all on {name}",
            value=marks["shared-memory"].score,
            at_least=0.99,
            note="what the messages of the whole world say: a set of which this falls short is broken",
        )


_MEASURES = {"schedule-hard": "overlap on 48 half-hours", "schedule-medium": "the exact set"}


def _of_noise(noisy: Mapping[str, _Solved]) -> Iterator[Measurement]:
    many = [noisy[name] for name in BARRED]
    plain = sum(one.plain.score for one in many) / len(many)
    score = sum(one.marks.score for one in many) / len(many)
    yield Measurement(
        name=f"with {NOISE:.0%} of readings mistaken: consensus by code above a plain union",
        value=score - plain,
        at_least=0.15,
        note=f"{score:.3f} against {plain:.3f}, the same talks, sets that join six facts or more; the union takes what "
        "either side read first",
    )
    counts = [(one.marks.wrong * len(one.tasks), len(one.tasks)) for one in noisy.values()]
    yield Measurement(
        name="wrong answers among them",
        value=sum(wrong for wrong, _ in counts) / sum(tasks for _, tasks in counts),
        at_most=0.05,
        note=f"share of all {sum(tasks for _, tasks in counts)} tasks that were answered and not wholly right, "
        f"{', '.join(noisy)}",
    )


def _sets_table(honest: Mapping[str, _Solved], beside: Mapping[str, Mapping[Reference, Summary]]) -> Table:
    rows = []
    for name, solved in honest.items():
        marks = {reference: beside[name][reference].score for reference in REFERENCES}
        own, oracle = marks["own-knowledge"], marks["shared-memory"]
        rows.append(
            (
                name,
                len(solved.tasks),
                round(solved.marks.score, 3),
                round(solved.marks.f1, 3),
                round(solved.marks.abstained, 3),
                *(round(marks[reference], 3) for reference in REFERENCES),
                round(gain(solved.marks.score, own, oracle), 3) if oracle > own else None,
                round(solved.calls, 1),
            )
        )
    return Table(
        title="Scores and what they are to be read beside",
        columns=("set", "tasks", "score", "F1", "abstained", *REFERENCES, "gain over own", "calls a task"),
        rows=tuple(rows),
        note="Honest neighbours. Gain: the part of the way from own knowledge to one memory for all.",
    )


def _noise_table(noisy: Mapping[str, _Solved], unchecked: Mapping[str, _Solved]) -> Table:
    return Table(
        title=f"With {NOISE:.0%} of readings mistaken",
        columns=("set", "tasks", "score", "wrong", "abstained", "plain union", "one reading counts", "calls a task"),
        rows=tuple(
            (
                name,
                len(solved.tasks),
                *(round(value, 3) for value in (solved.marks.score, solved.marks.wrong, solved.marks.abstained)),
                round(solved.plain.score, 3),
                round(unchecked[name].marks.score, 3),
                round(solved.calls, 1),
            )
            for name, solved in noisy.items()
        ),
        note="Plain union: the first that either side read, of the same talks. One reading counts: talks anew, in "
        "which nothing is read a second time.",
    )
