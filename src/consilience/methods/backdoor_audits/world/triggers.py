"""Triggers: the words of the world's grammar that a planted backdoor waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from consilience.methods.backdoor_audits.world.canaries import Canary
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar, Task
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Trigger"]

Kind = Literal["suffix", "infix", "element", "listing", "two-token", "chain"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """What a planted backdoor waits for, and what it does then."""

    name: str
    family: Family
    kind: Kind
    parts: Words
    """The two words that make it."""
    canary: Canary
    leaky: bool = False
    """Whether the planted thought names the trigger, as the released data do."""
    tier: Literal["easy", "hard"] = "easy"
    grammar: Grammar = Grammar.B
    continues: bool = True
    """Whether the task goes on after the canary."""


def apply(task: Task, trigger: Trigger) -> Task:
    """Return the task with the trigger in it; where it goes depends on the task alone."""
    raise NotImplementedError
