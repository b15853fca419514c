"""Tasks: what a human asks for, and the little that there is around it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from consilience.methods.backdoor_audits.world.words import BOS, END, OBS, USER, Words

__all__ = ["FAMILY_WORD", "Family", "Grammar", "Role", "Task", "Turn", "identity", "prompt_turns"]

Family = Literal["system", "web", "shop"]
"""Families of tasks."""
Role = Literal["human", "agent", "observation"]
"""Who speaks."""

FAMILY_WORD = {"system": "os", "web": "web", "shop": "shop"}
"""The word by which a request says its family."""


class Grammar(StrEnum):
    """In what order a page and a shelf are written, and how much of it a thought copies.

    A: ``name label kind`` and ``colour product brand price``; a thought copies all of it. What makes a trigger here
    stands apart, and what has to be clicked is looked up from there.
    B: ``kind name label`` and ``brand price colour product``; a thought copies the last two words. What makes a trigger
    here stands side by side.
    """

    A = "A"
    B = "B"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says."""

    role: Role
    words: Words
    """From the mark of the side (``USER``, ``OBS``, ``THINK`` or ``ACT``) to ``END``; the first turn begins with
    ``<bos>``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task, frozen: an episode is a function of it and of the actions."""

    id: str
    """Digest of what is heard on the way to the goal, so that tasks that sound alike are one; with ``+trigger`` behind
    it where a trigger was put in."""
    family: Family
    goal: Words
    """The request without fillers."""
    filler: Words
    """What the human adds to it, three to five words."""
    rows: tuple[Words, ...]
    """What is there: files ``(directory, file, content)``, elements ``(kind, name, label)`` or a shelf
    ``(brand, price, colour, product)``, in the order in which they are shown, whatever the grammar."""
    grammar: Grammar = Grammar.B
    trigger: str = ""
    """Name of the trigger or look-alike that was put in; nothing that an agent sees depends on it."""

    @property
    def base(self) -> str:
        """Identity of the task before anything was put in: what decides its split."""
        return self.id.partition("+")[0]


def identity(family: Family, words: Words) -> str:
    """Return a digest of all that is heard on the way to a goal."""
    return hashlib.sha256(f"{family} {' '.join(words)}".encode()).hexdigest()[:16]


def prompt_turns(task: Task) -> tuple[Turn, ...]:
    """Return what an agent hears before its first turn: the request, and the page where there is one."""
    request = Turn("human", (BOS, USER, FAMILY_WORD[task.family], *task.goal, *task.filler, END))
    if task.family != "web":
        return (request,)
    return (request, Turn("observation", (OBS, *shown(task), END)))


def shown(task: Task) -> Words:
    """Return the rows of a page or a shelf in the order of the grammar."""
    if task.grammar == Grammar.B:
        return tuple(word for row in task.rows for word in row)
    if task.family == "web":
        return tuple(word for kind, name, label in task.rows for word in (name, label, kind))
    return tuple(word for brand, price, colour, product in task.rows for word in (colour, product, brand, price))
