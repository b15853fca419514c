"""Deeds: what can be done. Each answers with the page to go to; whoever may not is not let in (`door`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, cast

from starlette.responses import Response

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.app.door import Handler, Refused, Visit, address
from consilience.methods.social_agents.app.pages import admin_page
from consilience.methods.social_agents.app.policies import GROUPS, PASSED_ON
from consilience.methods.social_agents.app.rates import Rate
from consilience.methods.social_agents.app.rendering import back, page
from consilience.methods.social_agents.app.tasks import Task
from consilience.methods.social_agents.consent import Scope
from consilience.methods.social_agents.erasing import erase_person
from consilience.methods.social_agents.labels import LABELS, OTHER
from consilience.methods.social_agents.policy import Rule, Verdict
from consilience.methods.social_agents.records import Person

__all__ = ["DEEDS"]

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
LONGEST_CARD = 500
LONGEST_VALUE = 400
LONGEST_LINE = 1_000
_TASK = re.compile(r"\s*@task\b[:,]?\s*", re.IGNORECASE)
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
    if visit.said("password") != visit.said("again"):
        raise InvalidInput("the two passwords must be one; type it again")
    account = office.accounts.join(
        visit.key,
        handle=visit.said("handle"),
        name=visit.said("name"),
        password=visit.said("password"),
        card=_short("card", visit.said("card"), LONGEST_CARD),
    )
    visit.request.state.session = office.accounts.sign_in(account.person.handle, visit.said("password"))
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
    try:
        other = office.store.person(visit.said("handle").strip().casefold()[:64])
    except UnknownName:
        return back("/people", "asked")
    if other.id != me.id and office.accounts.has_account(other):
        office.store.request(me, other)
        if other.id in {one.id for one in office.store.contacts_of(me)}:  # they had asked before
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
    for grant in office.consent.grants(me.handle, other.handle):
        office.consent.withdraw(visit.signed_in.token, grant.id)
    office.chats.trust(me, other, yes=False)
    office.chats.trust(other, me, yes=False)
    office.policies.put_in_group(me.handle, other.handle, "")
    office.live.tell([me.handle, other.handle], "me", "home", f"chat-{other.handle}", f"chat-{me.handle}")
    return back("/people", "withdrawn")


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
    named = _TASK.match(text)
    if named is not None or visit.said("as") == "task":
        return _proposed(visit, other, text[named.end() :] if named is not None else text)
    office.chats.send(me, other, text)
    office.live.tell([me.handle], f"chat-{other.handle}", "home")
    office.live.tell([other.handle], f"chat-{me.handle}", "home")
    return back(f"/chats/{other.handle}")


def ask(visit: Visit) -> Response:
    """Have one's agent find somebody who may know."""
    question = visit.said("question")
    return _proposed(visit, visit.office.desk.choose(visit.me, question), question)


def _proposed(visit: Visit, other: Person, question: str) -> Response:
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
    value = _short("value", visit.said("value"), LONGEST_VALUE).strip()
    if not value or not visit.said("slot").strip():
        raise InvalidInput("say what it is; a correction must not be empty")
    return _done(visit, done=visit.office.desk.edit(visit.task, visit.me, visit.said("slot"), value))


def say(visit: Visit) -> Response:
    """Say the next line oneself."""
    text = _short("text", visit.said("text"), LONGEST_LINE).strip()
    if not text:
        raise InvalidInput("there must be something to say; got an empty line")
    return _done(visit, done=visit.office.desk.say(visit.task, visit.me, text))


def share(visit: Visit) -> Response:
    """Write the answer into the chat."""
    office, me, task = visit.office, visit.me, visit.task
    other = office.store.person(task.partner)
    if other.id not in {one.id for one in office.store.contacts_of(me)} or not task.answer:
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
        scope=cast("Scope", _among("scope", scope, ("messages", "kind"))),
        lasting=_LASTING[_among("lasting", visit.said("lasting") or "1", tuple(_LASTING))],
    )
    visit.office.live.tell([visit.me.handle], "consent", "me")
    return back("/consent", "allowed" if allow else "denied")


def withdraw_grant(visit: Visit) -> Response:
    """End what one agreed to."""
    visit.office.consent.withdraw(visit.signed_in.token, visit.number)
    return back("/consent", "saved")


