"""The swap: what people know of each other is changed about among them, so that answers have to follow the data.

Who answers from anything else than messages - from a name, from the question, from a key - answers as before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from consilience.methods.social_agents.grammar import find, label_and_person
from consilience.methods.social_agents.references import shared_memory
from consilience.methods.social_agents.scoring import normal
from consilience.methods.social_agents.worlds.people import World

__all__ = ["swapped"]


def swapped(world: World, rng: np.random.Generator) -> World:
    """Return a world in which each fact that a task may need is another person's, with the tasks whose answers change.

    Among all who state a fact of a kind, facts are handed on around a circle drawn at random, in every message that
    states them; nothing else is changed. The new answers are what the messages of the whole new world say.

    Parameters
    ----------
    world
        With tasks.
    rng
        For the circles.
    """
    numbers = range(len(world.messages))
    said = list(world.said(numbers))
    texts = [text for _, text in said]
    for label in sorted(
        {who[0] for task in world.tasks for slot in task.slots if (who := label_and_person(slot.text))}
    ):
        stated = find(label, said)
        value_of = {one.person: one.value for one in stated}
        circle = [sorted(value_of)[at] for at in rng.permutation(len(value_of))]
        given = {person: value_of[circle[at - 1]] for at, person in enumerate(circle)}
        for one in stated:
            texts[one.line] = texts[one.line].replace(one.value, given[one.person], 1)
    other = replace(world, messages=tuple(replace(line, text=texts[at]) for at, line in enumerate(world.messages)))
    answers = shared_memory(other)
    held: dict[str, str] = defaultdict(str, {name: answer for name, answer in answers.items() if answer})
    changed = (task for task in world.tasks if held[task.id] and normal(held[task.id]) != normal(task.answer))
    return replace(other, tasks=tuple(replace(task, answer=held[task.id], aliases=()) for task in changed))
