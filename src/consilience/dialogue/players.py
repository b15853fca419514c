"""Players: pure functions of a question and of chance that play a model's role; those that know no task are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from consilience.dialogue.messages import Question

__all__ = ["PLAYERS", "Player", "constant", "echo", "talker"]

Player = Callable[[Question, np.random.Generator], str]
"""Returns what is said to a question. The generator belongs to the question: same question, same numbers."""

_COMMON = (
    "a and are as at but by each for from has in is it less more no not of often on one other some than that the then "
    "there these they this to two was what when which while with answer case change check claim draft edge evidence "
    "example fact figure form line list matter note number order part plan point question reason rest result round "
    "rule sample side step table task test text time turn value way word work"
)
_WORDS = _COMMON.split()


def echo(question: Question, chance: np.random.Generator) -> str:  # noqa: ARG001  a player's signature
    """Repeat the last message.

    Examples
    --------
    >>> from consilience.dialogue.messages import Message
    >>> echo(Question("7", (Message("user", ("Hello",)),)), np.random.default_rng(0))
    'Hello'
    """
    return question.messages[-1].text if question.messages else ""


def constant(text: str) -> Player:
    """Return a player that always says the same.

    Examples
    --------
    >>> constant("yes")(Question("7", ()), np.random.default_rng(0))
    'yes'
    """

    def say(question: Question, chance: np.random.Generator) -> str:  # noqa: ARG001  a player's signature
        return text

    return say


def talker(question: Question, chance: np.random.Generator) -> str:  # noqa: ARG001  a player's signature
    """Say two to six sentences of common words that mean nothing.

    Examples
    --------
    >>> talker(Question("7", ()), np.random.default_rng(0)).endswith(".")
    True
    """
    lengths = chance.integers(5, 14, size=chance.integers(2, 7)).tolist()
    drawn = iter(chance.integers(len(_WORDS), size=sum(lengths)).tolist())
    return " ".join(" ".join(_WORDS[next(drawn)] for _ in range(length)).capitalize() + "." for length in lengths)


PLAYERS: Mapping[str, Player] = MappingProxyType({"constant": constant("ok"), "echo": echo, "talker": talker})
"""Players of the floor by name, as in ``rehearsal:talker``; rooms bring their own."""
