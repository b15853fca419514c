"""Where memory is measured: a made-up town, or the world of a script of one's own; and what is looked for there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sqlalchemy import text

from consilience.ground import Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.records import Person, Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.values import content_words
from consilience.methods.social_agents.worlds.corpus import friends_town, friendsqa
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import World
from consilience.methods.social_agents.worlds.town import town

__all__ = ["ENOUGH", "ROWS", "Lookup", "bars", "in_place", "looked_up", "lookups", "row_names", "settle", "spoken"]

ENOUGH = 65_000
"""Messages from which on the bars of memory hold."""
ROWS = 30
"""Messages that a lookup may bring into a prompt, as with the original."""
PEOPLE, CONTACTS = 140, 588
_ALSO_COMMON = (
    "get gets go goes going got just know knows let like look looks name new one say says said tell tells think told "
    "try use used want wants"
)
_COMMON = ENGLISH_STOP_WORDS.union(_ALSO_COMMON.split())
"""A long list, such as the original has: each word that is kept costs it a statement."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Somebody looks for words in their own messages."""

    owner: str
    """Handle in the world."""
    words: tuple[str, ...]
    gold: tuple[frozenset[str], ...] = ()
    """What is to be found: for each utterance the names of the rows of which one is enough."""
    question: str = ""
    """What the question is called, if it is one of a set."""


def in_place(config: Config, streams: Streams) -> World:
    """Return the world of the script, or the town where no script is given."""
    if config.script:
        filling = Path(config.persona_chats) if config.persona_chats else None
        return friends_town(Path(config.script), filling, rng=streams.generator("filling"))
    recursive = min(100, (config.town_messages - 4 * CONTACTS) // 2)
    return town(PEOPLE, CONTACTS, config.town_messages, streams.generator("town"), recursive=recursive)


def spoken(config: Config, world: World) -> str:
    """Return in words which world it is, and of what size."""
    kind = "a script filled with persona chats" if config.script else "a made-up town"
    return f"{kind}: {len(world.people)} people, {len(world.contacts)} relationships, {len(world.messages):,} messages"


def settle(world: World, store: Store) -> Mapping[str, Person]:
    """Put a world into a store, without episodes; return people by handle."""
    return furnish(world, store, episodes=False)


def lookups(config: Config, world: World) -> Sequence[Lookup]:
    """Return what is looked for: the words of questions, each by somebody who saw what answers it."""
    if config.script and config.questions:
        asked = friendsqa(Path(config.questions), Path(config.script))
        return [Lookup(one.owner, _telling(one.words), one.gold, one.id) for one in asked]
    slots = [slot for task in world.tasks for slot in task.slots]
    if slots:
        return [Lookup(slot.holder, _telling(content_words(slot.text))) for slot in slots]
    return [Lookup(line.sender, content_words(line.text, 4)) for line in world.messages if len(line.text) > ROWS]


def _telling(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that are not common; all where none would be left."""
    return tuple(word for word in words if word not in _COMMON) or words


def looked_up(store: Store, person: Person, lookup: Lookup, context: int = 0) -> list[int]:
    """Return the numbers of the messages that a lookup brings, at most `ROWS`: the best first, each with those around.

    Parameters
    ----------
    store
        Where.
    person
        Whose messages.
    lookup
        What for.
    context
        Messages around each.
    """
    hits = store.memory(person).search(Query(words=lookup.words, context=context, limit=ROWS))
    numbers = (row.id for hit in hits for row in (hit.message, *hit.before, *hit.after))
    return list(dict.fromkeys(numbers))[:ROWS]


def row_names(store: Store) -> dict[int, str]:
    """Return what each message is called in the world, by its number in the store."""
    with store.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(text("SELECT id, source_id FROM message"))}


def bars(world: World, **given: float) -> dict[str, Any]:
    """Return bars as they are where there are messages enough for them, else none."""
    return given if len(world.messages) >= ENOUGH else {}
