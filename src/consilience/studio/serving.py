"""Serving: the studio at an address of this machine, until ctrl-C."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from consilience.ground.errors import InvalidInput
from consilience.studio.site import LOOPBACK, application

__all__ = ["Server", "prepared", "serve"]

LAST_PORT = 65_535
"""The largest number of a port."""
GRACE_S = 2
"""How long open requests are waited for when it ends."""


@dataclass(frozen=True, slots=True)
class Server:
    """The studio, listening and not yet serving."""

    address: str
    """Where a browser finds it."""
    runs: Callable[[], None]
    """Serves until it is told to stop, by ctrl-C or `stops`."""
    stops: Callable[[], None]
    """Has it stop soon."""
    ready: Callable[[], bool]
    """Whether it serves."""


def serve(
    runs: Path | str,
    tell: Callable[[str], object],
    *,
    host: str = "127.0.0.1",
    port: int = 8770,
    opened: bool = False,
    known: bool = False,
) -> None:
    """Serve the studio until ctrl-C.

    Parameters
    ----------
    runs
        The folder with runs.
    tell
        Called with what whoever starts it has to know, a line at a time.
    host, port
        Where to listen; port 0 is any that is free.
    opened
        Whether to open it in the browser of this machine.
    known
        Whether it is known what it means to listen to other machines.

    Raises
    ------
    InvalidInput
        When there is no such folder, the place is taken, or other machines could look without that being meant.
    """
    with prepared(runs, host=host, port=port, known=known) as server:
        tell(f"the studio over {Path(runs).resolve()} is at {server.address}; ctrl-C ends it")
        if opened:
            webbrowser.open(server.address)  # what is listening keeps it waiting until it is served
        with suppress(KeyboardInterrupt):  # that is how it ends
            server.runs()


@contextmanager
def prepared(runs: Path | str, *, host: str = "127.0.0.1", port: int = 8770, known: bool = False) -> Iterator[Server]:
    """Give the studio, listening and not yet serving; see `serve`."""
    if not (is_loopback(host) or known):
        raise InvalidInput(
            f"--host {host} lets whoever reaches this machine read every run, without a password; "
            "give --i-know if that is meant, or use a tunnel such as ssh -L"
        )
    names = (*LOOPBACK, f"[{host}]" if ":" in host else host)
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104  it is asked for twice
    app = application(runs, (*names, *_own_names()) if everywhere else names)
    with _listening(host, port) as listener:
        settings = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
        )
        server = uvicorn.Server(settings)

        def stops() -> None:
            server.should_exit = True

        shown = "127.0.0.1" if everywhere else names[-1]
        address = f"http://{shown}:{listener.getsockname()[1]}/"
        yield Server(address, lambda: server.run(sockets=[listener]), stops, lambda: server.started)


def is_loopback(host: str) -> bool:
    """Whether a name is that of this machine for itself.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_names() -> tuple[str, ...]:
    """Return names and addresses by which other machines may know this one."""
    name = socket.gethostname()
    with suppress(OSError):
        return (name, *(str(found[4][0]) for found in socket.getaddrinfo(name, None)))
    return (name,)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    if not 0 <= port <= LAST_PORT:
        raise InvalidInput(f"--port must lie between 0 and {LAST_PORT}; got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        told = f"--host and --port must be free to listen at; {host}:{port}: {error.strerror or error}"
        raise InvalidInput(f"{told}; give another, or --port 0 for any") from error
    with listener:
        yield listener
