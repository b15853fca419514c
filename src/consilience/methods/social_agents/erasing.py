"""Erasing: what somebody wants forgotten is forgotten wherever the room keeps it, and the log says that it was.

===================== =================================================================================================
place                 what goes
===================== =================================================================================================
the store             messages, versions, index, summaries, vectors, rights to read, and their bytes in the files
boards of tasks       what was read from them; of messages that go for everybody also what was said of them in talks
journals              every run that shows one of them, or in which the person took part: prompts, replies, boards
the log               the salts of digests, so that no text can be tried on it; its chain still holds
the gate's memory     messages that models were shown
this process          texts that were kept so that they need not be read twice
===================== =================================================================================================

What others said after they had learned it, in messages of their own, is theirs: it is forgotten as those messages are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from consilience.dialogue.journal import Journal
from consilience.methods.social_agents import gate, labels, terms
from consilience.methods.social_agents.app.groups import Groups
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.records import Person, Receipt
from consilience.methods.social_agents.store import Store

__all__ = ["Erased", "erase_messages", "erase_person"]

_SHOWN: Final = re.compile(r"\[m(\d+) ")
"""How a prompt shows a message."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was forgotten, and where, without a word of it."""

    receipt: Receipt
    """Of the store."""
    removed: Mapping[str, int]
    """How much, by place."""

    def lines(self) -> list[str]:
        """Return it in words, a line a place."""
        return [f"{count:,} {place}" for place, count in self.removed.items()]


def erase_person(
    store: Store,
    person: Person,
    *,
    audit: AuditLog,
    tasks: Tasks,
    wire: GuardedWire | None = None,
    journals: Iterable[Journal] = (),
) -> Erased:
    """Empty somebody's memory, and all that their side of tasks read from it.

    Nothing of theirs may be under way: a talk that goes on would keep its board again. `Tasks.end` ends what is, in
    whatever process.

    Parameters
    ----------
    store
        Where it is.
    person
        Whose.
    audit, tasks
        Where it was read or told.
    wire
        What goes on and was shown some of it.
    journals
        Of runs outside the application; those in which the person took part are forgotten as a whole.
    """
    told = audit.forget_texts(person.handle)
    boards = tasks.forget(person)
    shown = 0 if wire is None else wire.forget(person.handle)
    runs = sum(_forget_runs(one, handle=person.handle) for one in journals)
    return _erased(store.forget(owner=person), told, boards, shown, runs)


def erase_messages(
    store: Store,
    numbers: Iterable[int],
    *,
    audit: AuditLog,
    tasks: Tasks,
    conversation: int | None = None,
    wire: GuardedWire | None = None,
    journals: Iterable[Journal] = (),
) -> Erased:
    """Forget messages for everybody, or a whole conversation with its messages.

    Parameters
    ----------
    store
        Where they are.
    numbers
        Of the messages.
    audit, tasks, wire, journals
        As of `erase_person`; of journals the runs that show one of them.
    conversation
        Number of the conversation whose messages they are, if it is to go.
    """
    wanted = sorted(set(numbers))
    people = [person.handle for person in store.people()]
    told = sum(audit.forget_texts(handle, messages=wanted) for handle in people)
    boards = tasks.forget_messages(wanted)
    shown = 0 if wire is None else sum(wire.forget(handle, wanted) for handle in people)
    runs = sum(_forget_runs(one, numbers=frozenset(wanted)) for one in journals)
    if conversation is not None:
        Groups(store).forget(conversation)
    receipt = store.forget(messages=wanted) if conversation is None else store.forget(conversation=conversation)
    return _erased(receipt, told, boards, shown, runs)


def _erased(receipt: Receipt, told: int, boards: int, shown: int, runs: int) -> Erased:
    for module in (gate, labels, terms):
        module.forget_texts()
    return Erased(
        receipt,
        MappingProxyType(
            {
                "messages, for everybody": receipt.messages,
                "rights to read": receipt.unseen,
                "earlier versions": receipt.versions,
                "summaries, each with its vector": receipt.episodes,
                "boards of talks": boards,
                "runs of journals": runs,
                "digests of the log that nothing can be tried on any more": told,
                "messages that a gate kept": shown,
            }
        ),
    )


def _forget_runs(journal: Journal, *, handle: str = "", numbers: frozenset[int] = frozenset()) -> int:
    """Forget the runs of a journal in which somebody took part, or which show one of some messages."""
    touched = [
        run.name
        for run in journal.runs()
        if any(
            call.question.element.rpartition("/")[2] == handle
            or not numbers.isdisjoint(
                int(number) for message in call.question.messages for number in _SHOWN.findall(message.text)
            )
            for call in journal.calls(run=run.name)
        )
    ]
    for name in touched:
        journal.forget(name)
    return len(touched)
