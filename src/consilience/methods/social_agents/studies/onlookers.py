"""Onlookers: all that the application shows everybody, while agents talk and afterwards, in every role.

A place is made of a world with secrets: everybody has an account, and one contact of an owner's is withdrawn. Tasks are
asked for through the pages, as people do. Streams are open all the while. Then everybody looks at every page that the
table of access has, of their own and of others', searches, asks for what is not there, and sends what is wrong; agents
ask by both protocols through their own clients. Nothing is a network: the application is called within the process.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import Rehearsal
from consilience.methods.social_agents.app.access import ENDPOINTS, Role
from consilience.methods.social_agents.app.accounts import Strength
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.office import Manner, Office
from consilience.methods.social_agents.app.trial import PASSWORD, call
from consilience.methods.social_agents.gate import Passed
from consilience.methods.social_agents.policy import Policy, Rule
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.responder import prompt_of
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.overhearing import EVERYBODY, Got, Overheard, search
from consilience.methods.social_agents.studies.protocols import asked_by_agents, read_by_assistant
from consilience.methods.social_agents.studies.secrets import Secret, marked, policy, with_secrets
from consilience.methods.social_agents.values import content_words
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["looked_on"]

_HOST: Final = "testserver"
_LONGEST_S: Final = 60.0
"""How long a task may take."""
_STRANGER, _ADMIN = "zoltan", "adele"
_WRONG: Final = (
    "/tasks/999999",
    "/people/nobody",
    "/chats/nobody",
    "/consent/1",
    "/nothing",
    "/tasks/1%00",
    "/groups/1",
)
_TELLING: Final = ("password", "letter", "mark")
_SECRETS_OF_FORMS = re.compile(r'name="csrf" value="([0-9a-f]+)"')


def looked_on(
    world: World, play: Player, rng: np.random.Generator, *, orders: Sequence[str] = (), guarded: bool = True
) -> Overheard:
    """Let the tasks of a world be asked for in the application, and search what everybody else was shown.

    Parameters
    ----------
    world
        With tasks.
    play
        Everybody's model.
    rng
        Of the secrets.
    orders
        As of `with_secrets`.
    guarded
        Whether there is a gate; without one, prompts are not sifted either.
    """
    planted, secrets = with_secrets(world, rng, orders=orders)
    found = Overheard()
    got, solved, sent = asyncio.run(_lived(planted, secrets, play, guarded=guarded))
    found.solved, found.sent = solved, sent
    for task in world.tasks:
        search(got, [one for one in secrets if one.task == task.id], found, exposing="app: prompts")
    readers = [one.members for one in secrets]
    for channel in found.looked_at:  # the same pieces were searched for each task's secrets
        found.looked_at[channel] = sum(any(who not in one for one in readers) for who, _ in got.channels[channel])
    return found


@dataclass
class _Place:
    """An application with everybody in it."""

    office: Office
    app: Any
    people: Mapping[str, Person]
    """By their handle in the world; the stranger and the admin by their own."""
    got: Got
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def put(self, channel: str, who: str, text: str) -> None:
        """Take down the lines of a text that this person has not got over this channel yet."""
        for line in text.splitlines():
            piece = line.strip()
            if piece and (channel, who, piece) not in self.seen:
                self.seen.add((channel, who, piece))
                self.got.put(channel, who, piece)

    async def get(self, who: str, path: str, channel: str, *, said: str = "") -> str:
        """Have somebody look at a page, and take down what came, but for what they said themselves."""
        reply = await call(self.app, "GET", path, cookies=self.cookies.get(who, {}), headers={"host": _HOST})
        if reply.status >= 400:  # noqa: PLR2004  refusals
            channel = "app: refusals and errors"
        text = reply.text.replace(said, "") if said else reply.text
        self.put(channel, who, "\n".join((text, *(f"{name}: {value}" for name, value in reply.headers.items()))))
        return reply.text

    async def post(self, who: str, path: str, form: Mapping[str, str]) -> str:
        """Have somebody send a form, and take down what came."""
        if who not in self.csrf:
            page = await self.get(who, "/account", "app: pages")
            found = _SECRETS_OF_FORMS.search(page)
            self.csrf[who] = found[1] if found else ""
        form = {**form, "csrf": self.csrf[who]}
        reply = await call(
            self.app, "POST", path, cookies=self.cookies.get(who, {}), form=form, headers={"host": _HOST}
        )
        channel = "app: refusals and errors" if reply.status >= 400 else "app: pages"  # noqa: PLR2004
        self.put(channel, who, f"{reply.text}\n{reply.headers.get('location', '')}")
        return reply.headers.get("location", "")


async def _lived(world: World, secrets: Sequence[Secret], play: Player, *, guarded: bool) -> tuple[Got, int, int]:
    """Have everything happen in a place; return what everybody got, tasks answered, and texts sent."""
    got, prompts = Got(), list[str]()

    def heard(question: Question, chance: np.random.Generator) -> str:
        got.put("app: prompts", _owner(question.element, home), prompt_of(question))
        prompts.append(question.element)
        return play(question, chance)

    with TemporaryDirectory() as folder, Store.open(Path(folder) / "place.sqlite") as store:
        people = dict(furnish(world, store))
        home = {person.handle: handle for handle, person in people.items()}
        marked(store, people, secrets)
        manner = Manner(strength=Strength(1, 8, 1), hosts=(_HOST,), patience=timedelta(seconds=0.2))
        office = Office(store, Rehearsal(heard, name="lips"), manner=manner)
        place = _Place(office, application(office), people, got)
        with _logged(place):
            await office.open()
            try:
                _settled(place, guarded=guarded)
                async with _streams(place):
                    for task in world.tasks:
                        await _asked(place, task)
                _withdrawn(place, secrets)
                await _looked_at(place, world, secrets)
                await _sent_wrongly(place)
            finally:
                await office.close()
        answers = sum(bool(one.answer) for one in office.tasks.of(people[world.tasks[0].asker]))
    return got, answers, len(prompts)


def _owner(element: str, home: Mapping[str, str]) -> str:
    handle = element.rpartition("/")[2]
    return home.get(handle, handle)


def _settled(place: _Place, *, guarded: bool) -> None:
    """Give everybody an account, a session, a policy, and contacts whose tasks begin at once."""
    office, world = place.office, dict(place.people)
    if not guarded:
        office.wire.gate.check = _passed  # type: ignore[method-assign]
    for handle, person in world.items():
        _joined(place, handle, person)
        rules = (
            policy(person.handle).rules if guarded else (Rule(label="secret", verdict="allow"), Rule(verdict="allow"))
        )
        office.policies.put(Policy(person.handle, rules))
        for other in office.store.contacts_of(person):
            office.chats.trust(person, other, yes=True)
    people = dict(world)
    for handle, admin in ((_STRANGER, False), (_ADMIN, True)):
        token = office.accounts.invite(admin=admin)
        people[handle] = office.accounts.join(token, handle=handle, name=handle.title(), password=PASSWORD).person
        _signed_in(place, handle, people[handle])
    place.people = people


def _passed(*given: Any, **named: Any) -> Passed:
    return Passed(str(given[3] if len(given) > 3 else named["say"]))  # noqa: PLR2004  the text is the fourth


def _joined(place: _Place, handle: str, person: Person) -> None:
    token = place.office.accounts.invite(handle=person.handle)
    place.office.accounts.join(token, handle=person.handle, name=person.name, password=PASSWORD)
    _signed_in(place, handle, person)


def _signed_in(place: _Place, handle: str, person: Person) -> None:
    session = place.office.accounts.sign_in(person.handle, PASSWORD)
    if session is not None:
        place.cookies[handle] = {"session": session.token}


async def _asked(place: _Place, task: Task) -> None:
    """Have somebody ask as people do, wait until it is over, and have everybody look at their pages meanwhile."""
    partner = place.people[task.partner].handle
    where = await place.post(task.asker, f"/chats/{partner}", {"text": task.question, "as": "task"})
    number = int(re.findall(r"\d+", where or "0")[-1])
    until = asyncio.get_running_loop().time() + _LONGEST_S
    looked = False
    while asyncio.get_running_loop().time() < until:
        found = place.office.tasks.find(number)
        if found is None or found.over:
            return
        if not looked:
            looked = True
            for who in place.people:
                await place.get(who, "/", "app: pages")
                await place.get(who, f"/tasks/{number}", "app: pages")
        await asyncio.sleep(0.01)


def _withdrawn(place: _Place, secrets: Sequence[Secret]) -> None:
    """End a contact of an owner's with somebody who has not read their secret: from now on they were one."""
    secret = secrets[0]
    owner = place.people[secret.owner]
    for handle, person in place.people.items():
        if handle not in secret.members and person in place.office.store.contacts_of(owner):
            place.office.chats.between(owner, person)
            place.office.store.withdraw(owner, person)
            return


