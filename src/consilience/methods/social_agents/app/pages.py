"""Pages: what can be looked at. Nothing here changes anything, and each page is of the one who looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from consilience.methods.social_agents.app.door import Handler, Refused, Visit
from consilience.methods.social_agents.app.policies import GROUPS, PASSED_ON
from consilience.methods.social_agents.app.rendering import page
from consilience.methods.social_agents.app.tasks import talk_of
from consilience.methods.social_agents.app.views import view
from consilience.methods.social_agents.audit import Entry
from consilience.methods.social_agents.demo import FIRST_QUESTION, QUESTION
from consilience.methods.social_agents.identities import is_made
from consilience.methods.social_agents.labels import LABELS, OTHER
from consilience.methods.social_agents.policy import DEFAULTS
from consilience.methods.social_agents.records import Person, Query
from consilience.methods.social_agents.words import split

__all__ = ["PAGES"]

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SHOWN = 200
"""Entries of a log that are shown at once."""


def health(visit: Visit) -> Response:  # noqa: ARG001  a handler
    """Say that the server answers."""
    return PlainTextResponse("well")


def static(visit: Visit) -> Response:
    """Give one of the application's own files."""
    content = _files().get(visit.key)
    if content is None:
        raise Refused(404, "there is nothing here")
    kind = _KINDS[visit.key[visit.key.rindex(".") :]]
    return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})


@cache
def _files() -> dict[str, bytes]:
    folder = files("consilience.methods.social_agents.app") / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.endswith(tuple(_KINDS))}


def sign_in_page(visit: Visit) -> Response:
    """Ask who it is."""
    return page(visit, "sign_in", wrong=False, next=visit.request.query_params.get("next", ""))


def join_page(visit: Visit) -> Response:
    """Ask somebody who was invited what they want to be called."""
    invite = visit.office.accounts.invited(visit.key)
    if invite is None:
        raise Refused(404, "this invitation was used, or is too old; ask for another one")
    by = None if invite.made_by is None else visit.office.store.person(invite.made_by)
    person = visit.office.store.person(invite.handle) if invite.handle else None
    return page(visit, "join", token=visit.key, by=by, person=person)


def home(visit: Visit) -> Response:
    """Show the chats, and what waits."""
    office, me = visit.office, visit.me
    contacts = {one.id: one for one in office.store.contacts_of(me)}
    people = contacts | {one.id: one for one in office.chats.others(me)}
    chats: list[dict[str, Any]] = []
    for other in people.values():
        conversation = office.chats.find(me, other)
        last = office.store.memory(me).recent(conversation, 1) if conversation is not None else []
        chats.append({"other": other, "last": last[0] if last else None, "contact": other.id in contacts})
    chats.sort(key=lambda one: one["last"].sent_at.timestamp() if one["last"] else 0.0, reverse=True)
    tasks = office.tasks.of(me)
    inside = [one for one in office.groups.of(me) if office.groups.has(one, me)]
    return page(
        visit,
        "home",
        groups=[{"group": one, "last": next(iter(office.store.memory(me).recent(one.id, 1)), None)} for one in inside],
        introductions=office.introductions.waiting(me),
        try_first=FIRST_QUESTION if office.manner.demo and me.handle == "ann" else "",
        try_then=QUESTION,
        chats=chats,
        requests=office.store.requests_of(me),
        invited=[view(one, me, store=office.store, tasks=office.tasks, desk=office.desk) for one in tasks[:50]
                 if one.standing == "invited" and one.partner == me.id],
        running=[view(one, me, store=office.store, tasks=office.tasks, desk=office.desk) for one in tasks[:50]
                 if one.standing in ("running", "paused")],
    )  # fmt: skip


