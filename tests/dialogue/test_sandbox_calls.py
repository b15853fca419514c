"""The filter of system calls, run here as the kernel would run it."""

import errno
import os
import struct

import pytest

from consilience.dialogue import sandbox_calls
from consilience.dialogue.sandbox_calls import filter_program, known_machine, number

pytestmark = pytest.mark.skipif(
    not known_machine(), reason="the calls of this machine are not known; runs on x86_64 and aarch64"
)

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
MACHINE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OPEN = dict.fromkeys(("sockets", "signals", "metadata", "processes"), True)
CLOSED = dict.fromkeys(OPEN, False)


def judge(program: bytes, call: int, first: int = 0, machine: int | None = None, second: int = 0) -> int:
    """Return the verdict of a filter on a call with a first argument and a second."""
    data = struct.pack("=IIQQQ", call, machine or MACHINE[os.uname().machine], 0, first, second)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = held = 0
    while True:
        what, if_so, if_not, value = code[at]
        at += 1
        if what == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif what == 0x06:
            return value
        else:
            true = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[what]
            at += if_so if true else if_not


def refused(error: int) -> int:
    return 0x00050000 | error


def test_plain_calls_are_allowed_and_strange_machines_end():
    for walls in (OPEN, CLOSED):
        program = filter_program(**walls)
        assert judge(program, {"x86_64": 0, "aarch64": 63}[os.uname().machine]) == ALLOWED  # read
        assert judge(program, 0, machine=0x40000003) == KILLED
        assert judge(program, 0x40000000) == refused(errno.ENOSYS)


@pytest.mark.parametrize("name", sorted(sandbox_calls._BEYOND))
def test_calls_beyond_the_walls_are_refused_always(name):
    try:
        call = number(name)
    except OSError:
        pytest.skip("no such call on this machine; runs on others")
    assert judge(filter_program(**OPEN), call) == refused(errno.EPERM)
    assert judge(filter_program(**CLOSED), call) == refused(errno.EPERM)


@pytest.mark.parametrize(("wall", "name"), [("signals", "kill"), ("metadata", "fchmodat"), ("signals", "tgkill")])
def test_calls_are_refused_where_their_wall_is_missing(wall, name):
    assert judge(filter_program(**OPEN), number(name)) == ALLOWED
    assert judge(filter_program(**OPEN | {wall: False}), number(name)) == refused(errno.EPERM)


def test_families_of_sockets():
    unix, internet, netlink, virtual = 1, (2, 10), 16, 40
    within, without = filter_program(**OPEN), filter_program(**CLOSED)
    for family in (unix, *internet):
        assert judge(within, number("socket"), family) == ALLOWED
        assert judge(without, number("socket"), family) == refused(errno.EACCES)
    for family in (netlink, virtual):
        assert judge(within, number("socket"), family) == refused(errno.EACCES)
    assert judge(without, number("socketpair"), unix) == ALLOWED
    assert judge(without, number("socketpair"), internet[0]) == refused(errno.EACCES)


def test_new_processes_threads_and_namespaces():
    clone, fork, thread, user_namespace = number("clone"), 17, 0x003D0F00, 0x10000000
    within, alone = filter_program(**OPEN), filter_program(**CLOSED)
    assert judge(within, clone, fork) == ALLOWED
    assert judge(alone, clone, fork) == refused(errno.EAGAIN)
    assert judge(alone, clone, thread) == ALLOWED
    assert judge(within, clone, fork | user_namespace) == refused(errno.EPERM)
    assert judge(within, number("clone3")) == refused(errno.ENOSYS)


def test_limits_of_others():
    program = filter_program(**OPEN)
    assert judge(program, number("prlimit64"), 0) == ALLOWED
    assert judge(program, number("prlimit64"), os.getpid()) == refused(errno.EPERM)


@pytest.mark.parametrize("name", sorted(sandbox_calls._SCHEDULED))
def test_turns_of_others(name):
    program = filter_program(**CLOSED)
    assert judge(program, number(name), 0) == ALLOWED
    assert judge(program, number(name), os.getppid()) == refused(errno.EPERM)


@pytest.mark.parametrize(("name", "single"), [("setpriority", 0), ("ioprio_set", 1)])
def test_turns_of_others_by_kind(name, single):
    program = filter_program(**CLOSED)
    assert judge(program, number(name), single, second=0) == ALLOWED
    assert judge(program, number(name), single, second=os.getppid()) == refused(errno.EPERM)
    for kind in {0, 1, 2, 3} - {single}:  # of a group or of a user
        assert judge(program, number(name), kind, second=0) == refused(errno.EPERM)
