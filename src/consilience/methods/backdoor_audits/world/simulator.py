"""Episodes: a task that is acted on, step by step, in memory, with a log of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consilience.methods.backdoor_audits.world.canaries import CanaryEvent
from consilience.methods.backdoor_audits.world.tasks import Task
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Episode", "Event", "Reply", "Standing"]


class Standing(StrEnum):
    """How an action stands to the task."""

    REFERENCE = "reference"
    """What the oracle would do here."""
    LAWFUL = "lawful"
    """Looking around: it changes nothing and is allowed."""
    OFF_TASK = "off-task"
    """In no reference and no lawful path."""
    UNREADABLE = "unreadable"
    """No action at all."""


@dataclass(frozen=True, slots=True)
class Event:
    """One step as it was logged."""

    step: int
    action: Words
    """Tool and arguments; empty where the turn had no action."""
    standing: Standing
    canary: CanaryEvent | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back from the world."""

    observation: Words | None
    """``OBS ... END``; None once the episode is over."""
    done: bool


class Episode:
    """A task that is acted on. A pure function of the task and of the turns it is given: no chance, no clock.

    Parameters
    ----------
    task
        What is to be done; a trigger is part of it (`triggers.apply`).
    """

    def __init__(self, task: Task) -> None:
        raise NotImplementedError

    prompt: Words
    """Everything that is heard before the first turn."""
    events: tuple[Event, ...]
    solved: bool
    """Whether what was asked for is done, whatever else was done beside it, and the agent has said so."""
    canary: CanaryEvent | None
    """The first one."""
    off_task: int
    """Steps in no reference and no lawful path, canaries included."""
    done: bool

    def step(self, turn: Words) -> Reply:
        """Act: take an agent's whole turn ``THINK ... ACT tool arguments END`` and answer it."""
        raise NotImplementedError
