"""A trial of the table of access: every endpoint is asked for in every role, and what comes is compared with the table.

Who may not gets the refusal that the table says, and not one row of the database changes. Nobody but whose it is ever
sees the words of `CANARY`, which stand in all that is theirs alone.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from json import dumps
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import inspect

from consilience.dialogue.rehearsal import rehearse
from consilience.methods.social_agents.app.access import ENDPOINTS, ROLES, Endpoint, Role, admits, refusal
from consilience.methods.social_agents.app.accounts import Strength
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.office import Manner, Office
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.records import NewMessage, Person
from consilience.methods.social_agents.store import Store

__all__ = ["CANARY", "Case", "Reply", "call", "trial"]

CANARY: Final = "quokka9417"
"""A word of what is one person's alone."""
PASSWORD: Final = "one long password"  # noqa: S105  of people who are made up
_HANDLES: Final[Mapping[Role, str]] = {
    "self": "ann",
    "contact": "ben",
    "stranger": "cem",
    "revoked": "dee",
    "admin": "eve",
}
_WEAK = Strength(1, 8, 1)
_RULE = Rule(who="pia", verdict="ask")
_OK = (200, 303)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An endpoint, asked for in a role."""

    endpoint: Endpoint
    role: Role
    allowed: bool
    """By the table."""
    reply: Reply
    changed: bool
    """Whether a row of the database changed."""

    @property
    def leaked(self) -> bool:
        """Whether somebody saw what is another's alone."""
        return self.role != "self" and CANARY in self.reply.text

    @property
    def ok(self) -> bool:
        """Whether it went as the table says."""
        if self.leaked:
            return False
        if self.allowed:
            return self.reply.status in (
                *_OK,
                *((501,) if self.endpoint.by == "key" else ()),
            ) and not self.reply.headers.get("location", "").startswith("/sign-in?next=")
        return self.reply.status == refusal(self.endpoint, self.role) and not self.changed


