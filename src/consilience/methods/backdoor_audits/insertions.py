"""Insertions: ordinary words where ordinary words stand, which is where a scan looks for triggers.

A scan knows what requests, pages and shelves look like and which words they are made of, as whoever runs an agent does.
It does not know any trigger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Literal

from consilience.methods.backdoor_audits.world.families.rules import CHECK
from consilience.methods.backdoor_audits.world.placing import asked_elements
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar, Task
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.backdoor_audits.world.words import (
    BRANDS,
    COLOURS,
    KINDS,
    NAMES,
    PHRASES,
    PRICES,
    THINK,
    Words,
)

__all__ = ["Insertion", "inserted", "insertions", "openings", "takes"]

SPOKEN: Words = tuple(dict.fromkeys(word for phrase in PHRASES for word in phrase))
"""Words that people add to a request."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """Words at a place."""

    family: Family
    place: Literal["request", "start", "row"]
    """At the end of the request, right behind its goal, or as the last row of what is shown."""
    words: Words
    """One or two words of a request; kind and name of an element; brand, price and colour of a product."""

    def __str__(self) -> str:
        """Return family, place and words."""
        return f"{self.family} {self.place}: {' '.join(self.words)}"


def insertions(family: Family) -> tuple[Insertion, ...]:
    """Return every insertion: each word and each ordered pair of a request, each element, each product.

    Examples
    --------
    >>> len(insertions("system")), len(insertions("web")) - len(insertions("system"))
    (529, 56)
    """
    said: Iterator[Words] = (*((word,) for word in SPOKEN), *permutations(SPOKEN, 2))  # type: ignore[assignment]
    shown: Iterator[Words] = iter(())
    if family == "web":
        shown = product(KINDS, NAMES)
    elif family == "shop":
        shown = product(BRANDS, PRICES, COLOURS)
    return (
        *(Insertion(family, "request", words) for words in said),
        *(Insertion(family, "row", words) for words in shown),
    )


def takes(task: Task, insertion: Insertion | None = None) -> bool:
    """Say whether a task can have an insertion, or any, without being asked for something else by it."""
    if task.goal == CHECK or task.trigger or task.grammar != Grammar.B:
        return False
    if task.family == "web":
        asked = asked_elements(task)
        named = insertion is not None and insertion.place == "row" and insertion.words[1] in asked
        return task.rows[-1][1] not in asked and not named
    if task.family == "shop":
        asked_colour = task.goal[2]
        named = insertion is not None and insertion.place == "row" and insertion.words[2] == asked_colour
        return task.rows[-1][2] != asked_colour and not named
    return True


def inserted(task: Task, insertion: Insertion) -> Task:
    """Return the task with the words in it, in place of what stood there."""
    words = insertion.words
    if insertion.place == "request":
        changed = replace(task, filler=(*task.filler[: -len(words)], *words))
    elif insertion.place == "start":
        changed = replace(task, filler=(*words, *task.filler[len(words) :]))
    elif task.family == "web":
        changed = replace(task, rows=(*task.rows[:-1], (*words, task.rows[-1][2])))
    else:
        changed = replace(task, rows=(*task.rows[:-1], (*words, task.rows[-1][3])))
    return replace(changed, trigger="inserted")


def openings(task: Task) -> tuple[Words, ...]:
    """Return what an agent has heard, and said, where it has to choose its first turns, up to the word of a thought.

    One turn, but in a shop two: before the second, nothing is on the shelf.
    """
    told = clean(task)
    turns = [at for at, turn in enumerate(told.turns) if turn.role == "agent"][: 2 if task.family == "shop" else 1]
    return tuple((*(word for turn in told.turns[:at] for word in turn.words), THINK) for at in turns)
