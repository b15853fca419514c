"""Small talk between the facts: sentences of no consequence, in the lengths of real chat, and sessions of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from consilience.methods.social_agents.worlds.people import Chat, Line

__all__ = ["Writer", "small_talk"]

_OPENERS = (
    "", "", "", "", "well, ", "you know, ", "honestly, ", "by the way, ", "haha, ", "oh, ", "listen, ", "so, ", "hm, ",
    "okay, ", "right, ", "anyway, ", "look, ", "no wait, ", "yes, ", "guess what, ",
)  # fmt: skip
_CLAUSES = (
    "i saw a {thing} in the window of the {shop} and thought of you",
    "the {thing} is broken again and nobody knows why",
    "could you bring the {thing} on {day}",
    "that {film} was {opinion} but the ending was {opinion}",
    "the weather has been {opinion} all {span}",
    "i will be at the {shop} until {hour} or so",
    "my {relative} called and talked for an hour about the {thing}",
    "did you hear what happened at the {shop}",
    "i slept {opinion}ly and dreamt of a {thing}",
    "we should really meet at the {shop} again before {day}",
    "the bus was late so i read half a page about a {thing}",
    "thanks for the {thing}, it looks {opinion}",
    "i forgot the {thing} at your {relative}'s place",
    "nothing new here, just the {thing} and the rain",
    "what a {opinion} {span} it has been",
    "are you coming on {day} or not",
    "i told my {relative} that the {film} is {opinion}",
    "the queue at the {shop} went around the corner",
    "good morning, the sky is {opinion} today",
    "sorry, i was in the shower and the {thing} was ringing",
    "that is so {opinion}, i cannot stop laughing",
    "see you then",
    "same here",
    "that sounds {opinion}",
    "i agree about the {thing}",
    "never again, i tell you",
    "maybe, let me ask my {relative}",
    "they painted the {shop} in the most {opinion} green",
    "my {relative} is thinking of selling the {thing}",
    "i have read that a {thing} can last for a whole {span}",
)
_TAILS = ("", "", "", "", "!", "...", " :)", ", to be honest", ", i suppose", ", what do you think?", ", as always")
_LISTED = {
    "thing": (
        "umbrella kettle ladder bicycle lamp camera blanket suitcase printer teapot candle jacket mirror radio basket "
        "ticket puzzle thermos wallet cushion compass lantern hammock scarf notebook magnet drill whistle tripod vase"
    ),
    "shop": "cafe market cinema station museum harbour post-office tailor cobbler florist butcher arcade",
    "film": "film series novel documentary play podcast musical concert exhibition broadcast",
    "opinion": (
        "strange lovely awful quiet splendid silly gentle grim cheerful dull curious bright odd sweet terrible"
    ),
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "span": "week month evening weekend winter autumn",
    "hour": "five six seven eight nine ten noon",
    "relative": "sister brother aunt uncle cousin neighbour grandmother godfather niece nephew",
}  # fmt: skip
_WORDS = {blank: words.split() for blank, words in _LISTED.items()}
_AMOUNT = 1024
"""Sentences that are kept ready; more are the same again."""


def small_talk(rng: np.random.Generator, count: int = _AMOUNT) -> tuple[str, ...]:
    """Return sentences that state no fact of the benchmark.

    Examples
    --------
    >>> len(small_talk(np.random.default_rng(0), 3))
    3
    """
    return tuple(_sentence(rng) for _ in range(count))


def _sentence(rng: np.random.Generator) -> str:
    text = _pick(rng, _OPENERS) + _pick(rng, _CLAUSES)
    for blank, words in _WORDS.items():
        while f"{{{blank}}}" in text:
            text = text.replace(f"{{{blank}}}", _pick(rng, words), 1)
    return text + _pick(rng, _TAILS)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


@dataclass
class Writer:
    """Writes conversations message by message, with small talk between.

    Parameters
    ----------
    rng
        Of the world.
    prefix
        Of the ids of the messages.
    """

    rng: np.random.Generator
    prefix: str = "w"
    chats: list[Chat] = field(default_factory=list)
    """Conversations so far."""
    lines: list[Line] = field(default_factory=list)
    """Messages so far."""
    _clocks: list[datetime] = field(default_factory=list)
    _talk: tuple[str, ...] = ()

    def open(self, members: Sequence[str], began_at: datetime, title: str = "") -> int:
        """Begin a conversation, and return its index."""
        self.chats.append(Chat(tuple(members), title, began_at))
        self._clocks.append(began_at)
        return len(self.chats) - 1

    def say(self, chat: int, sender: str, text: str) -> Line:
        """Add a message half a minute to five minutes after the one before."""
        self._clocks[chat] += timedelta(seconds=int(self.rng.integers(30, 300)))
        line = Line(chat, sender, self._clocks[chat], text, f"{self.prefix}{len(self.lines)}")
        self.lines.append(line)
        return line

    def say_to(self, chats: Sequence[int], sender: str, text: str) -> None:
        """Add one message to several conversations, at the same time."""
        at = max(self._clocks[chat] for chat in chats) + timedelta(seconds=int(self.rng.integers(30, 300)))
        for chat in chats:
            self._clocks[chat] = at
            self.lines.append(Line(chat, sender, at, text, f"{self.prefix}{len(self.lines)}"))

    def chat(self, chat: int, count: int) -> None:
        """Add small talk of all members."""
        members = self.chats[chat].members
        self._talk = self._talk or small_talk(self.rng)
        who = self.rng.integers(len(members), size=count).tolist()
        what = self.rng.integers(len(self._talk), size=count).tolist()
        for sender, text in zip(who, what, strict=True):
            self.say(chat, members[sender], self._talk[text])

    def pause(self, chat: int) -> None:
        """Let nine hours to three days go by: what follows is another session."""
        self._clocks[chat] += timedelta(hours=int(self.rng.integers(9, 72)))
