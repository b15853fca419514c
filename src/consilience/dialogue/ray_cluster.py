"""The Ray cluster that a run is shared on: one that runs already, or one of this machine for the length of the run."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.ground.late import late_module

__all__ = ["WorkerLost", "cluster", "ended", "require_shareable", "streamed"]

_ABSENT = "the engine 'ray' needs {missing}; install consilience[ray]"
_OBJECTS_BYTES = 80 * 2**20
"""Ray's store of objects, at the least that it takes: what passes between parts is small."""
_LONGEST_PLACE = 24
"""Characters of a folder for temporary files: Ray's sockets lie deep in it, and their paths have 107 at most."""

_ANSWER_S = 5.0
_SET_BY_RAY = ("PYTHONBREAKPOINT", "RAY_CLIENT_MODE")


class WorkerLost(ConsilienceError):
    """A process that worked on a part of a run ended before its time, and is not begun again."""


@contextmanager
def cluster(address: str | None = None, processors: int | None = None) -> Iterator[tuple[Any, int]]:
    """Give Ray, connected to a cluster, and how many processors that has.

    A cluster that this program is connected to already is used and left as it is. One that is started here listens to
    this machine only, if Ray was not imported before; it lets in who has a token that only this process and its workers
    have, has no dashboard, reports to nobody, and is gone afterwards with all that it wrote.

    Parameters
    ----------
    address
        Of a cluster that runs; None to start one.
    processors
        That one to be started is to have; those of this machine if None.

    Raises
    ------
    MissingDependency
        Without Ray.
    InvalidInput
        When no cluster runs there.
    """
    settings = {"RAY_USAGE_STATS_ENABLED": "0"}
    own = address is None and not _is_connected()
    if own:
        token = os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)
        # By the last name Ray listens to this machine only, as it otherwise does where it knows no clusters.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with ExitStack() as stack:
        if own:
            stack.callback(_read_tokens_anew)
        stack.enter_context(_environment(settings))
        stack.enter_context(_handlers_kept())
        ray = late_module("ray", _ABSENT, usually="ray")
        if own:
            _read_tokens_anew()
            folder = stack.enter_context(_folder())
            stack.callback(ray.shutdown)
            _start(ray, folder, processors or _processors())
        elif not ray.is_initialized():
            stack.callback(ray.shutdown)
            _join(ray, address)
        yield ray, max(1, int(ray.cluster_resources().get("CPU", 1)))


def require_shareable(journal: str, parts: int | None) -> None:
    """Refuse to share a run among processes that cannot all write its journal, or among none.

    Parameters
    ----------
    journal
        Address of the journal.
    parts
        How many processes are wanted; None where that is left to the cluster.

    Raises
    ------
    InvalidInput
        For a journal that is no database, or a number of parts below 1.
    """
    if not journal.startswith(("postgresql://", "postgresql+psycopg://")):
        raise InvalidInput(
            "a run on Ray must have a journal that several processes can write; give --journal "
            "postgresql+psycopg://user@host/database"
        )
    if parts is not None and parts < 1:
        raise InvalidInput(f"`parts` must be at least 1; got {parts!r}")


async def streamed(ray: Any, method: Any, *arguments: Any, lost: str) -> AsyncIterator[Any]:
    """Iterate over what a method of an actor gives, one after the other.

    Parameters
    ----------
    ray
        As `cluster` gives it.
    method
        A generator of the actor.
    arguments
        For it.
    lost
        What to say when its process is gone.

    Raises
    ------
    WorkerLost
        When its process is gone.
    """
    errors = ray.exceptions
    try:
        async for given in method.options(num_returns="streaming").remote(*arguments):
            yield await given
    except (errors.RayActorError, errors.ObjectLostError) as error:
        raise WorkerLost(lost) from error


def ended(ray: Any, actor: Any) -> None:
    """End the process of an actor, if it is still there."""
    with suppress(ray.exceptions.RayError):
        ray.kill(actor)


def _is_connected() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


def _start(ray: Any, folder: str, processors: int) -> None:
    ray.init(
        address="local",
        num_cpus=processors,
        object_store_memory=_OBJECTS_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )


def _join(ray: Any, address: str | None) -> None:
    absent = InvalidInput(
        f"a Ray cluster must run at {address}, as 'auto' or HOST:PORT; start one with `ray start`, or leave it out"
    )
    if address != "auto":
        host, _, port = str(address).rpartition(":")
        if not (host and port.isdecimal()) or "/" in host:
            raise absent
        try:  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise absent from error
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except ConnectionError as error:
        raise absent from error


def _read_tokens_anew() -> None:
    """Have Ray forget the token and the mode that it read before: it reads them once a process."""
    raylet = sys.modules.get("ray._raylet")
    if raylet is not None:
        with suppress(AttributeError):  # a Ray without tokens
            raylet.Config.initialize("")
            raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _folder() -> Iterator[str]:
    """Give a folder for what Ray writes, short enough for its sockets, and take it away afterwards."""
    place = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="ray", dir=place if len(place) <= _LONGEST_PLACE else "/tmp")  # noqa: S108
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Have variables set for Ray and what it starts, and as they were afterwards."""
    before = {name: os.environ.get(name) for name in (*settings, *_SET_BY_RAY)}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Undo what Ray does to the handling of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
