"""The outer side of the sandbox: a box is one set of walls, started, given jobs, watched and taken down."""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from consilience.dialogue.sandbox_child import LAST, REPORT, receive, send
from consilience.dialogue.sandbox_look import empty, identity
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["Box", "Job", "Plan", "Raw", "SandboxFailed"]

Level = Literal["user", "direct", "none"]

_LOADER = """
import sys
for name, path in zip(("consilience", "consilience.dialogue"), sys.argv[2:]):
    package = type(sys)(name)
    package.__path__ = [path]
    sys.modules[name] = package
from consilience.dialogue.sandbox_child import main
main(int(sys.argv[1]))
"""
"""Loads the inner side alone: what the packages around it import is nothing to a bare interpreter."""

_GRACE_S = 0.8
_GOODBYE_S = 0.3
_START_S = 20.0
_DRAINED = 1 << 16
_FLOOD = 16
_NAME_BYTES = 5000


class SandboxFailed(ConsilienceError, RuntimeError):
    """The sandbox itself could not be built or broke: the message says at which wall."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a box is to be."""

    limits: Mapping[str, float]
    """Limits of a job, by the names of `consilience.dialogue.sandbox.SandboxLimits`."""
    readable: tuple[str, ...] = ()
    """What may be read beside the interpreter and the system's libraries."""
    without: frozenset[str] = frozenset()
    """Means that are left out."""
    preload: tuple[str, ...] = ()
    """Modules that every job finds loaded."""
    collect: bool = True
    """Whether the files of a job are wanted."""

    def levels(self) -> tuple[Level, ...]:
        """The means to try, best first."""
        levels: list[Level] = []
        if "namespaces" not in self.without:
            levels += [] if "users" in self.without else ["user"]
            levels += ["direct"] if os.geteuid() == 0 else []
        return (*levels, "none")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One program to run."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    """Its files, by relative path."""
    command: tuple[str, ...] | None = None
    """What to start; None where `code` is to be run."""
    code: str = ""
    """Python to run in a fresh process of an interpreter that is already there."""
    stdin: bytes = b""
    """Its standard input."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Its environment, beside PATH, HOME and LANG."""

    def packed(self) -> bytes:
        """As the inner side reads it."""
        command = None if self.command is None else list(self.command)
        told = {"files": dict(self.files), "command": command, "code": self.code, "stdin": self.stdin}
        return marshal.dumps(told | {"env": dict(self.env)})


