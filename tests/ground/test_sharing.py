"""Work that is shared: in order, the same here and elsewhere, and no failure is lost."""

import asyncio
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from consilience.ground.sharing import ProcessEnded, beside, kept, shared

_VARIABLE = "CONSILIENCE_TEST_BEGUN"


def begin() -> None:
    os.environ[_VARIABLE] = "yes"


def begun(_: int) -> str | None:
    return os.environ.get(_VARIABLE)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_jobs(processes: int) -> None:
    jobs = [partial(operator.mul, at, at) for at in range(5)]
    seen: list[int] = []
    assert shared(operator.call, jobs, processes, seen=seen.append) == [0, 1, 4, 9, 16] == seen


def test_no_jobs_have_no_results() -> None:
    assert shared(abs, [], 2) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failure_is_not_swallowed(processes: int) -> None:
    seen: list[float] = []
    with pytest.raises(ZeroDivisionError):
        shared(operator.call, [partial(operator.truediv, 1, by) for by in (1, 0)], processes, seen=seen.append)
    assert seen == [1]


def test_each_of_several_processes_begins_as_it_is_told_and_this_one_is_left_alone() -> None:
    assert shared(begun, [0, 1, 2], 2, begin=begin) == ["yes"] * 3
    assert begun(0) is None


def test_a_failure_ends_what_others_are_at() -> None:
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        shared(operator.call, [partial(operator.truediv, 1, 0), partial(time.sleep, 60)], 2)
    assert time.monotonic() - start < 30


def test_a_process_that_is_killed_is_told() -> None:
    # The library may learn of it only when another is done: it waits for those that it had begun by then.
    with pytest.raises(ProcessEnded, match="a process ended before its work was done"):
        shared(operator.call, [partial(os._exit, 1), partial(time.sleep, 2)], 2)


