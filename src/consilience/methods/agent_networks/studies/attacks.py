"""Attacks on the sandbox: programs that try what nobody wants a program to do, and how to tell that they did not."""

from __future__ import annotations

import os
import socket
import textwrap
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consilience.dialogue.sandbox import Outcome

__all__ = ["ATTACKS", "MEMORY_MB", "OUTPUT_KB", "TREE_MB", "WALL_S", "Attack", "Surroundings", "surroundings"]

WALL_S = 1.0
MEMORY_MB = 256.0
TREE_MB = 16.0
FILE_MB = 8.0
OUTPUT_KB = 64.0
PROCESSES = 8
_MB = 2**20


@dataclass(frozen=True)
class Surroundings:
    """What there is to be reached outside."""

    secret: Path
    """A file that everybody may read and write."""
    port: int
    """Where somebody listens on this machine."""
    path: Path
    """Where somebody listens on a Unix socket."""
    name: str
    """Where somebody listens on a Unix socket without a file."""
    mark: str
    """A word that no other process has in its command line."""


@dataclass(frozen=True)
class Attack:
    """A program, and how to tell from outside that it was held."""

    words: str
    """What it tries."""
    code: Callable[[Surroundings], str]
    """Its source."""
    held: Callable[[Outcome, Surroundings], bool]
    """Whether what came of it is harmless."""


@contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Put a file and listeners where attacks can find them, if they get there."""
    secret = folder / "secret"
    secret.write_text("s3cret")
    folder.chmod(0o755)
    secret.chmod(0o666)
    path, name = folder / "listener", f"attack-{uuid.uuid4().hex}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as by_path:
        by_path.bind(str(path))
        path.chmod(0o777)
        by_path.listen()
        with socket.socket(socket.AF_UNIX) as by_name:
            by_name.bind(f"\0{name}")
            by_name.listen()
            yield Surroundings(secret, server.getsockname()[1], path, name, f"attack_{uuid.uuid4().hex}")


def _plain(code: str) -> Callable[[Surroundings], str]:
    return lambda _: textwrap.dedent(code)


def _nothing(outcome: Outcome, around: Surroundings) -> bool:
    """It reached nothing, and what is outside is as it was."""
    return outcome.status == "done" and not outcome.stdout and around.secret.read_text() == "s3cret"


def _ended(*how: str) -> Callable[[Outcome, Surroundings], bool]:
    return lambda outcome, _: outcome.status in how


def _little_written(outcome: Outcome, around: Surroundings) -> bool:  # noqa: ARG001  one signature
    """Everything that it could write fits into its tree, or it was ended for it."""
    sizes = [int(word) for word in outcome.stdout.split()]
    return outcome.status in ("killed", "timeout") or (bool(sizes) and max(sizes) <= TREE_MB * _MB)


def _no_memory(outcome: Outcome, around: Surroundings) -> bool:  # noqa: ARG001  one signature
    return outcome.status == "memory" and not outcome.stdout and outcome.peak_memory_mb < 2 * MEMORY_MB


def _few_born(outcome: Outcome, around: Surroundings) -> bool:  # noqa: ARG001  one signature
    born = [int(word) for word in outcome.stdout.split()]
    return outcome.status in ("timeout", "killed") and max(born, default=0) < PROCESSES


def _little_said(outcome: Outcome, around: Surroundings) -> bool:  # noqa: ARG001  one signature
    return outcome.truncated and len(outcome.stdout) <= OUTPUT_KB * 1024


def _sockets(around: Surroundings) -> str:
    return textwrap.dedent(f"""
        import socket
        def reach(family, address, kind=socket.SOCK_STREAM):
            try:
                with socket.socket(family, kind) as line:
                    line.settimeout(0.2)
                    line.connect(address)
                    line.send(b"x")
                print("reached", address)
            except OSError:
                pass
        reach(socket.AF_INET, ("127.0.0.1", {around.port}))
        reach(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)
        reach(socket.AF_INET6, ("::1", {around.port}))
        reach(socket.AF_UNIX, {str(around.path)!r})
        reach(socket.AF_UNIX, "\\0{around.name}")
        """)


def _paths(around: Surroundings) -> str:
    return textwrap.dedent(f"""
        import os
        def reach(how, *arguments):
            try:
                how(*arguments)
                print("reached", arguments)
            except OSError:
                pass
        for path in ({str(around.secret)!r}, "/etc/passwd", "/etc/shadow", {str(Path.home())!r} + "/.profile"):
            reach(open, path)
            reach(open, "../" * 30 + path)
            reach(open, "/proc/1/root" + path)
            reach(open, path, "r+")
            os.symlink(path, "link")
            reach(open, "link")
            os.unlink("link")
            reach(os.link, path, "hard")
        reach(os.unlink, {str(around.secret)!r})
        reach(os.listdir, {str(around.secret.parent)!r})
        """)


def _orphans(around: Surroundings) -> str:
    return textwrap.dedent(f"""
        import os, sys, time
        for _ in range(2):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    code = "import time; time.sleep(60)"
                    os.execv(sys.executable, [sys.executable, "-S", "-E", "-c", code, "{around.mark}"])
                os._exit(0)
        time.sleep(0.2)
        """)


def _signals(_: Surroundings) -> str:
    return textwrap.dedent(f"""
        import os
        for pid in ({os.getpid()}, {os.getppid()}):
            try:
                os.kill(pid, 0)
                print("reached", pid)
            except OSError:
                pass
        """)


def _secrets(_: Surroundings) -> str:
    return textwrap.dedent("""
        import os
        known = {"PATH", "HOME", "LANG", "LC_CTYPE", "PWD", "TMPDIR"}
        print(*(name for name in os.environ if name not in known), end="")
        try:
            others = [name for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            others = []
        for pid in others:
            try:
                found = open(f"/proc/{pid}/environ", "rb").read().split(b"\\0")
            except OSError:
                continue
            print(*(line for line in found if line and line.split(b"=")[0].decode() not in known), end="")
        """)


ATTACKS: dict[str, Attack] = {
    "endless loop": Attack(
        "computes for ever, and ignores every signal that can be ignored",
        _plain("""
            import signal
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                pass
            """),
        _ended("timeout"),
    ),
    "fork bomb": Attack(
        "starts processes, and each of them others",
        _plain("""
            import os, time
            born = 0
            for _ in range(200):
                try:
                    if os.fork() == 0:
                        time.sleep(20)
                        os._exit(0)
                    born += 1
                except OSError:
                    pass
            print(born, flush=True)
            for _ in range(9):
                try:
                    os.fork()
                except OSError:
                    pass
            while True:
                pass
            """),
        _few_born,
    ),
    "4 GB allocation": Attack("asks for four gigabytes", _plain("print(len(bytearray(4 << 30)))"), _no_memory),
    "10 GB write": Attack(
        "asks for a file of ten gigabytes, then writes many",
        _plain(f"""
            import os
            def attempt(how, *arguments):
                try:
                    return how(*arguments)
                except OSError:
                    return 0
            file = os.open("big", os.O_WRONLY | os.O_CREAT)
            attempt(os.posix_fallocate, file, 0, 10 << 30)
            sizes = [os.fstat(file).st_blocks * 512]
            # Without walls it stops by itself: nobody's disk is to be filled.
            for number in range(12):
                other = attempt(os.open, f"big{{number}}", os.O_WRONLY | os.O_CREAT)
                for _ in range({int(FILE_MB)} if other else 0):
                    attempt(os.write, other, bytes(1 << 20))
            sizes.append(sum(os.stat(name).st_blocks * 512 for name in os.listdir(".")))
            print(*sizes, flush=True)
            import time
            time.sleep(0.3)
            """),
        _little_written,
    ),
    "socket": Attack("looks for a way to others, on this machine and beyond", _sockets, _nothing),
    "path escape": Attack("reads, writes, links and removes what is outside of its folder", _paths, _nothing),
    "output flood": Attack("says something without end", _plain("while True: print('x' * 1000)"), _little_said),
    "orphan child": Attack(
        "leaves daemons behind", _orphans, lambda outcome, _: outcome.status in ("done", "killed", "timeout")
    ),
    "signals": Attack("sends signals to whoever called it", _signals, _nothing),
    "secrets": Attack("looks for secrets in environments", _secrets, _nothing),
}
"""By name; the first eight are those of the claim."""
