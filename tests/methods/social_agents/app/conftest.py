"""An office in a file, its application, and people who are signed in."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consilience.dialogue.rehearsal import rehearse
from consilience.methods.social_agents.app.accounts import Strength
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.office import Manner, Office
from consilience.methods.social_agents.app.tasks import Task
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.records import NewMessage, Person
from consilience.methods.social_agents.store import Store

PASSWORD = "one long password"
MANNER = Manner(strength=Strength(1, 8, 1), hosts=("testserver", "127.0.0.1"))


class Visitor:
    """Somebody's browser: keeps cookies, and sends forms as their pages have them."""

    def __init__(self, client: TestClient, office: Office) -> None:
        self.client = client
        self.office = office

    def get(self, path: str, **more):
        return self.client.get(path, **more)

    def post(self, path: str, seen: str = "/account", **fields: str):
        page = self.client.get(seen).text
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
        return self.client.post(path, data={"csrf": found[1] if found else "", **fields})


class People:
    """Makes people, with accounts, and browsers for them."""

    def __init__(self, office: Office, app, stack: ExitStack) -> None:
        self.office = office
        self._app = app
        self._stack = stack
        self._running = stack.enter_context(TestClient(app, follow_redirects=False))

    def browser(self) -> Visitor:
        client = TestClient(self._app, follow_redirects=False)
        client.portal = self._running.portal  # one loop, that of the lifespan
        return Visitor(client, self.office)

    def join(self, handle: str, *, admin: bool = False) -> Person:
        token = self.office.accounts.invite(admin=admin)
        return self.office.accounts.join(token, handle=handle, name=handle.title(), password=PASSWORD).person

    def sign_in(self, handle: str) -> Visitor:
        visitor = self.browser()
        reply = visitor.post("/sign-in", "/sign-in", handle=handle, password=PASSWORD)
        assert reply.status_code == 303, reply.text
        return visitor

    def befriend(self, one: Person, other: Person) -> None:
        self.office.store.request(one, other)
        self.office.store.accept(other, one)
        self.office.chats.between(one, other)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "people.sqlite") as store:
        yield store


@pytest.fixture
def make_office(store: Store) -> Callable[..., Office]:
    def make(model: str = "rehearsal:neighbour", manner: Manner = MANNER) -> Office:
        return Office(store, rehearse(model, PLAYERS), manner=manner)

    return make


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


@pytest.fixture
def people(office: Office) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(office, application(office), stack)


QUESTION = "Are the allergy of Dan Roth and the allergy of Cyd Moor the same or different?"


class Dinner:
    """Ann knows what Dan cannot eat, Ben what Cyd cannot; both are new to each other, so that their agents ask them."""

    question = QUESTION

    def __init__(self, people: People) -> None:
        self.office, store = people.office, people.office.store
        self.ann, self.ben = people.join("ann", admin=True), people.join("ben")
        people.befriend(self.ann, self.ben)
        cyd, dan = store.add_person("cyd", "Cyd Moor"), store.add_person("dan", "Dan Roth")
        at = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
        for knows, tells, text in (
            (self.ben, cyd, "My allergy is sesame, so please keep it away."),
            (self.ann, dan, "They tested me and the allergy is sesame after all."),
        ):
            chat = store.conversation([knows, tells])
            store.add_messages([NewMessage(chat, tells.id, at, text)])

    def opened(self) -> "Dinner":
        """Let both tell each other everything, and help each other unasked."""
        for one, other in ((self.ann, self.ben), (self.ben, self.ann)):
            self.office.policies.add(one.handle, Rule(who=other.handle, verdict="allow"))
            self.office.chats.trust(one, other, yes=True)
        return self

    def asked(self) -> Task:
        return self.office.desk.propose(self.ann, self.ben, self.question)

    def refused(self, task: Task) -> Task:
        """Have both say no to whatever their agents ask, until it is over."""
        tokens = {handle: self.session(handle) for handle in ("ann", "ben")}

        def done() -> Task | None:
            for handle, token in tokens.items():
                for request in self.office.consent.waiting(handle):
                    self.office.consent.decide(token, request.id, allow=False)
            found = self.office.tasks.find(task.id)
            return found if found is not None and found.over else None

        return wait(done)

    def over(self, task: Task) -> Task:
        return wait(lambda: (found := self.office.tasks.find(task.id)) and found.over and found)

    def waiting(self, handle: str = "ben"):
        return wait(lambda: self.office.consent.waiting(handle))[0]

    def session(self, handle: str) -> str:
        return self.office.accounts.sign_in(handle, PASSWORD).token


def wait(done, *, within_s: float = 20.0):
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + within_s
    while not (found := done()):
        assert time.monotonic() < deadline, "this did not come to be in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def dinner(people: People) -> Dinner:
    return Dinner(people)


@pytest.fixture
def within():
    return wait
