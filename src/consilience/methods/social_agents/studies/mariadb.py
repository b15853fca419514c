"""A MariaDB of one's own: a server in a temporary folder, reached through a socket file, gone afterwards."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from consilience.ground.errors import MissingDependency
from consilience.ground.late import late_module

__all__ = ["absent", "mariadb"]

PATIENCE_S = 60.0
"""For the server to begin, and to end."""
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")


def absent() -> str:
    """Return why there can be no server here; nothing where there can be one."""
    missing = [name for name in ("mariadbd", "mariadb-install-db") if _found(name) is None]
    if missing:
        return f"there is no {missing[0]} on this machine; install MariaDB's server, such as Debian's mariadb-server"
    try:
        _driver()
    except MissingDependency as error:
        return str(error)
    return ""


@contextmanager
def mariadb() -> Iterator[Any]:
    """Start a server as it comes, with nothing in it but an empty database, and give a connection to that.

    Raises
    ------
    MissingDependency
        When the server or its driver is absent.
    """
    why = absent()
    if why:
        raise MissingDependency(why)
    with TemporaryDirectory(prefix="db") as scratch:
        folder = Path(scratch)
        user = getpass.getuser()
        options = ["--no-defaults", f"--user={user}", f"--datadir={folder / 'data'}"]
        _run([_need("mariadb-install-db"), *options, "--auth-root-authentication-method=normal", "--skip-test-db"])
        log = (folder / "log").open("wb")
        own = folder / "tmp"  # a server that begins in a shared one deletes what others have there
        own.mkdir()
        command = [_need("mariadbd"), *options, f"--tmpdir={own}", "--skip-networking", f"--socket={folder / 's'}"]
        server = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  the server that was found
        try:
            with log:
                connection = _connected(folder / "s", server, folder / "log")
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE original CHARACTER SET utf8mb4")
                cursor.execute("USE original")
                yield connection
        finally:
            _stopped(server)


def _connected(place: Path, server: subprocess.Popen[bytes], log: Path) -> Any:
    until = time.monotonic() + PATIENCE_S
    while not _answers(place):
        if server.poll() is not None or time.monotonic() > until:
            said = log.read_text(errors="replace")[-1000:]
            raise RuntimeError(f"MariaDB did not begin; it says: {said}")
        time.sleep(0.1)
    return _driver().connect(unix_socket=str(place), user="root", charset="utf8mb4", autocommit=True)


def _stopped(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _answers(place: Path) -> bool:
    # The driver does not close a socket that found nobody.
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(place)) == 0


def _driver() -> Any:
    return late_module("pymysql", "MariaDB is reached through {missing}; install consilience[peers]", usually="PyMySQL")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stderr[-1000:]}")


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))


def _need(name: str) -> str:
    found = _found(name)
    if found is None:
        raise MissingDependency(f"this needs {name}; install MariaDB's server")
    return found
