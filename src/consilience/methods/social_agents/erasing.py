"""Erasing: what somebody wants forgotten is forgotten wherever the room keeps it, and the log says that it was."""

from __future__ import annotations

from collections.abc import Iterable

from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.records import Person, Receipt
from consilience.methods.social_agents.store import Store

__all__ = ["erase_messages", "erase_person"]


def erase_person(store: Store, person: Person, *, audit: AuditLog, tasks: Tasks) -> Receipt:
    """Empty somebody's memory, what their side of tasks read from it, and what the log could be compared with."""
    audit.forget_texts(person.handle)
    tasks.forget(person)
    return store.forget(owner=person)


def erase_messages(
    store: Store,
    numbers: Iterable[int],
    *,
    audit: AuditLog,
    tasks: Tasks,
    conversation: int | None = None,
) -> Receipt:
    """Forget messages for everybody, or a whole conversation with its messages.

    Parameters
    ----------
    store
        Where they are.
    numbers
        Of the messages.
    audit, tasks
        Where they were read or told.
    conversation
        Number of the conversation whose messages they are, if it is to go.
    """
    wanted = sorted(set(numbers))
    for person in store.people():
        audit.forget_texts(person.handle, messages=wanted)
    tasks.forget_messages(wanted)
    return store.forget(messages=wanted) if conversation is None else store.forget(conversation=conversation)