def test_a_script_without_a_guard_is_told_and_begins_no_end_of_processes(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text("from consilience.ground.sharing import shared\nprint(shared(abs, [-1, 2, -3], 2))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    assert 'behind `if __name__ == "__main__":`' in done.stderr
    script.write_text(
        "from consilience.ground.sharing import shared\n"
        "if __name__ == '__main__':\n    print(shared(abs, [-1, 2, -3], 2))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("[1, 2, 3]\n", "")


_MANY = """
import operator, sys, time
from functools import partial
from consilience.ground.sharing import shared
if __name__ == "__main__":
    large = [bytes(1_000_000)] * 12
    try:
        shared(operator.call, [partial(WHAT), *(partial(operator.mul, one, 1) for one in large)], 2)
    except (ZeroDivisionError, KeyboardInterrupt) as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("interrupted", [False, True], ids=["failed", "interrupted"])
def test_many_large_jobs_are_given_up_without_a_word_and_at_once(*, interrupted: bool, tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(_MANY.replace("WHAT", "time.sleep, 60" if interrupted else "operator.truediv, 1, 0"))
    child = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if interrupted:
        time.sleep(2)
        child.send_signal(signal.SIGINT)
    out, error = child.communicate(timeout=30)
    assert (out.split(), error) == (["KeyboardInterrupt" if interrupted else "ZeroDivisionError"], "")


_HOLDING = """
import multiprocessing, signal, sys, time
from consilience.ground.sharing import shared
def job(at):
    held = multiprocessing.RLock()
    if at == 0:
        time.sleep(1)
        raise ZeroDivisionError
    if sys.argv[1] == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
if __name__ == "__main__":
    try:
        shared(job, [0, 1], 2)
    except ZeroDivisionError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("how", ["hears", "deaf"])
def test_a_process_that_is_ended_leaves_no_semaphore_or_is_not_waited_for(how: str, tmp_path: Path) -> None:
    script = tmp_path / "holding.py"
    script.write_text(_HOLDING)
    start = time.monotonic()
    done = subprocess.run([sys.executable, script, how], capture_output=True, text=True, check=False, timeout=60)
    assert time.monotonic() - start < 30
    assert done.stdout == "ZeroDivisionError\n"
    assert ("leaked semaphore" in done.stderr) == (how == "deaf")


def test_processes_end_with_whoever_began_them(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, time, pathlib, sys\nfrom consilience.ground.sharing import shared\n"
        "def job(at):\n    pathlib.Path(sys.argv[1], str(at)).write_text(str(os.getpid()))\n    time.sleep(300)\n"
        "if __name__ == '__main__':\n    shared(job, [0, 1], 2)\n"
    )
    child = subprocess.Popen([sys.executable, script, tmp_path])
    places = [tmp_path / "0", tmp_path / "1"]
    until = time.monotonic() + 60
    while not all(place.exists() and place.read_text() for place in places):
        assert time.monotonic() < until
        time.sleep(0.05)
    child.kill()
    child.wait()
    alive = {int(place.read_text()) for place in places}
    while alive:
        assert time.monotonic() < until, "a process outlived the one that began it"
        alive = {pid for pid in alive if _runs(pid)}
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_one_thing_is_done_beside_and_ended_with_the_block() -> None:
    with beside(partial(operator.add, 1, 2)) as result:
        assert result() == 3
    start = time.monotonic()
    with pytest.raises(KeyError), beside(partial(time.sleep, 60)):
        raise KeyError
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessEnded), beside(partial(os._exit, 1)) as result:
        result()


def pid(_: int) -> int:
    time.sleep(0.2)  # so that one process does not get all
    return os.getpid()


def test_processes_that_are_kept_do_the_next_work_too_and_end_with_the_block() -> None:
    with kept():
        first = set(shared(pid, [0, 1, 2, 3], 2))
        with kept():
            again = set(shared(pid, [0, 1, 2, 3], 2))
        other = set(shared(pid, [0, 1], 2, begin=begin))
        assert set(shared(pid, [0, 1, 2, 3], 2)) == first == again
        assert all(map(_runs, first | other))
    assert len(first) == 2
    assert not first & other
    assert not any(map(_runs, first | other))
    assert not set(shared(pid, [0, 1], 2)) & first


def test_kept_processes_are_no_more_than_jobs_have_been() -> None:
    with kept():
        assert len(set(shared(pid, [0, 1], 8))) <= 2
        assert len(multiprocessing.active_children()) <= 2


def test_after_a_failure_others_are_begun_and_those_beside_are_left_alone() -> None:
    with beside(partial(pid, 0)) as result, kept():
        first = set(shared(pid, [0, 1], 2))
        with pytest.raises(ZeroDivisionError):
            shared(operator.call, [partial(operator.truediv, 1, 0), partial(time.sleep, 60)], 2)
        assert not any(map(_runs, first))
        second = set(shared(pid, [0, 1], 2))
        assert not first & second
        with pytest.raises(ProcessEnded):
            shared(operator.call, [partial(os._exit, 1), partial(time.sleep, 2)], 2)
        assert shared(abs, [-1, 2], 2) == [1, 2]
        assert result() not in first | second


def test_one_that_is_killed_while_it_idles_costs_no_work() -> None:
    with kept():
        first = set(shared(pid, [0, 1], 2))
        os.kill(next(iter(first)), signal.SIGKILL)
        time.sleep(0.5)
        assert not set(shared(pid, [0, 1], 2)) & first
        assert not any(map(_runs, first))


def test_whoever_else_begins_a_process_meanwhile_keeps_it() -> None:
    def meanwhile(_: int) -> None:
        if not others:
            others.append(multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,)))
            others[0].start()

    others: list[multiprocessing.process.BaseProcess] = []
    with kept():
        shared(pid, [0, 1], 2, seen=meanwhile)
        with pytest.raises(ZeroDivisionError):
            shared(operator.call, [partial(operator.truediv, 1, 0), partial(time.sleep, 60)], 2)
        assert others[0].is_alive()
    others[0].terminate()
    others[0].join()


def test_a_failure_in_what_is_told_is_raised_as_it_is_though_others_are_begun_within() -> None:
    def within(_: int) -> None:
        shared(operator.call, [partial(operator.truediv, 1, 0), partial(time.sleep, 60)], 2)

    with kept():
        with pytest.raises(ZeroDivisionError):
            shared(abs, [1, 2], 2, seen=within)
        assert shared(abs, [-1, 2], 2) == [1, 2]


def test_a_block_beside_that_fails_leaves_those_that_are_kept() -> None:
    begun: set[int] = set()

    def fails() -> None:
        with beside(partial(time.sleep, 60)):
            begun.update(shared(pid, [0, 1], 2))
            raise KeyError

    with kept():
        with pytest.raises(KeyError):
            fails()
        assert set(shared(pid, [0, 1, 2, 3], 2)) == begun


def test_another_thread_or_a_copied_context_keeps_nothing() -> None:
    async def elsewhere() -> set[int]:
        return set(await asyncio.to_thread(shared, pid, [0, 1], 2))

    with kept():
        first = set(shared(pid, [0, 1], 2))
        other = asyncio.run(elsewhere())
        assert not first & other
        assert not any(map(_runs, other))
        assert set(shared(pid, [0, 1, 2, 3], 2)) == first


def test_a_forked_process_begins_its_own() -> None:
    with kept():
        shared(abs, [-1, 2], 2)
        child = multiprocessing.get_context("fork").Process(target=_in_a_fork)
        child.start()
        child.join(60)
        assert child.exitcode == 3


def _in_a_fork() -> None:
    os._exit(sum(shared(abs, [-1, 2], 2)))
