"""The inner side of the sandbox: builds the walls, then does one job after the other and leaves nothing alive.

It runs in a bare interpreter that `consilience.dialogue.sandbox_box` starts: one thread, no data of the caller, the
standard library only. With namespaces it is the first process within (whose end is the end of all others); without, it
adopts and ends whatever a job leaves. It never reads a job: the job's own process does, so that no job can find
another's text in its memory.
"""

# pathlib takes as long to load as a bare interpreter to start.
# ruff: noqa: PTH101, PTH106, PTH112, PTH120

from __future__ import annotations

import gc
import marshal
import os
import resource
import select
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from consilience.dialogue import sandbox_calls, sandbox_job, sandbox_look, sandbox_walls

__all__ = ["LAST", "REPORT", "main", "receive", "send"]

REPORT = struct.Struct("<BidddI")
"""How a job ended (0 by itself, 1 time, 2 memory, 3 size of its folder, 4 not started), return code, wall seconds,
CPU seconds, peak memory in MB, length of the reason; the reason and the files follow."""

LAST = 0x80
"""Beside how a job ended: no other can be done here, for what it left could not be removed."""

_BY_ITSELF, _TIME, _MEMORY, _TREE, _NOT_STARTED = range(5)
_KILL = 9
_LOOK_EVERY_S = 0.02
_COUNTS_BY_NAMESPACE = (5, 14)  # the kernel from which on processes are counted per user namespace


def send(control: int, message: bytes) -> None:
    """Send a message whole."""
    data = memoryview(struct.pack("<Q", len(message)) + message)
    while data:
        data = data[os.write(control, data) :]


def receive(control: int) -> bytes:
    """Receive a message whole; EOFError where the other side has gone."""
    (length,) = struct.unpack("<Q", _receive_bytes(control, 8))
    return _receive_bytes(control, length)


