"""Needle in the persona: a chain of people who each talk with the next, and a fact that one told the other.

Alice talks with Bob, Bob with Charlie, Charlie with Dave. With one hop, Charlie asks Bob what Alice told him; with two,
Charlie and Bob compare what Dave and Alice told them, even numbers having the same and odd ones different facts; with
three, Dave asks Charlie, who has to ask Bob. Erin, whom Bob and Charlie know, says something else about herself.

Source: the needle sets of InformativeBench, arXiv:2406.14928; texts and three hops are ours.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import QUESTIONS
from consilience.methods.social_agents.grammar import RELATIONS, slot
from consilience.methods.social_agents.sections import asking_for
from consilience.methods.social_agents.worlds.chatter import Writer
from consilience.methods.social_agents.worlds.people import (
    BEGINNING,
    Need,
    Resident,
    SetName,
    Slot,
    Task,
    World,
    residents,
)
from consilience.methods.social_agents.worlds.planting import draw, draw_other, mention, muse, plant

__all__ = ["needle"]

_LABELS = [label for label, relation in RELATIONS.items() if relation.values and not relation.numeric]
_CHAIN = 5
_SETS: tuple[SetName, ...] = ("needle-1", "needle-2", "needle-3")


def needle(n: int, hops: int, rng: np.random.Generator, *, length: int = 60) -> World:
    """Return a world of `n` chains with a task each.

    Parameters
    ----------
    n
        Tasks; each has five people of its own.
    hops
        1: a fact that the partner was told; 2: a comparison of it with one that the asker was told; 3: a fact that
        neither was told, but a contact of the partner.
    rng
        Of the world.
    length
        Messages of small talk in each conversation, after the facts.

    Raises
    ------
    InvalidInput
        If there are no such hops, or no tasks.

    Examples
    --------
    >>> task = needle(2, 2, np.random.default_rng(0)).tasks[0]
    >>> task.set, task.answer, len(task.slots)
    ('needle-2', 'same', 2)
    """
    if hops not in (1, 2, 3) or n < 1:
        raise InvalidInput(f"`hops` must be 1, 2 or 3 and `n` at least 1; got {hops!r} and {n!r}")
    people = residents(n * _CHAIN, rng)
    writer = Writer(rng, f"n{hops}-")
    contacts: list[tuple[str, str]] = []
    tasks = []
    for number in range(n):
        chain = people[number * _CHAIN : (number + 1) * _CHAIN]
        tasks.append(_task(number, hops, chain, writer, length))
        alice, bob, charlie, dave, erin = (one.handle for one in chain)
        contacts += [(alice, bob), (bob, charlie), (charlie, dave), (bob, erin), (charlie, erin)]
    return World(people, tuple(contacts), tuple(writer.chats), tuple(writer.lines), tuple(tasks))


def _task(number: int, hops: int, chain: tuple[Resident, ...], writer: Writer, length: int) -> Task:
    alice, bob, charlie, dave, erin = chain
    rng = writer.rng
    label = draw(rng, _LABELS)
    relation = RELATIONS[label]
    value = draw(rng, relation.values)
    compared, afar = hops == 2, hops == 3  # noqa: PLR2004
    other = value if compared and number % 2 == 0 else draw_other(rng, relation, [value])
    noise = draw_other(rng, relation, [value, other])
    pairs = [(alice, bob), (bob, charlie), (charlie, dave), (bob, erin), (charlie, erin)]
    began = BEGINNING + timedelta(days=int(rng.integers(30)))
    first, second, third, fourth, fifth = (writer.open((one.handle, two.handle), began) for one, two in pairs)
    plant(writer, first, alice.handle, label, value)
    mention(writer, first, bob.handle, who=erin.name, label=label, value=noise)
    writer.say(second, bob.handle, f"I met {alice.name} on Sunday, we had a long talk about everything.")
    if compared:
        plant(writer, third, dave.handle, label, other)
        muse(writer, third, charlie.handle, who=dave.name, label=label)
    plant(writer, fourth, erin.handle, label, noise)
    plant(writer, fifth, erin.handle, label, noise)
    muse(writer, first, bob.handle, who=alice.name, label=label)
    for chat in (first, second, third, fourth, fifth):
        writer.chat(chat, length)
    slots = [Slot("s1", slot(label, alice.name), bob.handle)]
    if compared:
        slots.append(Slot("s2", slot(label, dave.name), charlie.handle))
    texts = [one.text for one in slots]
    question = QUESTIONS["same" if compared else "value"].format(one=texts[0], two=texts[-1])
    needs: frozenset[Need] = frozenset({"clear", "recursion"} if afar else {"clear"})
    return Task(
        id=f"needle-{hops}/{number}",
        set=_SETS[hops - 1],
        asker=(dave if afar else charlie).handle,
        partner=(charlie if afar else bob).handle,
        question=asking_for(question, texts),
        slots=tuple(slots),
        answer=value if not compared else "same" if other == value else "different",
        kind="same" if compared else "value",
        needs=needs,
    )
