"""Solving: the tasks of a world by everybody's agents, what it took, and whether any reply had words of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consilience.dialogue.session import Session
from consilience.ground import Measurement
from consilience.methods.social_agents.pursuit import Pursuit, PursuitLimits
from consilience.methods.social_agents.scoring import Summary, summary
from consilience.methods.social_agents.studies.stage import FULL, Checked, Parts, Stage, player
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["Make", "Solved", "of_words", "solved"]

Make = Callable[[int, np.random.Generator], World]
"""Makes a world of that many tasks."""


@dataclass(frozen=True, slots=True)
class Solved:
    """Tasks and what came of them."""

    tasks: Sequence[Task]
    pursuits: Mapping[str, Pursuit]
    checked: int
    """Replies that were looked at: all of them."""
    foreign: int
    """Replies with a content word that is in neither their prompt nor the published vocabulary."""

    @property
    def answers(self) -> dict[str, str | None]:
        """Answers by the id of the task."""
        return {name: one.answer for name, one in self.pursuits.items()}

    @property
    def marks(self) -> Summary:
        """Marks of the answers."""
        return summary(self.tasks, self.answers)

    @property
    def calls(self) -> float:
        """Mean calls of a task."""
        return float(np.mean([one.calls for one in self.pursuits.values()]))


def solved(
    world: World, name: str = "neighbour", seed: int = 0, *, parts: Parts = FULL, limits: PursuitLimits | None = None
) -> Solved:
    """Pursue all tasks of a world.

    Parameters
    ----------
    world
        With tasks.
    name, seed
        Of the neighbours who stand in for a model.
    parts
        Of the method.
    limits
        How far a task may go; `PursuitLimits` as they are if None.
    """

    async def all_of_them() -> Solved:
        async with Session(player(name, seed=seed)) as session:
            asks = Checked(session)
            with Stage(world, asks, parts=parts, limits=limits or PursuitLimits()) as stage:
                found = await stage.solve_all(world.tasks)
        return Solved(world.tasks, found, asks.calls, len(asks.foreign))

    return asyncio.run(all_of_them())


def of_words(runs: Sequence[Solved]) -> Measurement:
    """Return the check that no reply of some runs has a word of its own."""
    return Measurement(
        name="replies with a word that is in neither their prompt nor the published vocabulary",
        value=sum(one.foreign for one in runs),
        at_most=0.0,
        note=f"of {sum(one.checked for one in runs):,} replies, all there were",
    )
