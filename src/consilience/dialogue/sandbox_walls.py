"""The walls of the sandbox, as the Linux kernel builds them: namespaces, an own view of files, Landlock, no privileges.

Part of the inner side of the sandbox: it runs in a bare interpreter that has one thread and nobody else's data, and
stands on the standard library only. Every function either builds its wall or raises OSError; what to do without is
decided by `consilience.dialogue.sandbox_child`.
"""

# pathlib takes as long to load as a bare interpreter to start.
# ruff: noqa: PTH102, PTH103, PTH106, PTH112, PTH114, PTH115, PTH116, PTH120, PTH123, PTH208, PTH211

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
import sys
from collections.abc import Iterable, Mapping

from consilience.dialogue import sandbox_calls

__all__ = [
    "DIE_WITH_PARENT",
    "DUMPABLE",
    "HOME",
    "OLD_ROOT",
    "SUBREAPER",
    "Ruleset",
    "View",
    "count_threads",
    "enter_namespaces",
    "filter_calls",
    "gain_no_privileges",
    "landlock_version",
    "library_paths",
    "limit",
    "own_no_privileges",
    "prctl",
    "spare_user",
]

HOME = "/home/sandbox"
"""Where a program finds its files under an own view."""
OLD_ROOT = "/.root-before"
"""Where the old root is while the view is built."""

DIE_WITH_PARENT, DUMPABLE, KEEP_NO_PRIVILEGES, SUBREAPER = 1, 4, 38, 36
_SECCOMP, _FILTER = 22, 2
_BOUNDING_DROP = 24

_NEW = {"mount": 0x20000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "pid": 0x20000000}
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18
_DETACH = 2
_AT_HERE, _AT_RECURSIVE = -100, 0x8000

_SYSTEM_PATHS = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/alternatives",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NOBODY = 65534
_SPARE_USERS = range(61184, 65520)  # nobody's by convention: systemd gives them to services for a while

_library: ctypes.CDLL | None = None


def _libc() -> ctypes.CDLL:
    global _library  # noqa: PLW0603  the C library is loaded once
    if _library is None:
        _library = ctypes.CDLL(None, use_errno=True)
    return _library


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_libc(), name)(*arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _system_call(number: int, *arguments: object) -> int:
    wide = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return _call("syscall", ctypes.c_long(number), *wide)


def prctl(option: int, value: int = 0) -> None:
    """Ask the kernel for a property of this process, as ``prctl`` does."""
    _call("prctl", option, *(ctypes.c_ulong(number) for number in (value, 0, 0, 0)))


# --- namespaces ----------------------------------------------------------------------------------------------------


def enter_namespaces(*, user: bool, inner: tuple[int, ...]) -> None:
    """Leave this machine's mounts, processes (from the next child on), network, IPC and name for new, empty ones.

    Parameters
    ----------
    user
        Whether within a new user namespace, which needs no privileges.
    inner
        The user ids (and group ids alike) that exist within, beside 0 where the caller is root.
    """
    flags = _NEW_NETWORK
    for flag in _NEW.values():
        flags |= flag
    if not user:
        _call("unshare", flags)
        return
    root = os.geteuid() == 0
    groups, users = os.getegid(), os.geteuid()
    told, tell = os.pipe()
    helper = os.fork() if root else 0
    if root and helper == 0:
        _write_maps_when_told(told, tell, inner)
    _call("unshare", flags | _NEW_USER)
    os.write(tell, b"!")
    os.close(tell)
    os.close(told)
    if root:
        if os.waitpid(helper, 0)[1] != 0:
            raise OSError(errno.EPERM, "the ids of the user namespace could not be written")
        return
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inner[0]} {users} 1")
    _write("/proc/self/gid_map", f"{inner[0]} {groups} 1")


def _write_maps_when_told(told: int, tell: int, inner: tuple[int, ...]) -> None:
    """Write the ids of the parent, which has left: only from outside may more than one be written."""
    code = 1
    try:
        os.close(tell)
        if os.read(told, 1):
            lines = "".join(f"{user} {user} 1\n" for user in (0, *inner))
            for name in ("uid_map", "gid_map"):
                _write(f"/proc/{os.getppid()}/{name}", lines)
            code = 0
    finally:
        os._exit(code)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def spare_user() -> int:
    """Return a user id that is nobody's, for a caller who is root."""
    chosen = _SPARE_USERS[os.getpid() % len(_SPARE_USERS)]
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        mapped = [(int(first), int(count)) for first, _, count in (line.split() for line in lines)]
    return chosen if any(first <= chosen < first + count for first, count in mapped) else _NOBODY