@dataclass(frozen=True, kw_only=True)
class Raw:
    """How a job ended, as the inner side or, where that was not to be had, the outer one saw it."""

    verdict: int
    """0 by itself, 1 time, 2 memory, 3 size of its folder, 4 not started, 5 flood of output, 6 lost."""
    returncode: int
    """As a shell would see it, negative for a signal."""
    wall_s: float
    """Seconds from its start to its end."""
    cpu_s: float = 0.0
    """Seconds of processor of all its processes that were seen to end."""
    peak_mb: float = 0.0
    """Most memory seen."""
    reason: str = ""
    """Why it was not started."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """All regular files it left."""
    stdout: bytes = b""
    """The beginning of its standard output."""
    stderr: bytes = b""
    """The beginning of its standard error."""
    truncated: bool = False
    """Whether there was more output."""


class Box:
    """Walls that stand, for one job after the other.

    Parameters
    ----------
    plan
        What the box is to be.

    Raises
    ------
    SandboxFailed
        If not even the lowest walls could be built.
    """

    def __init__(self, plan: Plan) -> None:
        if sys.platform != "linux":
            raise InvalidInput(f"expected Linux, whose kernel builds the walls of the sandbox; got {sys.platform!r}")
        self._plan = plan
        self._folder: str | None = None
        self._identity = (0, 0)
        self._lock = threading.Lock()
        self._closed = False
        self.broken = False
        failures = []
        for level in plan.levels():
            self._start(level)
            try:
                self.walls = self._hear_of_walls()
            except SandboxFailed as failure:
                failures.append(f"{level}: {failure}")
                self._stop()
            except BaseException:
                self._stop()
                raise
            else:
                return
        raise SandboxFailed(f"no sandbox could be built here ({'; '.join(failures)}); run where namespaces are allowed")

    def _start(self, level: Level) -> None:
        ours, theirs = socket.socketpair()
        here = Path(__file__).parent
        interpreter = os.path.realpath(getattr(sys, "_base_executable", sys.executable) or sys.executable)
        try:
            self._process = subprocess.Popen(  # noqa: S603  fixed words, no shell
                [
                    interpreter,
                    "-I",
                    "-S",
                    "-X",
                    "utf8",
                    "-c",
                    _LOADER,
                    str(theirs.fileno()),
                    str(here.parent),
                    str(here),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours
        plan = self._plan
        told = {
            "level": level,
            "limits": dict(plan.limits),
            "readable": list(plan.readable),
            "landlock": "landlock" not in plan.without,
            "calls": "calls" not in plan.without,
            "preload": list(plan.preload),
            "collect": plan.collect,
        }
        with contextlib.suppress(OSError):
            send(ours.fileno(), marshal.dumps(told))

    def _hear_of_walls(self) -> dict[str, str]:
        while True:
            said = self._hear()
            if "walls" in said:
                walls: dict[str, str] = said["walls"]
                return walls
            if "failure" in said:
                raise SandboxFailed(said["failure"])
            if self._folder is None:
                self._folder = os.path.realpath(tempfile.mkdtemp(prefix="sandbox-"))
                self._identity = identity(self._folder)
            send(self._socket.fileno(), marshal.dumps(self._folder))

    def _hear(self) -> dict[str, Any]:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(1000 * _START_S):
            raise SandboxFailed(f"nothing was heard for {_START_S:g} s")
        try:
            said: dict[str, Any] = marshal.loads(receive(self._socket.fileno()))  # noqa: S302  before any job
        except (EOFError, OSError):
            errors = self._process.stderr.read(2000) if self._process.stderr else b""
            last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SandboxFailed(last or "the inner side ended") from None
        return said

    def run(self, job: Job) -> Raw:
        """Run a job to its end, or to the end of a limit.

        Whatever goes wrong ends the box (`broken` says so), never the caller.
        """
        return _Watch(self, job, self._socket.fileno(), self._process, self._plan.limits).result()

    def abort(self) -> None:
        """End the box and all in it at once, from any thread: a job that runs is reported as lost."""
        self.broken = True
        with self._lock:
            if not self._closed:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take the walls down and leave nothing behind."""
        self.abort()
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop()

    def _stop(self) -> None:
        process = self._process
        self._socket.close()
        try:
            # Asked first, by a closed socket: without namespaces the inner side alone finds those who left their group.
            process.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        if self._folder is not None:
            _remove(self._folder, self._identity)
            self._folder = None


