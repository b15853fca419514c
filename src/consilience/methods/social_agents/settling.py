"""Settling: a world of the benchmark moves into a store, so that its people have memories, contacts and agents."""

from __future__ import annotations

from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["assignment", "settle"]


def settle(world: World, store: Store, *, episodes: bool = True) -> None:
    """Put the people, contacts, conversations and messages of a world into a store that has none of them.

    Parameters
    ----------
    world
        Whatever has been made or loaded.
    store
        Where to.
    episodes
        Whether everybody's fuzzy memory is built, too.
    """
    people = {one.handle: store.add_person(one.handle, one.name, one.card) for one in world.people}
    for one, two in world.contacts:
        store.request(people[one], people[two])
        store.accept(people[two], people[one])
    numbers = [
        store.conversation([people[handle] for handle in chat.members], title=chat.title, began_at=chat.began_at)
        for chat in world.conversations
    ]
    store.add_messages(
        NewMessage(
            conversation=numbers[line.chat],
            sender=people[line.sender].id,
            sent_at=line.sent_at,
            text=line.text,
            source="world",
            source_id=line.source_id,
        )
        for line in world.messages
    )
    if episodes:
        for person in people.values():
            store.memory(person).rebuild_episodes()


def assignment(task: Task) -> Assignment:
    """Return a task of the benchmark as its asker puts it; the agents plan for themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from consilience.methods.social_agents.worlds.needle import needle
    >>> assignment(needle(1, 1, np.random.default_rng(0)).tasks[0]).purpose
    'needle-1'
    """
    return Assignment(question=task.question, purpose=task.set)
