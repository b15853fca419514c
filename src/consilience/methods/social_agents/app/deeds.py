"""Deeds: what can be done. Each answers with the page to go to; whoever may not is not let in (`door`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, cast

from starlette.responses import Response

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.door import Handler, Refused, Visit, address
from consilience.methods.social_agents.app.leaving import until_still
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.app.policies import GROUPS, PASSED_ON
from consilience.methods.social_agents.app.rates import Rate
from consilience.methods.social_agents.app.rendering import back, page
from consilience.methods.social_agents.app.tasks import Task
from consilience.methods.social_agents.consent import Scope
from consilience.methods.social_agents.erasing import erase_person
from consilience.methods.social_agents.labels import LABELS, OTHER
from consilience.methods.social_agents.policy import Rule, Verdict
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.task import addressed

__all__ = [
    "DEEDS",
    "LONGEST_CARD",
    "REQUESTS",
    "among",
    "is_made_up",
    "proposed",
    "require_password",
    "short",
    "slow_guesses",
]

GUESSES = Rate(8, 900)
"""Wrong passwords for one handle from one address."""
GUESSES_OF_ADDRESS = Rate(40, 900)
"""Wrong passwords from one address."""
GUESSES_OF_HANDLE = Rate(200, 3_600)
"""Wrong passwords for one handle from everywhere."""
REQUESTS = Rate(20, 3_600)
"""How often one may ask others to be contacts."""
TASKS = Rate(60, 3_600)
"""How often one may ask agents."""
MADE_UP = ("ann", "ben")
"""Whom a demo lets in without a password."""
LONGEST_CARD = 500
LONGEST_VALUE = 400
LONGEST_LINE = 1_000
_LASTING = {"1": timedelta(hours=1), "24": timedelta(days=1), "168": timedelta(days=7)}


# --- coming and going ---------------------------------------------------------------------------------------------


def sign_in(visit: Visit) -> Response:
    """Begin a session."""
    office, handle, where = visit.office, visit.said("handle").strip().casefold()[:64], address(visit.request)
    counts = (
        ("guess", f"{handle} {where}", GUESSES),
        ("guess", where, GUESSES_OF_ADDRESS),
        ("guess", handle, GUESSES_OF_HANDLE),
    )
    wait_s = max(office.rates.wait_s(*one, count=False) for one in counts)
    if wait_s:
        raise Refused(429, "too many wrong passwords; wait a while", wait_s=wait_s)
    if is_made_up(office, handle) and not visit.said("password"):
        session = office.accounts.let_in(office.store.person(handle))
    else:
        session = office.accounts.sign_in(handle, visit.said("password"))
    if session is None:
        for one in counts:
            office.rates.wait_s(*one)
        return page(visit, "sign_in", status=401, wrong=True, next=visit.said("next"))
    office.rates.clear("guess", f"{handle} {where}")
    visit.request.state.session = session
    return back(_own_path(visit.said("next")))


def join(visit: Visit) -> Response:
    """Make the account of somebody who was invited, and begin a session."""
    office = visit.office
    password = visit.said("password")
    if password != visit.said("again"):
        raise InvalidInput("the two passwords must be one; type it again")
    account = office.accounts.join(
        visit.key,
        handle=visit.said("handle"),
        name=visit.said("name"),
        password=password,
        card=short("card", visit.said("card"), LONGEST_CARD),
    )
    visit.request.state.session = office.accounts.sign_in(account.person.handle, password)
    return back("/")


def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.office.accounts.sign_out(visit.signed_in)
    visit.request.state.ended = True
    return back("/sign-in")


# --- people -------------------------------------------------------------------------------------------------------


def ask_contact(visit: Visit) -> Response:
    """Ask somebody to be a contact; whether there is somebody is not told."""
    office, me = visit.office, visit.me
    wait_s = office.rates.wait_s("contact", me.handle, REQUESTS)
    if wait_s:
        raise Refused(429, "you have asked many; wait a while", wait_s=wait_s)
    wanted = visit.said("handle").strip()[:64]
    there = {one.handle.casefold(): one for one in office.store.people()}
    other = there.get(wanted.casefold(), me)
    if other.id != me.id and office.accounts.has_account(other):
        office.store.request(me, other)
        if office.store.are_contacts(me, other):  # they had asked before
            office.chats.between(me, other)
        office.live.tell([other.handle], "me", "home")
    return back("/people", "asked")


def accept(visit: Visit) -> Response:
    """Accept somebody as a contact."""
    office, me, other = visit.office, visit.me, visit.person
    office.store.accept(me, other)
    office.chats.between(me, other)
    office.live.tell([me.handle, other.handle], "me", "home")
    return back(f"/people/{other.handle}", "accepted")


def decline(visit: Visit) -> Response:
    """Do not accept somebody as a contact."""
    visit.office.store.withdraw(visit.me, visit.person)
    return back("/people", "declined")


def withdraw(visit: Visit) -> Response:
    """End a contact, and what is under way with them."""
    office, me, other = visit.office, visit.me, visit.person
    office.chats.between(me, other)  # so that both keep what they have read
    office.store.withdraw(me, other)
    office.desk.part(me, other)
    _take_back(visit, other)
    return back("/people", "withdrawn")


def _take_back(visit: Visit, other: Person) -> None:
    """End what one allowed somebody who is no contact any more: it would hold again when they are one again."""
    office, me = visit.office, visit.me
    office.introductions.end(me, other)
    for grant in office.consent.grants(me.handle, other.handle):
        office.consent.withdraw(visit.signed_in.token, grant.id)
    office.chats.trust(me, other, yes=False)
    office.chats.trust(other, me, yes=False)
    office.policies.put_in_group(me.handle, other.handle, "")
    office.live.tell([me.handle, other.handle], "me", "home", f"chat-{other.handle}", f"chat-{me.handle}")


def settings(visit: Visit) -> Response:
    """Say what a contact is, and whether their tasks may begin unasked."""
    office, me, other = visit.office, visit.me, visit.person
    office.policies.put_in_group(me.handle, other.handle, visit.said("group"))
    office.chats.trust(me, other, yes=visit.said("trust") == "yes")
    return back(f"/people/{other.handle}", "saved")


# --- chats and tasks ----------------------------------------------------------------------------------------------


def send(visit: Visit) -> Response:
    """Write to a contact, or have the agents of both find something out."""
    office, me, other = visit.office, visit.me, visit.person
    text = visit.said("text")
    asked = addressed(text, [other.handle])
    if asked is not None or visit.said("as") == "task":
        return proposed(visit, other, text if asked is None else asked.question)
    office.chats.send(me, other, text)
    office.live.tell([me.handle], f"chat-{other.handle}", "home")
    office.live.tell([other.handle], f"chat-{me.handle}", "home")
    return back(f"/chats/{other.handle}")


def ask(visit: Visit) -> Response:
    """Have one's agent find somebody who may know."""
    question = visit.said("question")
    return proposed(visit, visit.office.desk.choose(visit.me, question), question)


