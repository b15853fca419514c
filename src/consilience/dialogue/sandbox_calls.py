"""A filter of system calls: what a program in the sandbox may not ask of the kernel, as a Berkeley packet filter.

Part of the inner side of the sandbox: it runs in a bare interpreter and stands on the standard library only. The
filter says no to what reaches beyond the walls (other namespaces, mounts, keys, debugging, kernel modules), to what
hides memory from the limits (anonymous files, System V segments), and to sockets of odd families. Where a namespace is
missing it also takes its place: no sockets at all, no signals, no change of modes and owners.
"""

from __future__ import annotations

import errno
import os
import struct

__all__ = ["filter_program", "known_machine", "number"]

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# The numbers of a call on x86_64 and on aarch64; None where there is no such call.
_BEYOND: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Rings would send what the filter of `socket` does not see.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Memory that no process's address space shows.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "pidfd_getfd": (438, 438),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "fanotify_init": (300, 262),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "personality": (135, 92),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
}
_SIGNALS: dict[str, tuple[int | None, int | None]] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
# Landlock watches contents and names of files, not these.
_METADATA: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_PROCESSES: dict[str, tuple[int | None, int | None]] = {"fork": (57, None), "vfork": (58, None)}
_JUDGED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prlimit64": (302, 261),
}

# Where a call says whose turn at the processor, or at the disk, is to change: the number of the process, 0 for the own
# one; with a kind before it, of which one is that of a single process.
_SCHEDULED: dict[str, tuple[int | None, int | None]] = {
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
_SCHEDULED_BY_KIND: dict[str, tuple[int | None, int | None]] = {"setpriority": (141, 140), "ioprio_set": (251, 30)}
_SINGLE = {"setpriority": 0, "ioprio_set": 1}

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_AT_NUMBER, _AT_MACHINE, _AT_FIRST_ARGUMENT, _AT_SECOND_ARGUMENT = 0, 4, 16, 24
_OTHER_NUMBERING = 0x40000000  # x32 calls on x86_64
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_THREAD = 0x00010000
_UNIX, _INTERNET = 1, (2, 10)

Instruction = tuple[int, int, int, int]


def known_machine() -> bool:
    """Whether the numbers of the system calls of this machine are known here."""
    return os.uname().machine in _ARCHITECTURES and struct.calcsize("P") == 8  # noqa: PLR2004  bytes of a pointer


def number(name: str) -> int:
    """Return the number of a system call on this machine.

    Examples
    --------
    >>> number("mount_setattr")
    442
    """
    known = {**_BEYOND, **_SIGNALS, **_METADATA, **_PROCESSES, **_JUDGED, **_SCHEDULED, **_SCHEDULED_BY_KIND}
    found = known[name][_ARCHITECTURES[os.uname().machine][1]]
    if found is None:
        raise OSError(errno.ENOSYS, f"no system call {name} on this machine")
    return found


def filter_program(*, sockets: bool, signals: bool, metadata: bool, processes: bool) -> bytes:
    """Return the filter, as an array of ``struct sock_filter``.

    Parameters
    ----------
    sockets
        Whether Internet and Unix sockets may be made, because a namespace keeps them in.
    signals
        Whether signals may be sent, because nobody else can be reached by them.
    metadata
        Whether modes, owners and times of files may be changed, because only own files are in view.
    processes
        Whether processes may be started, because something counts them.

    Examples
    --------
    >>> strict = filter_program(sockets=False, signals=False, metadata=False, processes=False)
    >>> len(strict) % 8, len(strict) // 8 < 4096
    (0, True)
    """
    machine, column = _ARCHITECTURES[os.uname().machine]
    denied = dict(_BEYOND)
    denied |= {} if signals else _SIGNALS
    denied |= {} if metadata else _METADATA
    denied |= {} if processes else _PROCESSES
    program: list[Instruction] = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_AT_LEAST, 0, 1, _OTHER_NUMBERING),
        _refuse(errno.ENOSYS),
    ]
    for numbers in denied.values():
        program += _on(numbers[column], [_refuse(errno.EPERM)])
    # The C library falls back on `clone`, whose flags can be seen.
    program += _on(_JUDGED["clone3"][column], [_refuse(errno.ENOSYS)])
    program += _on(_JUDGED["clone"][column], _judge_clone(processes=processes))
    program += _on(_JUDGED["socket"][column], _judge_family((_UNIX, *_INTERNET) if sockets else ()))
    program += _on(_JUDGED["socketpair"][column], _judge_family((_UNIX,)))
    # Own limits may be read and lowered, and own turns given up; nobody else's.
    for numbers in (_JUDGED["prlimit64"], *_SCHEDULED.values()):
        program += _on(numbers[column], _judge_own())
    for name, numbers in _SCHEDULED_BY_KIND.items():
        program += _on(numbers[column], _judge_own(_SINGLE[name]))
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _refuse(error: int) -> Instruction:
    return (_RETURN, 0, 0, _ERROR | error)


def _on(call: int | None, body: list[Instruction]) -> list[Instruction]:
    """Run the body, which returns, where the call has that number."""
    return [] if call is None else [(_EQUAL, 0, len(body), call), *body]


def _judge_clone(*, processes: bool) -> list[Instruction]:
    body: list[Instruction] = [
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        _refuse(errno.EPERM),
    ]
    if not processes:
        body += [(_ANY_BIT, 1, 0, _THREAD), _refuse(errno.EAGAIN)]
    return [*body, (_RETURN, 0, 0, _ALLOW)]


def _judge_family(families: tuple[int, ...]) -> list[Instruction]:
    body: list[Instruction] = [(_LOAD, 0, 0, _AT_FIRST_ARGUMENT)]
    for family in families:
        body += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    return [*body, _refuse(errno.EACCES)]


def _judge_own(kind: int | None = None) -> list[Instruction]:
    """Allow a call that is about the process itself, whose number stands first, or after a kind."""
    body = [_refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    body = [(_LOAD, 0, 0, _AT_FIRST_ARGUMENT if kind is None else _AT_SECOND_ARGUMENT), (_EQUAL, 1, 0, 0), *body]
    return body if kind is None else [(_LOAD, 0, 0, _AT_FIRST_ARGUMENT), (_EQUAL, 0, 2, kind), *body]
