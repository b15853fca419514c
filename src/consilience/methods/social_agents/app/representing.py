"""Representing: the agent of one person, served by itself to the agents of their contacts.

It is the agent that the application mounts for each of its people, over the same database. Keys are made, rules given
and consent decided in the application, which may run beside it; tasks that were under way there, it leaves alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvicorn

from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.a2a_server import CARD_PATH, agent_app
from consilience.methods.social_agents.app.answering import DeskAnswering
from consilience.methods.social_agents.app.office import Manner, Office
from consilience.methods.social_agents.app.serving import GRACE_S, is_loopback, listening
from consilience.methods.social_agents.app.shield import Shield
from consilience.methods.social_agents.flags import Representing
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.places import require_there
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.store import Store

__all__ = ["Represented", "represent", "represented"]


@dataclass(frozen=True, slots=True)
class Represented:
    """An agent, ready to be served."""

    office: Office
    address: str
    """Where it is reached."""
    runs: Callable[[], None]
    """Serves until it is told to stop, by ctrl-C or `stops`."""
    stops: Callable[[], None]
    """Has it stop soon."""
    told: tuple[str, ...]
    """What whoever starts it has to know."""


def represent(representing: Representing, tell: Callable[[str], object]) -> None:
    """Serve the agent until it is told to stop."""
    with represented(representing) as agent:
        for line in agent.told:
            tell(line)
        with suppress(KeyboardInterrupt):  # that is how it ends
            agent.runs()


@contextmanager
def represented(representing: Representing) -> Iterator[Represented]:
    """Give the agent, listening and not yet serving.

    Raises
    ------
    InvalidInput
        When it cannot be served like that, or is nobody's.
    """
    database = representing.database
    require_there(database)
    model = connect(representing.model, base_url=representing.base_url, players=PLAYERS, rehearsed=True)
    with Store.open(database) as store, listening(representing.host, representing.port) as listener:
        port = int(listener.getsockname()[1])
        address = (representing.address or f"http://{representing.host}:{port}").rstrip("/")
        name = urlsplit(address).hostname or ""
        if not is_loopback(name) and not address.startswith("https://"):
            raise InvalidInput("--address must read https://name where others reach it; keys must not go in the clear")
        budget = Budget(calls=representing.budget_calls, tokens=representing.budget_tokens)
        key = key_of(database, representing.key_file, make=True)
        office = Office(store, model, manner=Manner(address=address, budget=budget), key=key)
        person = _who(office, representing)
        answering = DeskAnswering(office, person)
        app = agent_app(person, address, answering, _asker_of(office), now=lambda: store.person(person.id))
        hosts = ("127.0.0.1", "localhost", "[::1]", representing.host, name)
        settings = uvicorn.Config(
            Shield(app, hosts=hosts, secure=address.startswith("https://")),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
        )
        server = uvicorn.Server(settings)

        async def served() -> None:
            await office.open(resume=False)
            try:
                await server.serve(sockets=[listener])
            finally:
                await office.close()

        def stops() -> None:
            server.should_exit = True

        told = (
            f"the agent of {person.handle} answers at {address}; its card is {address}{CARD_PATH}; ctrl-C ends it",
            *([f"{office.notice}; name one with --model"] if office.notice else []),
        )
        yield Represented(office, address, lambda: asyncio.run(served()), stops, told)


def _who(office: Office, representing: Representing) -> Person:
    try:
        person = office.store.person(representing.as_)
    except UnknownName as error:
        raise InvalidInput(f"--as must be the handle of somebody here; got {representing.as_!r}") from error
    if not office.accounts.has_account(person):
        raise InvalidInput(f"--as must be somebody who has joined; {representing.as_!r} has no account")
    return person


def _asker_of(office: Office) -> Callable[[str], str | None]:
    def asker_of(token: str) -> str | None:
        caller = office.keys.person_of(token)
        return caller.handle if caller is not None and office.accounts.has_account(caller) else None

    return asker_of
