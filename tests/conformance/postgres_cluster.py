"""A PostgreSQL server of one's own in a temporary folder, reached through a socket in it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
START_S = 30


class Absent(Exception):
    """There is no server to start; the message says why."""


def programs() -> Path:
    """Return the folder of the newest ``initdb`` and ``postgres``."""
    found = [folder for pattern in INSTALLED for folder in Path("/").glob(pattern.removeprefix("/"))]
    found = [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]
    if found:
        return max(found, key=lambda folder: [int(part) for part in folder.parts if part.isdigit()])
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise Absent("needs PostgreSQL's initdb and postgres, and found none under /usr/lib/postgresql")


def _as_somebody() -> dict[str, object]:
    """Return who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise Absent("PostgreSQL refuses to be run by root, and there is neither a user postgres nor nobody")


def _place() -> str:
    """Return a folder for temporary files that every user can pass through."""
    for place in (tempfile.gettempdir(), "/var/tmp", "/dev/shm"):
        passed = [Path(place), *Path(place).resolve().parents]
        if all(folder.is_dir() and folder.stat().st_mode & 0o001 for folder in passed):
            return place
    raise Absent("PostgreSQL refuses to be run by root, and no temporary folder lets another user through")


class Cluster:
    """A server that can be stopped and started; its data outlives a stop."""

    def __init__(self, folder: Path, binaries: Path, somebody: dict[str, object]) -> None:
        self.folder = folder
        self._binaries = binaries
        self._somebody = somebody
        self._server: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def make(self) -> None:
        """Lay out the data."""
        command = [self._binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-N"]
        command += ["--encoding=UTF8", "--no-locale"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._somebody)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off"}
        command = [self._binaries / "postgres", "-D", self.folder / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._somebody)
        end = time.monotonic() + START_S
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server and end its connections."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(START_S)
            self._server = None

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a server for the length of a ``with``; `Absent` where there is none."""
    binaries, somebody = programs(), _as_somebody()
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=_place() if somebody else None))
    try:
        if somebody:
            os.chown(folder, somebody["user"], somebody["group"])
        one = Cluster(folder, binaries, somebody)
        one.make()
        one.start()
        try:
            yield one
        finally:
            one.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