@asynccontextmanager
async def _streams(place: _Place) -> AsyncIterator[None]:
    """Keep a stream of everybody open."""

    async def listened(who: str) -> None:
        scope_path = "/events"
        async for piece in _pieces(place.app, scope_path, place.cookies[who]):
            place.put("app: live streams", who, piece)

    open_ = [asyncio.create_task(listened(who)) for who in place.people]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        for one in open_:
            one.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


async def _pieces(app: Any, path: str, cookies: Mapping[str, str]) -> AsyncIterator[str]:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        await queue.put(message.get("body", b""))

    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", _HOST.encode()), (b"cookie", cookie.encode())],
        "client": ("127.0.0.1", 1),
        "server": (_HOST, 80),
    }
    serving = asyncio.create_task(app(scope, receive, send))
    try:
        while True:
            yield (await queue.get()).decode("utf-8", "replace")
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _looked_at(place: _Place, world: World, secrets: Sequence[Secret]) -> None:
    """Have everybody look at everything, their own and others', search for secrets, and be asked by agents."""
    owner = place.people[secrets[0].owner]
    words = sorted({word for task in world.tasks for one in task.slots for word in content_words(one.text)})[:6]
    paths = _paths(place)
    for who in [*place.people, ""]:
        pages = f"app: pages of others, as {_role(place, who, owner)}"
        for path in paths:
            await place.get(who, path, "app: files" if path.endswith(".json") else pages)
        for word in [*(one.word for one in secrets), *(one.number for one in secrets), *_TELLING, *words]:
            await place.get(who, f"/memory?q={word}", "app: searches", said=word)
        for path in _WRONG:
            await place.get(who, path, "app: refusals and errors")
    await _asked_by_machines(place, world, secrets, words)


