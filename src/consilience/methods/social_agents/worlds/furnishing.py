"""A world put into a store, so that agents can read it: each their own person's part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from consilience.methods.social_agents.records import NewMessage, Person
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.worlds.people import World

__all__ = ["furnish"]

_SOURCE = "world"


def furnish(world: World, store: Store, *, episodes: bool = True) -> Mapping[str, Person]:
    """Add people, contacts, conversations and messages of a world to a store that has none of them.

    Parameters
    ----------
    world
        What to add. Messages keep their `source_id`, under the source ``"world"``.
    store
        Where to.
    episodes
        Whether the fuzzy memory of everybody is built now, and not when it is first asked.

    Returns
    -------
    Mapping[str, Person]
        People of the store by their handle in the world.

    Examples
    --------
    >>> import numpy as np
    >>> from consilience.methods.social_agents.worlds.needle import needle
    >>> with Store.open(":memory:") as store:
    ...     people = furnish(needle(1, 1, np.random.default_rng(0), length=3), store)
    >>> len(people)
    5
    """
    people = {one.handle: store.add_person(one.handle.replace(" ", "_"), one.name, one.card) for one in world.people}
    for one, two in world.contacts:
        store.request(people[one], people[two])
        store.accept(people[two], people[one])
    numbers = [
        store.conversation(
            [people[handle] for handle in chat.members], title=chat.title, began_at=chat.began_at - timedelta(days=1)
        )
        for chat in world.conversations
    ]
    store.add_messages(
        NewMessage(numbers[line.chat], people[line.sender].id, line.sent_at, line.text, _SOURCE, line.source_id)
        for line in world.messages
    )
    if episodes:
        for person in people.values():
            store.memory(person).rebuild_episodes()
    return MappingProxyType(people)