def events(visit: Visit) -> Response:
    """Tell an open page when something of it has changed."""
    office, session = visit.office, visit.signed_in

    def still() -> bool:
        return office.accounts.person_of(session.token) == session.person.handle

    return StreamingResponse(
        office.live.stream(session.person.handle, still),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def people(visit: Visit) -> Response:
    """Show contacts, and who asks to be one."""
    store, me = visit.office.store, visit.me
    policies = visit.office.policies
    contacts = [(one, policies.group(me.handle, one.handle)) for one in store.contacts_of(me)]
    waiting = len(visit.office.introductions.waiting(me))
    return page(visit, "people", contacts=contacts, requests=store.requests_of(me), introductions=waiting)


def person(visit: Visit) -> Response:
    """Show a contact, and what one lets them do."""
    office, me, other = visit.office, visit.me, visit.person
    return page(
        visit,
        "person",
        other=other,
        group=office.policies.group(me.handle, other.handle),
        groups=GROUPS,
        trusted=office.chats.trusts(me, other),
        tasks=[one for one in office.tasks.of(me, other)][:20],  # noqa: C416
        grants=office.consent.grants(me.handle, other.handle),
    )


def chat(visit: Visit) -> Response:
    """Show what two have written to each other, and the tasks between them."""
    office, me, other = visit.office, visit.me, visit.person
    lines: list[tuple[datetime, str, Any]] = [(one.sent_at, "message", one) for one in office.chats.messages(me, other)]
    since = lines[0][0] if len(lines) >= _SHOWN else None
    for task in office.tasks.of(me, other)[:50]:
        if since is None or task.at >= since:
            seen = view(task, me, store=office.store, tasks=office.tasks, desk=office.desk)
            lines.append((task.at, "task", seen))
    lines.sort(key=lambda line: line[0])
    contact = office.store.are_contacts(me, other)
    return page(visit, "chat", other=other, lines=lines, contact=contact)


def tasks(visit: Visit) -> Response:
    """Show what was asked, by and of whomever looks."""
    office, me = visit.office, visit.me
    found = [
        view(one, me, store=office.store, tasks=office.tasks, desk=office.desk) for one in office.tasks.of(me)[:50]
    ]
    return page(visit, "tasks", tasks=found, contacts=office.store.contacts_of(me))


def task(visit: Visit) -> Response:
    """Show a task from one's own side."""
    office = visit.office
    seen = view(visit.task, visit.me, store=office.store, tasks=office.tasks, desk=office.desk)
    names = {seen.task.name, *(one.name for one in seen.parts)}
    waiting = [one for one in office.consent.waiting(visit.me.handle) if talk_of(one.task) in names]
    return page(visit, "task", seen=seen, task=seen.task, waiting_here=len(waiting))


def consent(visit: Visit) -> Response:
    """Show what one's agent asks, and what one agreed to."""
    office, me = visit.office, visit.me
    memory = office.store.memory(me)
    requests = [
        (one, _named(visit, one.counterpart), memory.messages(list(one.messages)), office.tasks.named(one.task, me))
        for one in office.consent.waiting(me.handle)
    ]
    grants = [(one, _named(visit, one.counterpart)) for one in office.consent.grants(me.handle)]
    return page(visit, "consent", requests=requests, grants=grants)


def audit(visit: Visit) -> Response:
    """Show what was revealed of one's information, and what one's agent did."""
    office, me = visit.office, visit.me
    entries = [one for one in _entries(visit) if one.event != "asked"]
    memory = office.store.memory(me)
    rows = [
        (one, _named(visit, one.counterpart), memory.messages(list(one.messages)), office.tasks.named(one.task, me))
        for one in entries[-_SHOWN:]
    ]
    sound = office.audit.verify() if visit.request.query_params.get("check") else None
    return page(visit, "audit", rows=rows[::-1], sound=sound, count=len(entries))


def audit_file(visit: Visit) -> Response:
    """Give one's own part of the log as a file."""
    told = [
        {
            "number": one.number,
            "at": one.at.isoformat(),
            "event": one.event,
            "to": one.counterpart,
            "task": one.task,
            "turn": one.turn,
            "purpose": one.purpose,
            "messages": list(one.messages),
            "rule": one.rule,
            "approver": one.approver,
            "hash": one.hash,
        }
        for one in _entries(visit)
    ]
    content = json.dumps(told, indent=1)
    headers = {"Content-Disposition": 'attachment; filename="audit.json"'}
    return JSONResponse(json.loads(content), headers=headers)


def memory(visit: Visit) -> Response:
    """Search what one has read and written."""
    asked = visit.request.query_params.get("q", "").strip()[:200]
    own = visit.office.store.memory(visit.me)
    hits = own.search(Query(words=tuple(split(asked))[:20], limit=50, beside=False)) if asked else []
    recent = [] if asked else own.recent(limit=20)[::-1]
    return page(visit, "memory", asked=asked, hits=hits, recent=recent)


def rules(visit: Visit) -> Response:
    """Show who may learn what."""
    policy = visit.office.policies.of(visit.me.handle)
    whom = [("*", "everybody"), ("new", "who is in no group"), *((one, f"group {one}") for one in GROUPS)]
    whom += [(one.handle, one.name) for one in visit.office.store.contacts_of(visit.me)]
    return page(
        visit,
        "rules",
        rules=policy.rules,
        defaults=DEFAULTS,
        whom=whom,
        labels=("*", *LABELS, OTHER),
        purposes=(("*", "whatever for"), (PASSED_ON, "to be passed on to others")),
    )


def account(visit: Visit) -> Response:
    """Show one's account."""
    return page(visit, "account", browsers=visit.office.accounts.sessions(visit.me), model=visit.office.model)


def admin(visit: Visit) -> Response:
    """Show who there is: nothing of what anybody said."""
    return admin_page(visit, link="")


def admin_page(visit: Visit, *, link: str) -> Response:
    """Return the page of who invites others, with the link of a new invitation."""
    office = visit.office
    accounts = office.accounts.accounts()
    have = {one.person.id for one in accounts}
    without = [one for one in office.store.people() if one.id not in have and not is_made(one)]
    return page(
        visit, "admin", accounts=accounts, without=without, link=link, sound=office.audit.verify(), model=office.model
    )


def _entries(visit: Visit) -> list[Entry]:
    found: list[Entry] = []
    while part := visit.office.audit.entries(visit.me.handle, after=found[-1].number if found else 0):
        found += part
    return found


def _named(visit: Visit, handle: str) -> Person | None:
    known: Mapping[str, Person] = {
        one.handle: one
        for one in (visit.me, *visit.office.store.contacts_of(visit.me), *visit.office.chats.others(visit.me))
    }
    return known.get(handle)


PAGES: Final[dict[str, Handler]] = {
    one.__name__: one
    for one in (
        health, static, sign_in_page, join_page, home, events, people, person, chat, tasks, task, consent, audit,
        audit_file, memory, rules, account, admin,
    )
}  # fmt: skip
"""Who answers, by the name of the endpoint."""
