"""Pages of introductions: asking for one, and giving one's word where one is asked."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.deeds import REQUESTS, among
from consilience.methods.social_agents.app.door import Handler, Refused, Visit
from consilience.methods.social_agents.app.introductions import Introduction
from consilience.methods.social_agents.app.rendering import back, page

__all__ = ["INTRODUCTIONS"]


def introductions(visit: Visit) -> Response:
    """Show what waits for one's word, what one has asked for, and what came of it."""
    office, me = visit.office, visit.me
    contacts = office.store.contacts_of(me)
    found = office.introductions.of(me)
    known = {one.handle for one in contacts}
    waiting = [
        {"one": one, "asker": office.store.person(one.asker), "via": office.store.person(one.via),
         "as_via": one.via == me.id, "can": one.via != me.id or one.wanted in known}
        for one in found
        if one.decides == me.id
    ]  # fmt: skip
    mine = [{"one": one, "via": office.store.person(one.via)} for one in found if one.asker == me.id]
    return page(visit, "introductions", contacts=contacts, asked_of_me=waiting, mine=mine)


def ask_introduction(visit: Visit) -> Response:
    """Ask a contact to introduce one to somebody."""
    office, me = visit.office, visit.me
    wait_s = office.rates.wait_s("contact", me.handle, REQUESTS)
    if wait_s:
        raise Refused(429, "you have asked many; wait a while", wait_s=wait_s)
    contacts = {one.handle: one for one in office.store.contacts_of(me)}
    via = contacts[among("via", visit.said("via"), tuple(contacts))]
    office.introductions.ask(me, via, visit.said("wanted"), visit.said("note"))
    office.live.tell([via.handle], "me", "home")
    return back("/introductions", "asked-introduction")


def accept_introduction(visit: Visit) -> Response:
    """Give one's word: as the contact, so that the third is asked; as the third, so that both are in contact."""
    office, me, one = visit.office, visit.me, _introduction(visit)
    asker = office.store.person(one.asker)
    if one.via == me.id:
        third = next((each for each in office.store.contacts_of(me) if each.handle.casefold() == one.wanted), None)
        if third is None or not office.store.are_contacts(me, asker):
            raise InvalidInput(f"you are not in contact with {one.wanted!r}; decline, or get in contact first")
        done = office.introductions.pass_on(one, third)
        office.live.tell([third.handle, asker.handle, me.handle], "me", "home")
        return back("/introductions", "passed-on" if done else "over")
    via = office.store.person(one.via)
    stands = (
        office.store.are_contacts(via, asker)
        and office.store.are_contacts(via, me)
        and office.accounts.has_account(asker)
    )
    if not stands or not office.introductions.meet(one):
        office.introductions.withdraw(one)
        return back("/introductions", "over")
    office.store.request(asker, me)
    if not office.store.are_contacts(me, asker):
        office.store.accept(me, asker)
    office.chats.between(me, asker)
    office.live.tell([me.handle, asker.handle, via.handle], "me", "home")
    return back(f"/people/{asker.handle}", "accepted")


def decline_introduction(visit: Visit) -> Response:
    """Do not give it."""
    one = _introduction(visit)
    done = visit.office.introductions.decline(one)
    people = [visit.office.store.person(number).handle for number in (one.asker, one.via)]
    visit.office.live.tell([*people, visit.me.handle], "me", "home")
    return back("/introductions", "declined-introduction" if done else "over")


def withdraw_introduction(visit: Visit) -> Response:
    """Take back what one has asked for."""
    one = _introduction(visit)
    done = visit.office.introductions.withdraw(one)
    numbers = [one.via] if one.third is None else [one.via, one.third]
    visit.office.live.tell([visit.office.store.person(number).handle for number in numbers], "me", "home")
    return back("/introductions", "taken-back" if done else "over")


def _introduction(visit: Visit) -> Introduction:
    found = visit.office.introductions.find(visit.number)
    if found is None:
        raise Refused(404, "there is nothing here")
    return found


INTRODUCTIONS: Final[dict[str, Handler]] = {
    one.__name__: one
    for one in (introductions, ask_introduction, accept_introduction, decline_introduction, withdraw_introduction)
}
"""Who answers, by the name of the endpoint."""
