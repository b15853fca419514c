"""Facts put among small talk: plainly, beside talks that are about them, or obliquely in a short talk of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consilience.methods.social_agents.grammar import RELATIONS, Relation
from consilience.methods.social_agents.worlds.chatter import Writer

__all__ = ["draw", "draw_other", "mention", "muse", "plant", "plant_obliquely"]

_MUSINGS = (
    "{who}, we never talk about the {label} anymore, do we?",
    "i had a dream about the {label} of {who}, do not ask.",
    "the {label} this, the {label} that, as {who} would put it.",
    "once more about the {label}: what would {who} say?",
    "for {who} the {label} must be a story of its own.",
    "whoever asks me about the {label} gets sent to {who}.",
)
_TALKS = 16
"""Short talks about a fact that is not stated in them: more than anybody looks through."""


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


def muse(writer: Writer, chat: int, sender: str, *, who: str, label: str) -> None:
    """Have somebody go on about a fact of another person, whose name is `who`, in talks that do not state it.

    They are nearer to the question than the message that does: what finds talks by what they are about finds these,
    and what finds messages by their words and their sender finds the fact.
    """
    for _ in range(_TALKS):
        writer.pause(chat)
        for number in writer.rng.permutation(len(_MUSINGS))[:2].tolist():
            writer.say(chat, sender, _MUSINGS[number].format(who=who, label=label))
    writer.pause(chat)


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
