"""Serving: the application at an address, with an invitation for the first who comes."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvicorn

from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.office import Manner, Office
from consilience.methods.social_agents.demo import FIRST_QUESTION, demo_world, furnish_demo
from consilience.methods.social_agents.flags import Serving
from consilience.methods.social_agents.keys import key_of, key_path
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.store import Store

__all__ = ["GRACE_S", "Server", "is_loopback", "listening", "prepared", "serve"]

GRACE_S = 2
"""How long open pages are waited for when it ends."""


@dataclass(frozen=True, slots=True)
class Server:
    """The application, ready to be served."""

    office: Office
    address: str
    """How people reach it."""
    runs: Callable[[], None]
    """Serves until it is told to stop, by ctrl-C or `stops`."""
    stops: Callable[[], None]
    """Has it stop soon."""
    told: tuple[str, ...]
    """What whoever starts it has to know."""


def serve(serving: Serving, tell: Callable[[str], object]) -> None:
    """Serve the application until it is told to stop."""
    with _at_hand(serving) as whole, prepared(whole) as server:
        for line in server.told:
            tell(line)
        with suppress(KeyboardInterrupt):  # that is how it ends
            server.runs()


@contextmanager
def prepared(serving: Serving) -> Iterator[Server]:
    """Give the application, listening and not yet serving.

    Raises
    ------
    InvalidInput
        When it cannot be served like that.
    """
    secure = _require_whole(serving)
    model = connect(serving.model, base_url=serving.base_url, players=PLAYERS, rehearsed=True)
    with Store.open(serving.database) as store, listening(serving.host, serving.port) as listener:
        port = int(listener.getsockname()[1])
        scheme = "https" if secure else "http"
        host = f"[{serving.host}]" if ":" in serving.host else serving.host
        address = (serving.address or f"{scheme}://{host}:{port}").rstrip("/")
        manner = Manner(
            address=address,
            hosts=("127.0.0.1", "localhost", "[::1]", host, _name(address)),
            budget=Budget(calls=serving.budget_calls, tokens=serving.budget_tokens),
            demo=serving.demo,
        )
        office = Office(store, model, manner=manner, key=key_of(serving.database, serving.key_file, make=True))
        if serving.demo:
            _furnish(office)
        settings = uvicorn.Config(
            application(office),
            log_level="warning",
            access_log=False,  # its lines would hold invitations
            server_header=False,
            ws="none",
            proxy_headers=serving.behind_proxy,
            forwarded_allow_ips="127.0.0.1" if serving.behind_proxy else "",
            ssl_certfile=serving.certificate,
            ssl_keyfile=serving.private_key,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = uvicorn.Server(settings)

        def stops() -> None:
            server.should_exit = True

        told = tuple(_told(serving, office, address))
        yield Server(office, address, lambda: server.run(sockets=[listener]), stops, told)


def _told(serving: Serving, office: Office, address: str) -> Iterator[str]:
    yield f"serving {address} from {serving.database}; ctrl-C ends it"
    if office.notice:
        yield f"{office.notice}; name one with --model"
    if not is_loopback(urlsplit(address).hostname or "") and not address.startswith("https://"):
        yield "passwords and messages go over the network in the clear: give --certificate, or serve behind https"
    yield f"the key of the audit log is {key_path(serving.database, serving.key_file)}; keep a copy elsewhere"
    if serving.demo:
        yield from _told_of_demo(address)
    elif not any(one.admin and not one.suspended for one in office.accounts.accounts()):
        yield f"join first, and invite others: {address}/join/{office.accounts.invite(admin=True)}"


def _told_of_demo(address: str) -> Iterator[str]:
    # Browsers keep cookies by name: so that one browser can be both, the second is let in by another.
    beside = address.replace("//127.0.0.1:", "//localhost:")
    tab = ", or another tab" if beside != address else ""
    yield f"come in as Ann: {address}/sign-in"
    yield f"and as Ben, in another browser{tab}: {beside}/sign-in"
    yield f"then ask Ben's agent, as Ann: {FIRST_QUESTION}"


def _furnish(office: Office) -> None:
    """Make the people of the demo, of whom Ann and Ben are friends whose agents help each other unasked."""
    there = {one.handle: one.name for one in office.store.people()}
    if there and there != {one.handle: one.name for one in demo_world().people}:  # a real Ann is not made up
        raise InvalidInput("--demo lets everybody in and needs a database of its own; name a new one with --database")
    if there:
        return
    furnish_demo(office.store)
    ann, ben = office.store.person("ann"), office.store.person("ben")
    for number, _ in office.store.conversations_of(ann):
        if (two := office.store.members(number)) and len(two) == 2:  # noqa: PLR2004  a chat
            office.chats.adopt(two[0], two[1], number)
    for one, other in ((ann, ben), (ben, ann)):
        token = office.accounts.invite(handle=one.handle, admin=one is ann)
        office.accounts.join(token, handle=one.handle, name=one.name, password=secrets.token_urlsafe(24))
        office.policies.put_in_group(one.handle, other.handle, "friends")
        office.chats.trust(one, other, yes=True)


@contextmanager
def _at_hand(serving: Serving) -> Iterator[Serving]:
    """Give how it is served; a demo that names no database has one of its own, which goes when it ends."""
    if not serving.demo or serving.database != Serving().database:
        yield serving
        return
    with TemporaryDirectory(prefix="social-agents-") as folder:
        yield replace(serving, database=str(Path(folder) / "demo.sqlite"))


def _require_whole(serving: Serving) -> bool:
    """Refuse what does not go together, and return whether it is served over TLS here."""
    if (serving.certificate is None) != (serving.private_key is None):
        raise InvalidInput("--certificate and --private-key go together; give both or neither")
    if serving.certificate is not None and serving.private_key is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                serving.certificate, serving.private_key
            )
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(
                f"--certificate and --private-key must be PEM files that belong together; {error.strerror or error}"
            ) from error
    parts = urlsplit(serving.address or "http://localhost")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise InvalidInput(f"--address must read https://name or http://name:port; got {serving.address!r}")
    if serving.demo and not (is_loopback(serving.host) and is_loopback(parts.hostname)):
        raise InvalidInput("--demo lets everybody in; serve it to this machine only")
    if not serving.address and serving.host in ("0.0.0.0", "::", ""):  # noqa: S104  it is refused
        raise InvalidInput(
            "--address must say how people reach a server that listens everywhere; give http://192.168.1.5:8765, say"
        )
    return serving.certificate is not None


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens.

    Raises
    ------
    InvalidInput
        When the place is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise InvalidInput(
            f"--host and --port must be free to listen at; {host}:{port}: {error.strerror or error}"
        ) from error
    with listener:
        yield listener


def _name(address: str) -> str:
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether a name is that of this machine for itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
