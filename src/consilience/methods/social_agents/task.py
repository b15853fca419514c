"""The task: what a person asks for, what for, and what an agent may ask others on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.values import slot_key

__all__ = ["LONGEST_QUESTION", "Assignment", "Wanted", "addressed"]

LONGEST_QUESTION = 4_000
"""Characters of a question."""

_ADDRESS = re.compile(r"^\s*@(?:task\b)?[:,]?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that is known to be needed before anybody has planned."""

    slot: str
    """Its name."""
    text: str
    """What it asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What two agents are to find out.

    Raises
    ------
    InvalidInput
        When there is no question, or it is longer than anybody asks.

    Examples
    --------
    >>> Assignment(question="Where do we meet?").purpose
    'task'
    """

    question: str
    """As the person asked."""
    purpose: str = "task"
    """What for; the policies of others are by purpose."""
    wanted: tuple[Wanted, ...] = field(default=())
    """What is needed; where it is given, nobody plans."""
    may_ask_others: bool = True
    """Whether agents may ask third parties for a part of it, by the slot's text alone."""

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise InvalidInput("a task must have a question; got an empty one: say what is to be found out")
        if len(self.question) > LONGEST_QUESTION:
            raise InvalidInput(
                f"a question must be of at most {LONGEST_QUESTION} characters; got {len(self.question)}: shorten it"
            )
        keys = [slot_key(one.slot) for one in self.wanted]
        if len(set(keys)) < len(keys) or "" in keys:
            raise InvalidInput(f"slots must have names of their own; got {[one.slot for one in self.wanted]}")

    def part(self, slot: str, text: str) -> Assignment:
        """Return the question that a third party is asked: one slot, for the same purpose, and nothing of the rest.

        Examples
        --------
        >>> whole = Assignment(question="Do Ann and Ben have the same pet?", purpose="friends")
        >>> whole.part("pet of Ben", "the pet of Ben").question
        'the pet of Ben'
        """
        return Assignment(
            question=text, purpose=self.purpose, wanted=(Wanted(slot, text),), may_ask_others=self.may_ask_others
        )


def addressed(message: str) -> str | None:
    """Return the question of a message that is for an agent, None for one that is not.

    Examples
    --------
    >>> addressed("@task Where do we meet?"), addressed("@ where?"), addressed("see you @ noon")
    ('Where do we meet?', 'where?', None)
    """
    match = _ADDRESS.match(message)
    return message[match.end() :].strip() if match else None
