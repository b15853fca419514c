"""Leaving: what becomes of all that somebody has a part in when they go for good."""

from __future__ import annotations

from time import monotonic, sleep

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.erasing import erase_person
from consilience.methods.social_agents.records import Person, StoreLocked

__all__ = ["leave_all", "require_another_admin", "until_still"]

LEAVING_S = 10.0
"""How long tasks may take to end when somebody wants to be forgotten."""


def leave_all(office: Office, who: Person) -> None:
    """End somebody's tasks, contacts, groups, introductions, rules and keys, and empty their memory to the byte.

    What others have read of them, they keep.

    Raises
    ------
    StoreLocked
        When a task of theirs does not end in time; they can do it again.
    """
    office.keys.revoke(who)
    office.desk.leave(who)
    office.uploads.drop(who)
    until_still(office, who)
    office.introductions.forget(who)
    for group in office.groups.of(who):
        office.groups.leave(group, who)
    for other in office.store.contacts_of(who):
        office.store.withdraw(who, other)
        office.policies.put_in_group(other.handle, who.handle, "")
        for one, another in ((who, other), (other, who)):
            office.chats.trust(one, another, yes=False)
        office.live.tell([other.handle], "me", "home", f"chat-{who.handle}")
    for other in office.store.requests_of(who):
        office.store.withdraw(who, other)
    office.policies.drop_all(who.handle)
    office.store.set_card(who, "")
    erase_person(office.store, who, audit=office.audit, tasks=office.tasks, wire=office.wire)


def require_another_admin(office: Office, who: Person) -> None:
    """Refuse that the only one who may invite others goes while there are others.

    Raises
    ------
    InvalidInput
        When nobody would be left who may.
    """
    there = [one for one in office.accounts.accounts() if one.person.id != who.id and not one.suspended]
    if there and not any(one.admin for one in there):
        raise InvalidInput("somebody has to be left who may invite others; let somebody else join as one first")


def until_still(office: Office, who: Person) -> None:
    """Wait until nothing of somebody's is under way any more: it would keep its board again.

    Raises
    ------
    StoreLocked
        When it takes too long.
    """
    deadline = monotonic() + LEAVING_S
    while any(office.desk.under_way(one) for one in office.tasks.not_over(who)):
        if monotonic() > deadline:
            raise StoreLocked("a task of yours is still ending; nothing was forgotten yet: try again")
        sleep(0.02)