def proposed(visit: Visit, other: Person, question: str) -> Response:
    """Have the agents of two find something out, unless one of them asks too often."""
    wait_s = visit.office.rates.wait_s("task", visit.me.handle, TASKS)
    if wait_s:
        raise Refused(429, "you have asked much; wait a while", wait_s=wait_s)
    task = visit.office.desk.propose(visit.me, other, question)
    return back(f"/tasks/{task.id}")


def accept_task(visit: Visit) -> Response:
    """Let one's agent help."""
    return _done(visit, done=visit.office.desk.answer(visit.task, yes=True))


def decline_task(visit: Visit) -> Response:
    """Let one's agent not help."""
    return _done(visit, done=visit.office.desk.answer(visit.task, yes=False))


def pause(visit: Visit) -> Response:
    """Have the agents wait."""
    return _done(visit, done=visit.office.desk.pause(visit.task))


def resume(visit: Visit) -> Response:
    """Have the agents go on."""
    return _done(visit, done=visit.office.desk.resume(visit.task))


def kill(visit: Visit) -> Response:
    """Stop it for good."""
    return _done(visit, done=visit.office.desk.kill(visit.task, visit.me))


def edit(visit: Visit) -> Response:
    """Say what something is."""
    value = short("value", visit.said("value"), LONGEST_VALUE).strip()
    if not value or not visit.said("slot").strip():
        raise InvalidInput("say what it is; a correction must not be empty")
    return _done(visit, done=visit.office.desk.edit(visit.task, visit.me, visit.said("slot"), value))


def say(visit: Visit) -> Response:
    """Say the next line oneself."""
    text = short("text", visit.said("text"), LONGEST_LINE).strip()
    if not text:
        raise InvalidInput("there must be something to say; got an empty line")
    return _done(visit, done=visit.office.desk.say(visit.task, visit.me, text))


def share(visit: Visit) -> Response:
    """Write the answer into the chat."""
    office, me, task = visit.office, visit.me, visit.task
    other = office.store.person(task.partner)
    if not office.store.are_contacts(me, other) or not task.answer:
        return _done(visit, done=False)
    office.chats.send(me, other, f"{task.question}\n→ {task.answer}")
    office.live.tell([me.handle], f"chat-{other.handle}", "home")
    office.live.tell([other.handle], f"chat-{me.handle}", "home")
    return back(f"/chats/{other.handle}", "shared")


