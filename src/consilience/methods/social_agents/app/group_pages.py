"""Pages of groups: who is in one writes, lets contacts of theirs in, asks the agent of a member, and leaves."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.deeds import among, proposed
from consilience.methods.social_agents.app.door import Handler, Refused, Visit
from consilience.methods.social_agents.app.groups import Group
from consilience.methods.social_agents.app.rendering import back, page
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.task import addressed

__all__ = ["GROUPS"]


def groups(visit: Visit) -> Response:
    """Show the groups that one is or was in."""
    office, me = visit.office, visit.me
    own = office.store.memory(me)
    found = []
    for one in office.groups.of(me):
        last = own.recent(one.id, 1)
        found.append({"group": one, "inside": office.groups.has(one, me), "last": last[0] if last else None})
    return page(visit, "groups", groups=found, contacts=office.store.contacts_of(me))


def make_group(visit: Visit) -> Response:
    """Make a group of contacts."""
    office, me = visit.office, visit.me
    chosen = {name.removeprefix("with-") for name, value in visit.form.items() if name.startswith("with-") and value}
    others = [one for one in office.store.contacts_of(me) if one.handle in chosen]
    if len(others) != len(chosen):
        raise InvalidInput("only contacts can be in a group that you make; load the page again")
    made = office.groups.make(me, visit.said("title"), others)
    _tell(visit, made)
    return back(f"/groups/{made.id}")


def group(visit: Visit) -> Response:
    """Show what was written while one was in it, and who is in it to those who are."""
    office, me, shown = visit.office, visit.me, _group(visit)
    members = office.groups.members(shown)
    contacts = office.store.contacts_of(me)
    inside = {one.id for one in members}
    within = me.id in inside
    return page(
        visit,
        "group",
        group=shown,
        members=members if within else [],
        lines=office.groups.messages(shown, me),
        inside=within,
        outside=[one for one in contacts if one.id not in inside],
        askable=[one for one in contacts if one.id in inside],
    )


def send_to_group(visit: Visit) -> Response:
    """Write to everybody in it, or have the agent of one member find something out with one's own."""
    office, me, to = visit.office, visit.me, _group(visit)
    text = visit.said("text")
    askable = _askable(visit, to)
    asked = addressed(text, askable)
    if asked is not None or visit.said("as") == "task":
        who = (asked.who if asked else "") or visit.said("to")
        if who not in askable:
            raise InvalidInput("say whose agent is asked: @task @handle, of a member with whom you are in contact")
        return proposed(visit, askable[who], text if asked is None else asked.question)
    office.groups.send(to, me, text)
    _tell(visit, to)
    return back(f"/groups/{to.id}")


def add_to_group(visit: Visit) -> Response:
    """Let a contact in, who reads what is written from now on."""
    office, to = visit.office, _group(visit)
    contacts = {one.handle: one for one in office.store.contacts_of(visit.me)}
    who = among("who", visit.said("who"), tuple(contacts))
    office.groups.add(to, contacts[who])
    _tell(visit, to)
    return back(f"/groups/{to.id}", "added")


def leave_group(visit: Visit) -> Response:
    """Leave, and keep what one has read."""
    left = _group(visit)
    visit.office.groups.leave(left, visit.me)
    _tell(visit, left)
    visit.office.live.tell([visit.me.handle], f"group-{left.id}", "home")
    return back(f"/groups/{left.id}", "out")


def _group(visit: Visit) -> Group:
    found = visit.office.groups.find(visit.number)
    if found is None:
        raise Refused(404, "there is nothing here")
    return found


def _askable(visit: Visit, to: Group) -> dict[str, Person]:
    inside = {one.id for one in visit.office.groups.members(to)}
    return {one.handle: one for one in visit.office.store.contacts_of(visit.me) if one.id in inside}


def _tell(visit: Visit, to: Group) -> None:
    visit.office.live.tell([one.handle for one in visit.office.groups.members(to)], f"group-{to.id}", "home")


GROUPS: Final[dict[str, Handler]] = {
    one.__name__: one for one in (groups, make_group, group, send_to_group, add_to_group, leave_group)
}
"""Who answers, by the name of the endpoint."""