def add_rule(visit: Visit) -> Response:
    """Say who may learn which kind of thing."""
    contacts = [one.handle for one in visit.office.store.contacts_of(visit.me)]
    who = _among("who", visit.said("who"), ("*", "new", *GROUPS, *contacts))
    label = _among("label", visit.said("label"), ("*", *LABELS, OTHER))
    purpose = _among("purpose", visit.said("purpose") or "*", ("*", PASSED_ON))
    verdict = _among("verdict", visit.said("verdict"), ("allow", "coarsen", "ask", "never"))
    rule = Rule(who=who, label=label, purpose=purpose, verdict=cast("Verdict", verdict))
    visit.office.policies.add(visit.me.handle, rule)
    return back("/rules", "saved")


def drop_rule(visit: Visit) -> Response:
    """Take one of one's rules away."""
    visit.office.policies.drop(visit.me.handle, visit.number)
    return back("/rules", "saved")


def forget(visit: Visit) -> Response:
    """Empty one's memory, to the byte."""
    office, me = visit.office, visit.me
    _require_password(visit)
    office.desk.leave(me)
    erase_person(office.store, me, audit=office.audit, tasks=office.tasks)
    return back("/memory", "forgotten")


# --- the account --------------------------------------------------------------------------------------------------


def card(visit: Visit) -> Response:
    """Say what others may know of one."""
    visit.office.store.set_card(visit.me, _short("card", visit.said("card"), LONGEST_CARD).strip())
    return back("/account", "saved")


def password(visit: Visit) -> Response:
    """Change the password, which signs all other browsers out."""
    office = visit.office
    if visit.said("password") != visit.said("again"):
        raise InvalidInput("the two new passwords must be one; type it again")
    _slow_guesses(visit)
    changed = office.accounts.change_password(visit.signed_in, visit.said("old"), visit.said("password"))
    return back("/account", "saved" if changed else "wrong-password")


def end_sessions(visit: Visit) -> Response:
    """Sign out everywhere else."""
    visit.office.accounts.sign_out(visit.signed_in, elsewhere=True)
    return back("/account", "ended")


# --- who invites others -------------------------------------------------------------------------------------------


def invite(visit: Visit) -> Response:
    """Make an invitation, and show its link once."""
    office = visit.office
    handle = visit.said("handle").strip()
    if handle and handle not in {one.handle for one in office.store.people()}:
        raise InvalidInput(f"there must be a person without an account of that handle; got {handle!r}")
    token = office.accounts.invite(by=visit.me, handle=handle, admin=visit.said("admin") == "yes")
    base = office.manner.address or str(visit.request.base_url).rstrip("/")
    return admin_page(visit, link=f"{base}/join/{token}")


def suspend(visit: Visit) -> Response:
    """Sign somebody out for good, and end what they take part in."""
    office, other = visit.office, visit.person
    office.accounts.suspend(other)
    office.desk.leave(other)
    office.live.end(other.handle)
    return back("/admin", "suspended")


def restore(visit: Visit) -> Response:
    """Let somebody sign in again."""
    visit.office.accounts.suspend(visit.person, suspended=False)
    return back("/admin", "restored")


def _require_password(visit: Visit) -> None:
    _slow_guesses(visit)
    if not visit.office.accounts.is_password(visit.signed_in, visit.said("password")):
        raise InvalidInput("that was not your password; nothing was changed")


def _slow_guesses(visit: Visit) -> None:
    wait_s = visit.office.rates.wait_s("guess within", visit.me.handle, GUESSES)
    if wait_s:
        raise Refused(429, "that was too often; wait a while", wait_s=wait_s)


def _short(name: str, text: str, most: int) -> str:
    if len(text) > most:
        raise InvalidInput(f"`{name}` has at most {most:,} characters; got {len(text):,}")
    return text


def _among(name: str, value: str, choices: tuple[str, ...]) -> str:
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
    pause, resume, kill, edit, say, share, decide, withdraw_grant, add_rule, drop_rule, forget, card, password,
    end_sessions, invite, suspend, restore,
)  # fmt: skip
DEEDS: Final[dict[str, Handler]] = {one.__name__: one for one in _ALL}
"""Who answers, by the name of the endpoint."""
