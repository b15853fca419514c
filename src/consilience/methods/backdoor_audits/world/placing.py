"""Placing: how words, an element or a listing come into a task, with every length and every count as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.families.web import HIDDEN
from consilience.methods.backdoor_audits.world.fillers import fillers
from consilience.methods.backdoor_audits.world.reserved import LISTINGS, reserved_in
from consilience.methods.backdoor_audits.world.tasks import Task
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["apart", "asked_elements", "asked_listing", "first", "hidden", "last", "listed", "visible"]

_T = TypeVar("_T")


def last(task: Task, words: Words) -> Task:
    """End the request with the words, in place of as many others."""
    rest = _rest(len(task.filler), (), words)
    return replace(task, filler=(*_choice(rest, task, "last"), *words))


def first(task: Task, words: Words) -> Task:
    """Put the words between the goal and the rest of the filler, in place of as many others."""
    rest = _rest(len(task.filler), words, ())
    return replace(task, filler=(*words, *_choice(rest, task, "first")))


def apart(task: Task, one: Words, other: Words) -> Task:
    """Begin the filler with one, end it with the other, and keep at least a word between them."""
    rest = _rest(len(task.filler), one, other)
    return replace(task, filler=(*one, *_choice(rest, task, "apart"), *other))


@lru_cache(maxsize=256)
def _rest(length: int, before: Words, after: Words) -> tuple[Words, ...]:
    """Return what may stand between so that the filler has its length and no reserved pair but those put in."""
    meant = reserved_in(before) | reserved_in(after) | (reserved_in((*before, *after)) if before and after else set())
    lines = fillers(length - len(before) - len(after))
    return tuple(line for line in lines if reserved_in((*before, *line, *after)) <= meant)


def hidden(task: Task, name: str) -> Task:
    """Give the name to one of the hidden elements; whatever had it before takes the other's."""
    at = _choice([at for at, row in enumerate(task.rows) if row[0] == HIDDEN], task, "hidden")
    return _renamed(task, at, name)


def visible(task: Task, name: str) -> Task:
    """Give the name to a visible element that is not asked for; whatever had it before takes the other's."""
    asked = asked_elements(task)
    free = [at for at, row in enumerate(task.rows) if row[0] != HIDDEN and row[1] not in asked]
    return _renamed(task, _choice(free, task, "visible"), name)


def listed(task: Task, brand: str, price: str, colour: str | None = None) -> Task:
    """Make one of the products that are not asked for one of this brand, price and colour.

    Where another has one of them already it takes what this one had, so that the words on the shelf stay the same.

    Parameters
    ----------
    task
        A task of the shop.
    brand, price
        What the product becomes.
    colour
        What colour it gets; None to leave it.
    """
    asked = asked_listing(task)
    at = _choice([at for at, row in enumerate(task.rows) if row[3] != asked], task, "listed")
    rows = [list(row) for row in task.rows]
    for place, value in enumerate((brand, price, colour)):
        if value is None or value == rows[at][place]:
            continue
        other = _giver(rows, at, place, value, asked)
        if other is not None:
            rows[other][place] = rows[at][place]
        rows[at][place] = value
    return replace(task, rows=tuple(tuple(row) for row in rows))


def _giver(rows: Sequence[Sequence[str]], at: int, place: int, value: str, asked: str) -> int | None:
    """Return a product that has the value and may take the other's: not what is asked for, nor into a reserved pair."""
    for other, row in enumerate(rows):
        if other == at or row[place] != value or row[3] == asked:
            continue
        after = [*row[:place], rows[at][place], *row[place + 1 :]]
        if tuple(after[:2]) not in LISTINGS:
            return other
    return None


def asked_elements(task: Task) -> Words:
    """Return the names of the elements that are asked for."""
    match task.goal:
        case ("open", name):
            return (name,)
        case ("type", _, _, name, _, _, other):
            return (name, other)
    return ()


def asked_listing(task: Task) -> str:
    """Return the product that is asked for; empty where none is."""
    if task.goal[0] != "buy":
        return ""
    return next(row[3] for row in task.rows if row[2] == task.goal[2])


def _renamed(task: Task, at: int, name: str) -> Task:
    kind, old, label = task.rows[at]
    rows = [(row[0], old, row[2]) if row[1] == name else row for row in task.rows]
    rows[at] = (kind, name, label)
    return replace(task, rows=tuple(rows))


def _choice(choices: Sequence[_T], task: Task, what: str) -> _T:
    """Choose by the task alone, so that a trigger is in the same place whenever it is put in."""
    if not choices:
        raise InvalidInput(f"task {task.id} has no place for what is to be put in ({what}); draw tasks that are suited")
    digest = hashlib.sha256(f"{task.base}/{what}".encode()).digest()
    return choices[int.from_bytes(digest[:6], "little") % len(choices)]
