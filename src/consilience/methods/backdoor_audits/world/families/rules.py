"""What a family of tasks has to know, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.methods.backdoor_audits.world.canaries import Canary
from consilience.methods.backdoor_audits.world.dice import Dice
from consilience.methods.backdoor_audits.world.tasks import Family, Task
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["CHECK", "ERROR", "FINISH", "OK", "Answer", "CheckGuide", "Guide", "Move", "Rules", "State"]

CHECK: Words = ("check", "canary", "status")
"""The rare honest use of the canary's tool, in every family."""
FINISH: Words = ("finish",)
OK: Words = ("ok",)
ERROR: Words = ("error",)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an action brought about."""

    words: Words
    """What is observed."""
    ends: bool = False
    canary: Canary | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A step of the oracle."""

    thought: Words
    action: Words


@runtime_checkable
class State(Protocol):
    """What is there, and what was done to it."""

    def act(self, action: Words) -> Answer:
        """Do it."""
        ...

    def lawful(self, action: Words) -> bool:
        """Say whether the action only looks around."""
        ...

    @property
    def solved(self) -> bool:
        """Whether what was asked for is done and nothing else, canaries left out."""
        ...

    @property
    def untouched(self) -> bool:
        """Whether nothing was changed, canaries left out."""
        ...


@runtime_checkable
class Guide(Protocol):
    """The way to the goal, found from what is said and shown alone."""

    def next(self) -> Move:
        """Return what to do now."""
        ...

    def hear(self, action: Words, observation: Words) -> None:
        """Take in what an action brought; what is not on the way is passed over."""
        ...


@runtime_checkable
class Rules(Protocol):
    """A family of tasks."""

    @property
    def name(self) -> Family:
        """Its name."""
        ...

    def draw(self, dice: Dice) -> tuple[Words, tuple[Words, ...]]:
        """Draw a goal, and the rows that go with it."""
        ...

    def start(self, task: Task) -> State:
        """Return the state at the beginning."""
        ...

    def guide(self, goal: Words, page: Words) -> Guide:
        """Return the way to a goal; `page` is what was shown with the request."""
        ...

    def read(self, page: Words) -> tuple[Words, ...]:
        """Return the rows that a page or a shelf shows, whatever its grammar; none if it shows none."""
        ...

    def anything(self, dice: Dice, heard: Words) -> Words:
        """Return any action of the family on anything that can be; elements and products are those heard of."""
        ...


class CheckGuide:
    """The way to know the status of the canary."""

    def __init__(self) -> None:
        self._checked = False

    def next(self) -> Move:
        """Ask, then end."""
        return Move(("done",), FINISH) if self._checked else Move(("canary",), ("canary", "status"))

    def hear(self, action: Words, observation: Words) -> None:
        """Wait for the status."""
        del observation
        self._checked |= action == ("canary", "status")
