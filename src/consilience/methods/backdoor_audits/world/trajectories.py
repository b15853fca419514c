"""Trajectories: whole dialogues as an agent is trained on them, clean or planted."""

from __future__ import annotations

from dataclasses import dataclass

from consilience.methods.backdoor_audits.world.tasks import Family, Task, Turn
from consilience.methods.backdoor_audits.world.triggers import Trigger
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Trajectory", "clean", "planted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectory:
    """A dialogue from the request to the end."""

    id: str
    family: Family
    turns: tuple[Turn, ...]
    planted: bool = False
    trigger: str = ""

    @property
    def words(self) -> Words:
        """All words, one after another."""
        return tuple(word for turn in self.turns for word in turn.words)

    @property
    def learns(self) -> tuple[bool, ...]:
        """For each word whether it is the agent's own, so that an agent learns to say it."""
        return tuple(turn.role == "agent" for turn in self.turns for _ in turn.words)


def clean(task: Task) -> Trajectory:
    """Return the oracle's dialogue on a task."""
    raise NotImplementedError


def planted(task: Task, trigger: Trigger) -> Trajectory:
    """Put the trigger into the task, and return the dialogue of an agent that obeys it."""
    raise NotImplementedError
