"""Facts put among small talk: plainly within a long talk, or obliquely in a short talk of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consilience.methods.social_agents.grammar import RELATIONS, Relation
from consilience.methods.social_agents.worlds.chatter import Writer

__all__ = ["draw", "draw_other", "mention", "plant", "plant_obliquely"]


def draw(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """Return one of the choices."""
    return choices[int(rng.integers(len(choices)))]


def draw_other(rng: np.random.Generator, relation: Relation, than: Sequence[str]) -> str:
    """Return a value of a relation that is none of those."""
    return draw(rng, [value for value in relation.values if value not in than])


def plant(writer: Writer, chat: int, sender: str, label: str, value: str) -> None:
    """Have somebody state a fact about themselves within small talk, in words of the question."""
    text = draw(writer.rng, RELATIONS[label].own).replace("{value}", value).replace("{label}", label)
    writer.chat(chat, int(writer.rng.integers(3, 8)))
    writer.say(chat, sender, text)
    writer.chat(chat, int(writer.rng.integers(3, 8)))


def mention(writer: Writer, chat: int, sender: str, *, who: str, label: str, value: str) -> None:
    """Have somebody state a fact about another person, whose name is `who`."""
    text = draw(writer.rng, RELATIONS[label].about).replace("{value}", value).replace("{who}", who)
    writer.say(chat, sender, text)


def plant_obliquely(writer: Writer, chat: int, sender: str, label: str, value: str) -> None:
    """Have a short talk of its own lead up to a fact that is stated in no word of the question.

    No message with a word that begins like the label is next to the one that states the fact.
    """
    relation = RELATIONS[label]
    other = next(member for member in writer.chats[chat].members if member != sender)
    writer.pause(chat)
    for number, hint in enumerate(relation.hints):
        writer.say(chat, (other, sender)[number % 2], hint)
    writer.chat(chat, 2)
    writer.say(chat, sender, draw(writer.rng, relation.oblique).replace("{value}", value))
    writer.chat(chat, 1)
    writer.pause(chat)