def _receive_bytes(control: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(control, min(count, 1 << 20))
        if not part:
            raise EOFError("the other side has gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def main(control: int) -> None:
    """Build the walls that the first message asks for, and do jobs until the caller goes."""
    os.set_inheritable(control, False)  # noqa: FBT003  positional only
    plan = marshal.loads(receive(control))  # noqa: S302  from the caller, before any job
    try:
        room = _Room(control, plan)
    except OSError as error:
        send(control, marshal.dumps({"failure": str(error)}))
        return
    try:
        room.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        room.end_all()
    room.leave()


class _Room:
    """Walls that stand, and the jobs within."""

    def __init__(self, control: int, plan: dict[str, Any]) -> None:
        self._control = control
        self._limits: dict[str, float] = plan["limits"]
        self._collect: bool = plan["collect"]
        self._root = os.geteuid() == 0
        self._inside = plan["level"] != "none"
        self._user = sandbox_walls.spare_user() if self._root else None
        self._paths = sandbox_walls.library_paths(plan["readable"])
        self._more_processes = 0
        if self._inside:
            self._move_in(user=plan["level"] == "user")
        else:
            sandbox_walls.prctl(sandbox_walls.SUBREAPER, 1)
            self._keep_root_if_needed()
        sandbox_walls.prctl(sandbox_walls.DUMPABLE, 0)
        sandbox_walls.gain_no_privileges()
        self._settle(landlock=plan["landlock"], calls=plan["calls"])
        for name in plan["preload"]:
            __import__(name)
        # What is there already is no garbage: a job that collects would copy all of its pages.
        gc.collect()
        gc.freeze()
        send(control, marshal.dumps({"walls": self._walls}))

    # --- building ---

    def _move_in(self, *, user: bool) -> None:
        within = self._user if self._user is not None else 1000
        release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
        if user and release >= _COUNTS_BY_NAMESPACE:
            # This process and the one below, where they are of the job's user.
            self._more_processes = 0 if self._root else 2
        else:
            self._more_processes = sandbox_walls.count_threads(os.geteuid() if self._user is None else self._user)
        sandbox_walls.enter_namespaces(user=user, inner=(within,))
        first = os.fork()
        if first:
            os.closerange(0, 3)
            os.close(self._control)
            os.waitpid(first, 0)
            os._exit(0)
        sandbox_walls.prctl(sandbox_walls.DIE_WITH_PARENT, _KILL)

    def _keep_root_if_needed(self) -> None:
        """Stay root, without its powers, where nobody else can reach the interpreter."""
        if self._user is None:
            return
        probe = os.fork()
        if probe == 0:
            reached = False
            try:
                sandbox_walls.own_no_privileges(self._user)
                reached = os.access(sys.executable, os.X_OK) and os.access(os.__file__, os.R_OK)
            finally:
                os._exit(0 if reached else 1)
        if os.waitpid(probe, 0)[1] != 0:
            self._user = None

    def _settle(self, *, landlock: bool, calls: bool) -> None:
        owner = self._user if self._user is not None else (1000 if self._inside else os.geteuid())
        self._view: sandbox_walls.View | None = None
        if self._inside:
            try:
                self._view = sandbox_walls.View(
                    self._paths, tree_mb=self._limits["tree_mb"], files=int(self._limits["files"]), owner=owner
                )
            except OSError:
                # Half a view is none to work in; where not even its first mount was allowed, there are other walls.
                if os.path.isdir(sandbox_walls.OLD_ROOT):
                    raise
        self._home = sandbox_walls.HOME if self._view else self._ask_for_folder(owner)
        outside = not self._inside and os.path.isdir("/proc/self")
        self._sees_processes = self._view.processes if self._view else outside
        self._rules: sandbox_walls.Ruleset | None = None
        if landlock and not (self._inside and self._view) and sandbox_walls.landlock_version():
            self._rules = sandbox_walls.Ruleset(self._paths, self._home)
        scoped = self._inside or (self._rules is not None and self._rules.signals)
        counted = not (self._root and self._user is None)
        if not counted and not (calls and sandbox_calls.known_machine()):
            raise OSError("root cannot be given up here, and without namespaces nothing would count its processes")
        self._program: bytes | None = None
        if calls and sandbox_calls.known_machine():
            self._program = sandbox_calls.filter_program(
                sockets=self._inside, signals=scoped, metadata=self._view is not None, processes=counted
            )
        self._walls = self._name_walls(scoped=scoped, counted=counted)

    def _ask_for_folder(self, owner: int) -> str:
        send(self._control, marshal.dumps({"folder": True}))
        folder: str = marshal.loads(receive(self._control))  # noqa: S302  from the caller, before any job
        self._identity = sandbox_look.identity(folder)
        os.chown(folder, owner, owner if self._user is not None else -1)
        return folder

    def _name_walls(self, *, scoped: bool, counted: bool) -> dict[str, str]:
        """Say what stands, and by which means: the first of those that there are."""
        filtered = "filter of system calls" if self._program else ""
        namespace = "namespace" if self._inside else ""
        landlock = "landlock" if self._rules else ""
        another = "another user" if self._user is not None else ""
        alone = "" if counted else "one process only"
        watched = "watched over all processes" if self._sees_processes else ""
        means = {
            "limits": "kernel limits on each process",
            "time": "ended from outside",
            "network": namespace or filtered,
            "files": "own root" if self._view else landlock,
            "processes": namespace,
            "signals": namespace or (landlock if scoped else filtered),
            "privileges": another or ("" if self._root else "no new privileges"),
            "calls": filtered,
            "orphans": namespace or another or alone or ("adopted and ended" if self._sees_processes else ""),
            "memory": ("kernel limit on one process only" if alone else "") or watched,
            "tree": "file system of that size" if self._view else "watched",
        }
        return {wall: by for wall, by in means.items() if by}

    # --- jobs ---

    def serve(self) -> None:
        """Do jobs until the caller goes."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN | select.POLLRDHUP)
        while True:
            if any(event & (select.POLLHUP | select.POLLRDHUP | select.POLLERR) for _, event in poll.poll()):
                return
            report = self._do()
            try:
                self._clear()
            except OSError:
                send(self._control, bytes([report[0] | LAST]) + report[1:])
                return
            send(self._control, report)

    def _clear(self) -> None:
        if self._view:
            self._view.fresh()
            return
        # A job that sees other folders may have put a link in the place of its own.
        if not self._is_home():
            raise OSError("the folder is another one")
        os.chmod(self._home, 0o700)
        sandbox_look.empty(self._home)

    def _is_home(self) -> bool:
        try:
            return sandbox_look.identity(self._home) == self._identity
        except OSError:
            return False

    def leave(self) -> None:
        """Leave no folder either, should the caller have been killed."""
        if not self._view:
            try:
                self._clear()
                os.rmdir(self._home)
            except OSError:
                return

    def _do(self) -> bytes:
        told, tell = os.pipe()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        processes = self._allowed_processes()
        began = time.monotonic()
        job = os.fork()
        if job == 0:
            self._be_job(tell, processes)
        os.close(tell)
        verdict, peak = self._watch(job, began + self._limits["wall_s"])
        code, peak_alone = self._end(job)
        wall = time.monotonic() - began
        self.end_all()
        reason = os.read(told, 1000)
        os.close(told)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if reason:
            verdict = _NOT_STARTED
        report = REPORT.pack(verdict, code, wall, cpu, max(peak, peak_alone), len(reason)) + reason
        return report + b"".join(self._changed())

    def _allowed_processes(self) -> int:
        if not self._inside and not (self._root and self._user is None):
            self._more_processes = sandbox_walls.count_threads(os.geteuid() if self._user is None else self._user)
        return int(self._limits["processes"]) + self._more_processes

    def _watch(self, job: int, deadline: float) -> tuple[int, float]:
        """Wait until the job ends or is over a limit, and say which, with the most memory seen in MB."""
        ended = os.pidfd_open(job)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._control, select.POLLRDHUP)
        peak = 0.0
        looks = 0
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return _TIME, peak
                for which, _ in poll.poll(1000 * min(left, _LOOK_EVERY_S) + 1):
                    if which == ended:
                        return _BY_ITSELF, peak
                    raise EOFError("the caller has gone")
                looks += 1
                peak = max(peak, self._memory_mb())
                if peak > self._limits["memory_mb"]:
                    return _MEMORY, peak
                if (
                    not self._view
                    and looks % 5 == 0
                    and sandbox_look.over_tree(
                        self._home, megabytes=self._limits["tree_mb"], files=self._limits["files"]
                    )
                ):
                    return _TREE, peak
        finally:
            os.close(ended)

    def _end(self, job: int) -> tuple[int, float]:
        """End the job and return how it did, and the memory of its largest process in MB."""
        # Not reaped yet, so that the number cannot be another's.
        os.kill(job, _KILL)
        _, status, usage = os.wait4(job, 0)
        return os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024

    def end_all(self) -> None:
        """Leave no process of a job alive, wherever it hid."""
        if self._inside:
            sandbox_look.send_signal(-1, _KILL)
        elif self._user is not None:
            self._end_user(self._user)
        else:
            sandbox_look.end_descendants()
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    @staticmethod
    def _end_user(user: int) -> None:
        killer = os.fork()
        if killer == 0:
            try:
                sandbox_walls.own_no_privileges(user)
                sandbox_look.send_signal(-1, _KILL)
            finally:
                os._exit(0)
        os.waitpid(killer, 0)

    def _memory_mb(self) -> float:
        if not self._sees_processes:
            return 0.0
        # Under namespaces all that can be seen is the job's, but for this process, the first.
        inside = self._inside
        processes = [pid for pid in sandbox_look.processes() if pid != 1] if inside else sandbox_look.descendants()
        resident = sum(sandbox_look.resident_mb(pid) for pid in processes)
        # Pages that several share count once; that is dear to ask, so only where it matters.
        if resident > self._limits["memory_mb"] and len(processes) > 1:
            return sum(sandbox_look.proportional_mb(pid) for pid in processes)
        return resident

    def _changed(self) -> Iterator[bytes]:
        """Yield names and contents of all regular files, as long as they are within the size of a folder."""
        left = int(self._limits["tree_mb"] * 2**20)
        if not self._collect or not (self._view or self._is_home()):
            return
        for entry in sandbox_look.walk(self._home):
            content = sandbox_look.read_regular(entry.path, left)
            if content is None:
                continue
            left -= len(content)
            name = os.fsencode(os.path.relpath(entry.path, self._home))
            yield struct.pack("<IQ", len(name), len(content))
            yield name
            yield content

    # --- within the job's own process ---

    def _be_job(self, tell: int, processes: int) -> NoReturn:
        code = 127
        try:
            os.setsid()
            os.chdir(self._home)
            sandbox_walls.own_no_privileges(self._user)
            if not self._inside:
                sandbox_walls.prctl(sandbox_walls.DIE_WITH_PARENT, _KILL)
            job = marshal.loads(receive(self._control))  # noqa: S302  from the caller
            os.close(self._control)
            sandbox_job.write_files(job["files"])
            sandbox_job.give_input(job["stdin"])
            self._enclose(processes)
            environment = self._environment(job["env"])
            if job["command"] is None:
                os.close(tell)
                code = sandbox_job.run_snippet(job["code"], self._home, environment)
            else:
                sandbox_job.run_command(job["command"], environment)
        except Exception as error:  # noqa: BLE001  whatever it is, the job was not started
            os.write(tell, str(error).encode("utf-8", "replace")[:1000])
        finally:
            os._exit(code)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        interpreter = os.path.dirname(sys.executable)
        path = dict.fromkeys([interpreter, "/usr/local/bin", "/usr/bin", "/bin"])
        environment = {"PATH": ":".join(path), "HOME": self._home, "LANG": "C.UTF-8"}
        if not self._view or not self._view.temporary:
            environment["TMPDIR"] = self._home
        return environment | more

    def _enclose(self, processes: int) -> None:
        megabyte = 2**20
        limits = self._limits
        sandbox_walls.limit(
            {
                "AS": int(limits["memory_mb"] * megabyte),
                "CPU": max(1, -int(-limits["cpu_s"] // 1)),
                "FSIZE": int(limits["file_mb"] * megabyte),
                "NPROC": processes,
                "NOFILE": 256,
                "CORE": 0,
                "MEMLOCK": 65536,
                "MSGQUEUE": 0,
            }
        )
        if self._rules:
            self._rules.enforce()
        if self._program:
            sandbox_walls.filter_calls(self._program)