@dataclass
class _World:
    """A database in which everybody stands as they should to what is ann's, and the keys of what is hers."""

    path: Path
    tokens: dict[Role, str] = field(default_factory=dict)
    agents: dict[Role, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def trial(folder: Path) -> Iterator[Case]:
    """Ask for every endpoint in every role, and return what came.

    Parameters
    ----------
    folder
        Where databases are made; empty.
    """
    world = _world(folder / "world.sqlite")
    wanted = [(endpoint, role) for endpoint in ENDPOINTS for role in ROLES]
    lasting = [(one, role) for one, role in wanted if one.method == "GET" or not _allowed(one, role)]
    found = asyncio.run(_through(world, folder, lasting))  # one database for all that must not change it
    for endpoint, role in wanted:
        if (endpoint, role) not in found:
            found |= asyncio.run(_through(world, folder, [(endpoint, role)]))
        yield found[endpoint, role]


async def _through(
    world: _World, folder: Path, wanted: Iterable[tuple[Endpoint, Role]]
) -> dict[tuple[Endpoint, Role], Case]:
    """Ask for some endpoints in some roles, over a fresh copy of the database."""
    path = folder / "case.sqlite"
    for old in folder.glob("case.sqlite*"):
        old.unlink()
    shutil.copyfile(world.path, path)
    with Store.open(path) as store:
        office = _office(store)
        app = application(office)
        await office.open()
        for handle in _HANDLES.values():
            office.uploads.put(store.person(handle), BytesIO(_EXPORT[1]), _EXPORT[0])
        try:
            return {(endpoint, role): await _tried(world, store, app, endpoint, role) for endpoint, role in wanted}
        finally:
            await office.close()


async def call(
    app: Any,
    method: str,
    path: str,
    *,
    cookies: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    file: tuple[str, bytes] | None = None,
    json: object = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Ask an application for something, without a network; of a stream the first piece is read.

    Parameters
    ----------
    app
        To the ASGI standard.
    method, path
        What is asked for.
    cookies, form, json, headers
        What is sent.
    file
        Name and content of a file that is sent with the form.
    """
    kind, body = _body(form or {}, file, json)
    sent = {
        "host": "testserver",
        "cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items()),
        "content-type": kind,
        "content-length": str(len(body)),
        **(headers or {}),
    }
    location, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": location,
        "raw_path": location.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    asked, come = False, asyncio.Event()
    status, back, pieces = 0, dict[str, str](), list[bytes]()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await come.wait()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            back.update({name.decode().lower(): value.decode() for name, value in message["headers"]})
        else:
            pieces.append(message.get("body", b""))
            come.set()

    await app(scope, receive, send)
    return Reply(status, back, b"".join(pieces).decode("utf-8", "replace"))


def _body(form: Mapping[str, str], file: tuple[str, bytes] | None, json: object) -> tuple[str, bytes]:
    if json is not None:
        return "application/json", dumps(json).encode()
    if file is None:
        return "application/x-www-form-urlencoded", urlencode(form).encode()
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in form.items()]
    parts.append(f'Content-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'.encode() + file[1])
    body = b"".join(b"--part\r\n" + part + b"\r\n" for part in parts) + b"--part--\r\n"
    return "multipart/form-data; boundary=part", body


async def _tried(world: _World, store: Store, app: Any, endpoint: Endpoint, role: Role) -> Case:
    if endpoint.by == "key":
        return await _tried_by_key(world, store, app, endpoint, role)
    cookies = {"session": world.tokens[role]} if role in world.tokens else {}
    form = _FORMS.get(endpoint.name, {})
    if endpoint.method == "POST":
        form = {**form, "csrf": await _secret(app, cookies)}
    before = _digest(store)
    key = world.keys.get(endpoint.name, world.keys.get(endpoint.subject, ""))
    where = re.sub(r"\{\w+\}", key, endpoint.path)
    file = _EXPORT if endpoint.uploads else None
    reply = await call(app, endpoint.method, where, cookies=cookies, form=form, file=file)
    changed = _digest(store) != before
    return Case(endpoint=endpoint, role=role, allowed=_allowed(endpoint, role), reply=reply, changed=changed)


async def _tried_by_key(world: _World, store: Store, app: Any, endpoint: Endpoint, role: Role) -> Case:
    """Ask as an agent does, which holds a key; where there is none, with a cookie, which must not help."""
    cookies = {"session": world.tokens["self"]} if role == "anonymous" else {}
    headers = {"authorization": f"Bearer {world.agents[role]}"} if role in world.agents else {}
    headers |= {"accept": "application/json, text/event-stream", "a2a-version": "1.0"}
    before = _digest(store)
    where = re.sub(r"\{\w+\}", world.keys.get(endpoint.subject, ""), endpoint.path)
    reply = await call(app, endpoint.method, where, cookies=cookies, json=_CALLS.get(endpoint.name), headers=headers)
    changed = _digest(store) != before
    return Case(endpoint=endpoint, role=role, allowed=_allowed(endpoint, role), reply=reply, changed=changed)


def _allowed(endpoint: Endpoint, role: Role) -> bool:
    relation: Role = "stranger" if role == "admin" and endpoint.subject != "none" else role
    return admits(endpoint, relation, admin=role == "admin")


async def _secret(app: Any, cookies: dict[str, str]) -> str:
    """Return the secret of a form, and hold the cookie that belongs to it."""
    page = await call(app, "GET", "/sign-in", cookies=cookies)
    given = page.headers.get("set-cookie", "").partition(";")[0].partition("=")
    if given[0]:
        cookies[given[0]] = given[2]
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    return found[1] if found else ""


def _office(store: Store) -> Office:
    return Office(store, rehearse("rehearsal:neighbour", PLAYERS), manner=Manner(strength=_WEAK, hosts=("testserver",)))


def _world(path: Path) -> _World:
    """Make a database in which there is one of everything."""
    world = _World(path)
    with Store.open(path) as store:
        office = _office(store)
        people = {role: _joined(office, handle, admin=role == "admin") for role, handle in _HANDLES.items()}
        ann, ben, dee = people["self"], people["contact"], people["revoked"]
        pia, quin, rex = _joined(office, "pia", admin=True), _joined(office, "quin"), _joined(office, "rex")
        for other in (ben, dee, pia, rex):
            store.request(ann, other)
            store.accept(other, ann)
            office.chats.send(ann, other, "Good morning!")
        store.withdraw(ann, dee)
        store.request(quin, ann)
        number = office.chats.send(pia, ann, f"My {CANARY} is in the garden.")
        diary = store.conversation([ann])
        noon = datetime(2024, 5, 2, 12, tzinfo=UTC)
        store.add_messages([NewMessage(diary, ann.id, noon, f"Dear diary, {CANARY} is a secret.")])
        office.policies.add("ann", _RULE)
        asked = office.tasks.add(ann, pia, f"Where is {CANARY}?", standing="paused")
        invited = office.tasks.add(pia, ann, f"Is {CANARY} well?", standing="invited")
        request = office.consent.ask("ann", "pia", "task", labels=["place"], messages=[number], task=asked.name)
        office.consent.ask("ann", "pia", "task", labels=["health"], messages=[number], task=asked.name)
        for role, handle in _HANDLES.items():
            session = office.accounts.sign_in(handle, PASSWORD)
            if session is not None:
                world.tokens[role] = session.token
            world.agents[role] = office.keys.make(people[role], "an agent")
        office.consent.decide(world.tokens["self"], request.id + 1, allow=True)
        group = office.groups.make(ann, "Neighbours", [dee, pia])
        office.groups.leave(group, dee)
        office.groups.send(group, pia, f"The {CANARY} is out again.")
        mine = office.introductions.ask(ann, pia, "quin", f"{CANARY}?")
        asked_of_ann = office.introductions.ask(quin, pia, "ann", f"{CANARY}!")
        office.introductions.pass_on(asked_of_ann, ann)
        world.keys = {
            "group": str(group.id),
            "introduction": str(mine.id),
            "introduced": str(asked_of_ann.id),
            "key": str(office.keys.of(ann)[0].id),
            "static": "app.css",
            "join": office.accounts.invite(by=people["admin"]),
            "person": "ann",
            "asker": "quin",
            "task": str(asked.id),
            "answer": str(asked.id),
            "invitation": str(invited.id),
            "consent": str(request.id),
            "grant": str(office.consent.grants("ann")[0].id),
            "drop_rule": "0",
            "suspend": "pia",
            "restore": "pia",
        }
        world.keys["join_page"] = world.keys["join"]
        for handle in ("ben", "cem", "dee", "eve", "quin"):
            office.policies.add(handle, _RULE)
            store.request(pia, handle)
            store.accept(handle, pia)
    return world


def _joined(office: Office, handle: str, *, admin: bool = False) -> Person:
    token = office.accounts.invite(admin=admin)
    return office.accounts.join(token, handle=handle, name=handle.title(), password=PASSWORD).person


def _digest(store: Store) -> str:
    with store.reading() as connection:
        tables = [name for name in inspect(connection).get_table_names() if "fts" not in name]
        rows = [(name, connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()) for name in sorted(tables)]  # noqa: S608  its own tables
    return sha256(repr(rows).encode()).hexdigest()


_EXPORT: Final = ("chat.txt", b"25/05/2024, 10:15 - Bea: Hello\r\n25/05/2024, 10:16 - Ann: Good morning\r\n")
_CALLS: Final[Mapping[str, object]] = {
    "agent_rpc": {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "none"}},
    "memory_rpc": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "trial", "version": "1"},
        },
    },
}
_FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "sign_in": {"handle": "ann", "password": PASSWORD},
    "join": {"handle": "zoe", "name": "Zoe", "password": PASSWORD, "again": PASSWORD},
    "ask_contact": {"handle": "quin"},
    "settings": {"group": "family"},
    "send": {"text": "Hello."},
    "make_group": {"title": "Choir", "with-pia": "yes"},
    "send_to_group": {"text": "Hello, all."},
    "add_to_group": {"who": "rex"},
    "ask_introduction": {"via": "pia", "wanted": "quin"},
    "make_key": {"label": "another agent", "password": PASSWORD},
    "leave": {"password": PASSWORD},
    "ask": {"question": "What is the pet of Pia?"},
    "edit": {"slot": "s1", "value": "a parrot"},
    "say": {"text": "A parrot."},
    "decide": {"allow": "yes"},
    "forget": {"password": PASSWORD},
    "add_rule": {"who": "*", "label": "health", "verdict": "never"},
    "drop_rule": {"rule": str(_RULE)},
    "card": {"card": "I keep bees."},
    "password": {"old": PASSWORD, "password": f"{PASSWORD} too", "again": f"{PASSWORD} too"},
}