def _done(visit: Visit, *, done: bool) -> Response:
    task: Task = visit.task
    return back(f"/tasks/{task.id}", "" if done else "over")


# --- privacy ------------------------------------------------------------------------------------------------------


def decide(visit: Visit) -> Response:
    """Answer one's agent, from one's own session."""
    allow = visit.said("allow") == "yes"
    scope = visit.said("scope") or "messages"
    visit.office.consent.decide(
        visit.signed_in.token,
        visit.number,
        allow=allow,
        scope=cast("Scope", among("scope", scope, ("messages", "kind"))),
        lasting=_LASTING[among("lasting", visit.said("lasting") or "1", tuple(_LASTING))],
    )
    visit.office.live.tell([visit.me.handle], "consent", "me")
    return back("/consent", "allowed" if allow else "denied")


def withdraw_grant(visit: Visit) -> Response:
    """End what one agreed to."""
    visit.office.consent.withdraw(visit.signed_in.token, visit.number)
    return back("/consent", "saved")


def add_rule(visit: Visit) -> Response:
    """Say who may learn which kind of thing."""
    me = visit.me.handle
    contacts = [one.handle for one in visit.office.store.contacts_of(visit.me)]
    who = among("who", visit.said("who"), ("*", "new", *GROUPS, *contacts))
    label = among("label", visit.said("label"), ("*", *LABELS, OTHER))
    purpose = among("purpose", visit.said("purpose") or "*", ("*", PASSED_ON))
    verdict = among("verdict", visit.said("verdict"), ("allow", "coarsen", "ask", "never"))
    rule = Rule(who=who, label=label, purpose=purpose, verdict=cast("Verdict", verdict))
    visit.office.policies.add(me, rule)
    visit.office.live.tell([me], "me")
    return back("/rules", "saved")


def drop_rule(visit: Visit) -> Response:
    """Take one of one's rules away: the one that the page showed in that place."""
    visit.office.policies.drop(visit.me.handle, visit.number, visit.said("rule"))
    visit.office.live.tell([visit.me.handle], "me")
    return back("/rules", "saved")


def forget(visit: Visit) -> Response:
    """Empty one's memory, to the byte."""
    office, me = visit.office, visit.me
    require_password(visit)
    office.desk.leave(me)
    office.uploads.drop(me)
    until_still(office, me)
    for other in office.store.contacts_of(me):
        _take_back(visit, other)
    erase_person(office.store, me, audit=office.audit, tasks=office.tasks, wire=office.wire)
    return back("/memory", "forgotten")


def is_made_up(office: Office, handle: str) -> bool:
    """Whether somebody is of a demo's people who have no password that anybody knows."""
    return office.manner.demo and handle in MADE_UP


def require_password(visit: Visit) -> None:
    """Refuse what only whoever knows the password may do."""
    slow_guesses(visit)
    if not visit.office.accounts.is_password(visit.signed_in, visit.said("password")):
        raise InvalidInput("that was not your password; nothing was changed")


def slow_guesses(visit: Visit) -> None:
    """Refuse more than a few guesses within a session."""
    wait_s = visit.office.rates.wait_s("guess within", visit.me.handle, GUESSES)
    if wait_s:
        raise Refused(429, "that was too often; wait a while", wait_s=wait_s)


def short(name: str, text: str, most: int) -> str:
    """Return a text that is not too long.

    Raises
    ------
    InvalidInput
        When it is.
    """
    if len(text) > most:
        raise InvalidInput(f"`{name}` has at most {most:,} characters; got {len(text):,}")
    return text


def among(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return what was chosen.

    Raises
    ------
    InvalidInput
        When it is none of the choices.
    """
    if value not in choices:
        raise InvalidInput(f"`{name}` must be one of {', '.join(choices)}; got {value[:40]!r}")
    return value


def _own_path(path: str) -> str:
    """Return a path of this server, the first page where it is none.

    Examples
    --------
    >>> _own_path("/tasks/7"), _own_path("//elsewhere"), _own_path("https://elsewhere")
    ('/tasks/7', '/', '/')
    """
    return path if re.fullmatch(r"/(?!/)[\w./-]*", path, re.ASCII) else "/"


_ALL: tuple[Callable[[Visit], Response], ...] = (
    sign_in, join, sign_out, ask_contact, accept, decline, withdraw, settings, send, ask, accept_task, decline_task,
    pause, resume, kill, edit, say, share, decide, withdraw_grant, add_rule, drop_rule, forget,
)  # fmt: skip
DEEDS: Final[dict[str, Handler]] = {one.__name__: one for one in _ALL}
"""Who answers, by the name of the endpoint."""