# --- an own view of files ------------------------------------------------------------------------------------------


def library_paths(readable: Iterable[str] = ()) -> list[str]:
    """Return what a program may read: the interpreter, the system's libraries and programs, and what was asked for."""
    own = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    wanted = [*_SYSTEM_PATHS, *own, *readable]
    return sorted({path for path in wanted if path not in ("", "/") and os.path.lexists(path)}, key=len)


class View:
    """A root of its own: the libraries read-only, some devices, its own processes, and a folder of limited size.

    Parameters
    ----------
    paths
        What is to be read, from `library_paths`.
    tree_mb
        Size of all files of a program, in MB.
    files
        How many files and folders it may have.
    owner
        User id that owns the folder.
    """

    def __init__(self, paths: Iterable[str], *, tree_mb: float, files: int, owner: int) -> None:
        shown = list(paths)
        # What is to be seen beneath /tmp must not be covered.
        self.temporary = not any(path.startswith("/tmp/") for path in shown)  # noqa: S108
        self._options = f"size={int(tree_mb * 1024)}k,nr_inodes={files + 4},mode=755".encode()
        self._owner = owner
        self._build(shown)
        self.fresh(first=True)

    def _build(self, paths: list[str]) -> None:
        _mount(None, "/", None, _RECURSIVE | _PRIVATE)
        base = "/tmp" if os.path.isdir("/tmp") else "/dev"  # noqa: S108  a place to mount on, in this view only
        # The root holds folders and mount points only.
        _mount("tmpfs", base, "tmpfs", _NO_SUID | _NO_DEVICES, b"size=1m,nr_inodes=1000,mode=755")
        os.mkdir(f"{base}{OLD_ROOT}")
        _system_call(sandbox_calls.number("pivot_root"), base.encode(), f"{base}{OLD_ROOT}".encode())
        os.chdir("/")
        for path in paths:
            _show(path)
        for path in _DEVICES:
            _show(path, mode=_NO_SUID | _NO_EXEC, read_only=False)
        for path in ("/proc", "/tmp", "/dev/shm", "/box", HOME):  # noqa: S108  of the new root
            os.makedirs(path, 0o755, exist_ok=True)
        os.symlink("/proc/self/fd", "/dev/fd")
        self.processes = _show_processes()
        _call("umount2", OLD_ROOT.encode(), _DETACH)
        os.rmdir(OLD_ROOT)
        _mount(None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)

    def fresh(self, *, first: bool = False) -> None:
        """Give the next program an empty folder, whatever the last one did to it."""
        shown = {"home": HOME, "shm": "/dev/shm"} | ({"tmp": "/tmp"} if self.temporary else {})  # noqa: S108
        if not first:
            for place in shown.values():
                _call("umount2", place.encode(), _DETACH)
        _mount("tmpfs", "/box", "tmpfs", _NO_SUID | _NO_DEVICES, self._options)
        for name, place in shown.items():
            os.mkdir(f"/box/{name}", 0o700)
            os.chown(f"/box/{name}", self._owner, self._owner)
            _mount(f"/box/{name}", place, None, _BIND)
        _call("umount2", b"/box", _DETACH)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    _call(
        "mount",
        None if source is None else source.encode("utf-8", "surrogateescape"),
        target.encode("utf-8", "surrogateescape"),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        data,
    )


def _show(path: str, *, mode: int = _NO_SUID | _NO_DEVICES, read_only: bool = True) -> None:
    """Let a path of the old root be seen at the same place of the new one."""
    old = f"{OLD_ROOT}{path}"
    if os.path.lexists(path) or not os.path.lexists(old):
        return
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    if os.path.islink(old):
        os.symlink(os.readlink(old), path)
        return
    if os.path.isdir(old):
        os.mkdir(path, 0o755)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _mount(old, path, None, _BIND | _RECURSIVE)
    _restrict(path, mode | (_READ_ONLY if read_only else 0))