async def _asked_by_machines(place: _Place, world: World, secrets: Sequence[Secret], words: Sequence[str]) -> None:
    """Have everybody ask by way of the protocols whose libraries are there."""
    if find_spec("mcp") is not None:
        for who, person in place.people.items():
            for piece in await read_by_assistant(place.office.store.memory(person), secrets, words):
                place.put("app: MCP tools", who, piece)
    if find_spec("a2a") is not None:
        for who, piece in await asked_by_agents(place.app, place.office, place.people, world, secrets):
            place.put("app: A2A endpoint", who, piece)


def _paths(place: _Place) -> list[str]:
    """Return where everybody looks: every page of the table of access, of everybody."""
    tasks = {str(one.id) for person in place.people.values() for one in place.office.tasks.of(person)}
    keys = {
        "handle": [person.handle for person in place.people.values()],
        "task": sorted(tasks),
        "group": ["1"],
        "invite": ["x"],
    }
    looks = [one for one in ENDPOINTS if one.method == "GET" and one.by == "session"]
    found = [
        endpoint.path.replace(f"{{{endpoint.key}}}", key)
        for endpoint in looks
        if endpoint.name not in ("events", "static")
        for key in (keys.get(endpoint.key, ["1"]) if endpoint.key else [""])
    ]
    return [*found, "/audit?check=1"]


def _role(place: _Place, who: str, owner: Person) -> Role:
    if not who:
        return "anonymous"
    person = place.people[who]
    if who == _ADMIN:
        return "admin"
    if person.id == owner.id:
        return "self"
    if person in place.office.store.contacts_of(owner):
        return "contact"
    return "revoked" if place.office.chats.find(person, owner) is not None else "stranger"


async def _sent_wrongly(place: _Place) -> None:
    """Have everybody send what cannot be done."""
    for who in place.people:
        for path, form in (
            ("/tasks", {"question": ""}),
            ("/people", {"handle": "nobody"}),
            ("/rules", {"who": "x", "label": "x", "verdict": "x"}),
            ("/consent/1", {"allow": "yes"}),
            ("/tasks/1/say", {"text": "x"}),
            ("/memory/forget", {"password": "wrong"}),
        ):
            await place.post(who, path, form)


class _Logged(logging.Handler):
    """Takes down what is logged."""

    def __init__(self, place: _Place) -> None:
        super().__init__(logging.DEBUG)
        self._place = place
        self._root = logging.getLogger()
        self._level = self._root.level

    def emit(self, record: logging.LogRecord) -> None:
        """Take down a record, with its traceback."""
        self._place.put("app: server log", EVERYBODY, self.format(record))

    def __enter__(self) -> None:
        self._root.addHandler(self)
        self._root.setLevel(logging.DEBUG)

    def __exit__(self, *_: object) -> None:
        self._root.removeHandler(self)
        self._root.setLevel(self._level)


def _logged(place: _Place) -> _Logged:
    return _Logged(place)
