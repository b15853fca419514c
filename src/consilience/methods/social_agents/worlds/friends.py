"""Friends-like joins: two facts that different people were told, joined by a comparison of their numbers.

Half of the facts are stated plainly and found by their words, beside talks that are about them and do not state them;
the other half obliquely, in talks that only a memory of talks finds. Both sides know their own fact and neither the
other's.

Source: the FriendsTV set of InformativeBench, arXiv:2406.14928, in kind; texts are ours.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import QUESTIONS
from consilience.methods.social_agents.grammar import RELATIONS, slot
from consilience.methods.social_agents.sections import asking_for
from consilience.methods.social_agents.worlds.chatter import Writer
from consilience.methods.social_agents.worlds.people import BEGINNING, Resident, Slot, Task, World, residents
from consilience.methods.social_agents.worlds.planting import draw, draw_other, muse, plant, plant_obliquely

__all__ = ["friends_like", "friends_long"]

_LABELS = [label for label, relation in RELATIONS.items() if relation.numeric]
_CIRCLE = 5
_LONG = "house number"
_MOST_FACTS = 60


def friends_like(n: int, rng: np.random.Generator, *, length: int = 60) -> World:
    """Return a world of `n` circles of five people with a task each; every second task has oblique facts.

    Parameters
    ----------
    n
        Tasks.
    rng
        Of the world.
    length
        Messages of small talk in each conversation, before and after the facts.

    Examples
    --------
    >>> tasks = friends_like(2, np.random.default_rng(0)).tasks
    >>> [sorted(task.needs) for task in tasks], tasks[0].kind
    ([['clear'], ['fuzzy']], 'smaller')
    """
    if n < 1:
        raise InvalidInput(f"`n` must be at least 1 task; got {n!r}")
    people = residents(n * _CIRCLE, rng)
    writer = Writer(rng, "f-")
    contacts: list[tuple[str, str]] = []
    tasks = []
    for number in range(n):
        circle = people[number * _CIRCLE : (number + 1) * _CIRCLE]
        tasks.append(_task(number, circle, writer, length))
        asker, partner, one, two, other = (resident.handle for resident in circle)
        contacts += [(asker, partner), (asker, one), (partner, two), (asker, other), (partner, other)]
    return World(people, tuple(contacts), tuple(writer.chats), tuple(writer.lines), tuple(tasks))


def friends_long(n: int, rng: np.random.Generator, *, facts: int = 30, length: int = 20) -> World:
    """Return a world of `n` tasks that each join as many facts as it takes turns to tell them.

    Parameters
    ----------
    n
        Tasks.
    rng
        Of the world.
    facts
        Facts of a task, told by as many people, half of them to the asker: even, from 2 to 60.
    length
        Messages of small talk in each conversation.

    Examples
    --------
    >>> task = friends_long(1, np.random.default_rng(0), facts=6).tasks[0]
    >>> len(task.slots), task.question[:44]
    (6, 'Which number is smaller than all others: the')
    """
    if n < 1 or facts % 2 or not 0 < facts <= _MOST_FACTS:
        raise InvalidInput(f"`n` must be at least 1 and `facts` even, from 2 to {_MOST_FACTS}; got {n!r} and {facts!r}")
    people = residents(n * (facts + 2), rng)
    writer = Writer(rng, "l-")
    contacts: list[tuple[str, str]] = []
    tasks = []
    for number in range(n):
        asker, partner, *tellers = people[number * (facts + 2) : (number + 1) * (facts + 2)]
        began = BEGINNING + timedelta(days=int(rng.integers(30)))
        writer.chat(writer.open((asker.handle, partner.handle), began), length)
        contacts.append((asker.handle, partner.handle))
        values = rng.permutation(RELATIONS[_LONG].values)[:facts].tolist()
        slots = []
        for place, (teller, value) in enumerate(zip(tellers, values, strict=True)):
            listener = (asker, partner)[place % 2]
            chat = writer.open((listener.handle, teller.handle), began)
            plant(writer, chat, teller.handle, _LONG, value)
            writer.chat(chat, length)
            contacts.append((listener.handle, teller.handle))
            slots.append(Slot(f"s{place + 1}", slot(_LONG, teller.name), listener.handle))
        texts = [one.text for one in slots]
        question = f"Which number is smaller than all others: {', '.join(texts[:2])} or another one of those needed?"
        lowest = min(range(facts), key=lambda place: int(values[place]))
        tasks.append(
            Task(
                id=f"friends-long/{number}",
                set="friends",
                asker=asker.handle,
                partner=partner.handle,
                question=asking_for(question, texts),
                slots=tuple(slots),
                answer=tellers[lowest].name,
                kind="smaller",
                needs=frozenset({"infonav"}),
            )
        )
    return World(people, tuple(contacts), tuple(writer.chats), tuple(writer.lines), tuple(tasks))


def _task(number: int, circle: tuple[Resident, ...], writer: Writer, length: int) -> Task:
    asker, partner, one, two, other = circle
    rng = writer.rng
    label = draw(rng, _LABELS)
    relation = RELATIONS[label]
    first = draw(rng, relation.values)
    # In every second pair of tasks the guess that a low number is the smaller one is wrong: alone one guesses half.
    numbers = sorted(map(int, relation.values))
    low = int(first) < numbers[len(numbers) // 2]
    below = [value for value in relation.values if int(value) < int(first)]
    above = [value for value in relation.values if int(value) > int(first)]
    second = draw(rng, (above or below) if low == (number // 2 % 2 == 0) else (below or above))
    noise = draw_other(rng, relation, [first, second])
    oblique = number % 2 == 1
    began = BEGINNING + timedelta(days=int(rng.integers(30)))
    writer.chat(writer.open((asker.handle, partner.handle), began), length // 2)
    for listener, teller, value in (
        (asker, one, first),
        (partner, two, second),
        (asker, other, noise),
        (partner, other, noise),
    ):
        chat = writer.open((listener.handle, teller.handle), began)
        writer.chat(chat, length // 2)
        (plant_obliquely if oblique and teller is not other else plant)(writer, chat, teller.handle, label, value)
        if not oblique:
            muse(writer, chat, listener.handle, who=teller.name, label=label)
        writer.chat(chat, length // 2)
    slots = (Slot("s1", slot(label, one.name), asker.handle), Slot("s2", slot(label, two.name), partner.handle))
    question = QUESTIONS["smaller"].format(one=slots[0].text, two=slots[1].text)
    return Task(
        id=f"friends/{number}",
        set="friends",
        asker=asker.handle,
        partner=partner.handle,
        question=asking_for(question, [one.text for one in slots]),
        slots=slots,
        answer=(one if int(first) < int(second) else two).name,
        kind="smaller",
        needs=frozenset({"fuzzy" if oblique else "clear"}),
    )