def _restrict(path: str, flags: int) -> None:
    """Take rights from a mount and all beneath it; on kernels before 5.12 from the uppermost only."""
    name = path.encode("utf-8", "surrogateescape")
    attributes = struct.pack("=QQQQ", flags, 0, 0, 0)  # struct mount_attr has the same bits as the flags of `mount`
    try:
        _system_call(
            sandbox_calls.number("mount_setattr"), _AT_HERE, name, _AT_RECURSIVE, attributes, ctypes.c_size_t(32)
        )
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        kept = os.statvfs(path).f_flag & (_NO_SUID | _NO_DEVICES | _NO_EXEC | 1024 | 2048 | 4096)
        atimes = {1024: 1024, 2048: 2048, 4096: 1 << 21}  # as `statvfs` says it: as `mount` wants it
        kept = (kept & 15) | sum(wanted for seen, wanted in atimes.items() if kept & seen)
        _mount(None, path, None, _REMOUNT | _BIND | flags | kept)


def _show_processes() -> bool:
    """Mount the list of the own processes; some containers refuse, and then there is none."""
    for options in (b"subset=pid", None):
        try:
            _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXEC, options)
        except OSError:
            continue
        return True
    return False


# --- Landlock: the same without namespaces -------------------------------------------------------------------------

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on all machines
_LANDLOCK_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version: how many rights of files it knows
_FILE_RIGHTS = 0b1 | 0b10 | 0b100 | 1 << 14 | 1 << 15  # execute, write, read, truncate, device control
_LOOK = 0b1 | 0b100 | 0b1000  # execute, read a file, list a folder
_SIGNALS_FROM = 6


def landlock_version() -> int:
    """Return the version of Landlock that this kernel offers, 0 where there is none."""
    try:
        return _system_call(_CREATE, None, ctypes.c_size_t(0), 1)
    except OSError:
        return 0


class Ruleset:
    """Rules by which a process gives up all files but some; from version 6 on also signals to others.

    Parameters
    ----------
    readable
        What may be read and run.
    folder
        What may be changed.
    """

    def __init__(self, readable: Iterable[str], folder: str | None) -> None:
        version = landlock_version()
        rights = (1 << _LANDLOCK_RIGHTS.get(version, 16)) - 1
        self.signals = version >= _SIGNALS_FROM
        # From version 4 on TCP is given up too, from 6 on abstract sockets and signals.
        fields = struct.pack("=QQQ", rights, 3, 3)[: 24 if self.signals else 16 if version >= 4 else 8]  # noqa: PLR2004
        self._rules = _system_call(_CREATE, fields, ctypes.c_size_t(len(fields)), 0)
        for path in readable:
            self._allow(path, rights & _LOOK)
        for path in _DEVICES:
            self._allow(path, rights & 0b110)
        if folder is not None:
            self._allow(folder, rights)

    def _allow(self, path: str, rights: int) -> None:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            rights = rights if os.path.isdir(path) else rights & _FILE_RIGHTS
            _system_call(_ADD, self._rules, 1, struct.pack("=Qi", rights, place), 0)
        finally:
            os.close(place)

    def enforce(self) -> None:
        """Bind this process and all that it starts; needs that no privileges can be gained."""
        _system_call(_RESTRICT, self._rules, 0)


# --- privileges, calls and limits ----------------------------------------------------------------------------------


def gain_no_privileges() -> None:
    """Let no program that is started from here on have capabilities; those of this process stay."""
    for capability in range(64):
        try:
            prctl(_BOUNDING_DROP, capability)
        except OSError:
            break


def own_no_privileges(user: int | None = None) -> None:
    """Become another user for good, if one is named, and give up all capabilities and the means to get any again."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _call("capset", struct.pack("=Ii", 0x20080522, 0), bytes(24))
    prctl(KEEP_NO_PRIVILEGES, 1)


def filter_calls(program: bytes) -> None:
    """Let the kernel judge every system call of this process, and of all that it starts, by a filter."""
    instructions = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    _call("prctl", _SECCOMP, ctypes.c_ulong(_FILTER), head)


def limit(limits: Mapping[str, int]) -> None:
    """Set limits of this process, soft and hard, by the kernel's names (``"AS"`` for address space)."""
    for name, most in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None:
            continue
        hard = resource.getrlimit(which)[1]
        # One second between them, so that a program over its time is told before it is killed.
        room = most + 1 if name == "CPU" else most
        allowed = [value if hard == resource.RLIM_INFINITY else min(value, hard) for value in (most, room)]
        resource.setrlimit(which, (allowed[0], allowed[1]))


def count_threads(user: int) -> int:
    """Return how many threads a user runs: so many the kernel counts before a program starts."""
    counted = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    counted += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return counted