class _Watch:
    """One job as seen from outside: its output as it comes, its report, and a clock of its own."""

    def __init__(
        self, box: Box, job: Job, control: int, process: subprocess.Popen[bytes], limits: Mapping[str, float]
    ) -> None:
        if process.stdout is None or process.stderr is None:
            raise SandboxFailed("the inner side has no output")
        self._box = box
        self._control = control
        self._outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        self._streams = tuple(self._outputs)
        self._most = int(limits["output_kb"] * 1024)
        self._wall_s = limits["wall_s"]
        self._seen = 0
        self._longest = int(limits["tree_mb"] * 2**20 + limits["files"] * _NAME_BYTES) + _DRAINED
        self._request = memoryview(job.packed())
        self._request = memoryview(struct.pack("<Q", len(self._request)) + self._request)
        self._heard = bytearray()
        self._poll = select.poll()

    def result(self) -> Raw:
        began = time.monotonic()
        verdict = self._watch(began + self._wall_s + _GRACE_S)
        if verdict is None:
            self._drain()
            return self._reported()
        self._box.abort()
        outcome = {1: -signal.SIGKILL, 5: -signal.SIGKILL, 6: -signal.SIGKILL}[verdict]
        self._box.close()
        return self._with_output({"verdict": verdict, "returncode": outcome, "wall_s": time.monotonic() - began})

    def _watch(self, deadline: float) -> int | None:
        """Return None when the report is whole, else why there will be none."""
        for stream in self._streams:
            os.set_blocking(stream, False)
            self._poll.register(stream, select.POLLIN)
        os.set_blocking(self._control, False)
        self._poll.register(self._control, select.POLLIN | select.POLLOUT)
        while (left := deadline - time.monotonic()) > 0:
            for which, event in self._poll.poll(1000 * left + 1):
                if which == self._control:
                    state = self._talk(event)
                    if state != "more":
                        return None if state == "whole" else 6
                elif not self._read(which):
                    self._poll.unregister(which)
                if self._seen > _FLOOD * self._most:
                    return 5
        return 1

    def _talk(self, event: int) -> Literal["more", "whole", "gone"]:
        """Send and receive what can be now."""
        if event & select.POLLOUT and not self._send():
            self._poll.modify(self._control, select.POLLIN)
        return self._receive() if event & ~select.POLLOUT else "more"

    def _send(self) -> bool:
        """Send some of the job, and say whether there is more."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._request = self._request[os.write(self._control, self._request[:_DRAINED]) :]
        return len(self._request) > 0

    def _receive(self) -> Literal["more", "whole", "gone"]:
        try:
            part = os.read(self._control, 1 << 20)
        except BlockingIOError:
            return "more"
        except OSError:
            return "gone"
        self._heard += part
        if not part or len(self._heard) > self._longest:
            return "gone"
        whole = len(self._heard) >= 8 and len(self._heard) >= 8 + struct.unpack_from("<Q", self._heard)[0]  # noqa: PLR2004
        return "whole" if whole else "more"

    def _read(self, stream: int) -> bool:
        """Keep what comes first of an output, and say whether the stream is still open."""
        try:
            part = os.read(stream, _DRAINED)
        except BlockingIOError:
            return True
        kept = self._outputs[stream]
        self._seen += len(part)
        kept += part[: max(0, self._most + 1 - len(kept))]
        return bool(part)

    def _drain(self) -> None:
        """Read what the ended job left in the pipes, which hold a little."""
        for stream in self._streams:
            while True:
                before = self._seen
                self._read(stream)
                if self._seen == before:
                    break

    def _reported(self) -> Raw:
        report = memoryview(self._heard)[8:]
        verdict, code, wall, cpu, peak, length = REPORT.unpack_from(report)
        if verdict & LAST:
            self._box.broken = True
        at = REPORT.size + length
        reason = bytes(report[REPORT.size : at]).decode("utf-8", "replace")
        files = {}
        while at < len(report):
            name_length, size = struct.unpack_from("<IQ", report, at)
            at += 12
            name = os.fsdecode(bytes(report[at : at + name_length]))
            at += name_length
            files[name] = bytes(report[at : at + size])
            at += size
        told = {"verdict": verdict & ~LAST, "returncode": code, "wall_s": wall, "cpu_s": cpu, "peak_mb": peak}
        return self._with_output(told | {"reason": reason, "files": files})

    def _with_output(self, told: dict[str, Any]) -> Raw:
        out, error = (self._outputs[stream] for stream in self._streams)
        truncated = max(len(out), len(error)) > self._most
        return Raw(stdout=bytes(out[: self._most]), stderr=bytes(error[: self._most]), truncated=truncated, **told)


def _remove(folder: str, known: tuple[int, int]) -> None:
    """Remove a folder, if the inner side has not, and if it is still the one that was made."""
    with contextlib.suppress(OSError):
        if identity(folder) == known:
            Path(folder).chmod(0o700)
            empty(folder)
            Path(folder).rmdir()
