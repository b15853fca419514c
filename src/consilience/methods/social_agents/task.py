"""The task: what a person asks for, what for, and what an agent may ask others on the way."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.values import slot_key

__all__ = ["LONGEST_QUESTION", "Assignment", "Mention", "Wanted", "addressed"]

LONGEST_QUESTION = 4_000
"""Characters of a question."""

_ADDRESS = re.compile(r"\s*@task(?=[:,]?(?:\s|\Z))[:,]?", re.IGNORECASE)
_NAMED = re.compile(r"@(\S{1,100})")
_MARKS = ":,.;?!"


@dataclass(frozen=True, slots=True)
class Mention:
    """A message that is for an agent."""

    who: str
    """Handle of who is named; empty where it is whom the message goes to."""
    question: str
    """What they are asked."""


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
        When there is no question, or it is longer than anybody asks, or it cannot be written to a file.

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
        texts = (self.question, *(text for one in self.wanted for text in (one.slot, one.text)))
        if any("\ud800" <= char <= "\udfff" for text in texts for char in text):
            raise InvalidInput("a task must be of whole characters; got half of one: type it anew")
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


def addressed(message: str, known: Collection[str] = ()) -> Mention | None:
    """Return whom a message asks for what, None where it is a message like any other.

    It asks only where it begins with the word ``@task``; whoever is to be asked follows as ``@handle``, if it is not
    whom the message goes to. What else begins with an @ is said to people, and so is a name that nobody here has.

    Parameters
    ----------
    message
        As it was written.
    known
        Handles of those who can be asked.

    Examples
    --------
    >>> addressed("@task Where do we meet?"), addressed("@task @Ben: where?", {"ben"})
    (Mention(who='', question='Where do we meet?'), Mention(who='ben', question='where?'))
    >>> addressed("@home by 5"), addressed("@ben by 5?", {"ben"}), addressed("@task @home by 5?", {"ben"})
    (None, None, Mention(who='', question='@home by 5?'))
    """
    match = _ADDRESS.match(message)
    if match is None:
        return None
    question = message[match.end() :].strip()
    handles = {handle.casefold(): handle for handle in known}
    named = _NAMED.match(question)
    if named is not None:
        for called in (named[1], named[1].rstrip(_MARKS)):
            if called.casefold() in handles:
                return Mention(handles[called.casefold()], question[named.end() :].lstrip(f"{_MARKS} \t\n"))
    return Mention("", question)
