"""A signal to end is heard as ctrl-C is: by whoever listens for it, and by nobody else's process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from consilience.ground import stopping
from consilience.ground.stopping import heeded


@pytest.fixture(autouse=True)
def as_from_a_terminal() -> Iterator[None]:
    """Let signals end what they end as a rule: whoever runs the tests under `nohup` has the hang-up ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def raised(number: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_it_interrupts_and_what_was_before_comes_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_let_go_of_the_terminal", lambda: None)  # it is that of whoever runs the tests
    monkeypatch.setattr(stopping, "_ECHO_S", 0.0)
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with heeded() as told:
        raised(number)
        raised(number)
    assert told == [number, number]
    assert signal.getsignal(number) is before


def test_what_is_told_twice_at_once_is_heard_once() -> None:
    with heeded() as told:
        raised(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGTERM]


def test_when_the_terminal_is_gone_things_are_put_in_order_all_the_same(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys, time; from consilience.ground.stopping import heeded\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "with heeded() as told:\n"
        "    try: print('ready', flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        print('putting things in order', flush=True)\n"
        "        pathlib.Path(sys.argv[1]).write_text(str(told))\n"
    )
    terminal, its_end = os.openpty()
    words = [sys.executable, "-c", code, str(tmp_path / "told")]
    with subprocess.Popen(words, stdin=its_end, stdout=its_end, stderr=its_end) as process:
        os.close(its_end)
        assert os.read(terminal, 5) == b"ready"
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    assert (tmp_path / "told").read_text() == f"[{int(signal.SIGHUP)}]"


def test_whoever_listens_for_ctrl_c_hears_it() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with heeded():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


@pytest.mark.parametrize("nobody", [signal.SIG_IGN, signal.SIG_DFL])
def test_it_interrupts_where_nobody_listens_for_ctrl_c(nobody: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, nobody)
    try:
        with heeded():
            raised(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_ignored_or_handled_stays_so() -> None:
    def own(number: int, frame: object) -> None:
        """Stand for somebody's handler."""

    for handler in (signal.SIG_IGN, own):
        before = signal.signal(signal.SIGHUP, handler)
        try:
            with heeded() as told:
                signal.raise_signal(signal.SIGHUP)
                assert not told
            assert signal.getsignal(signal.SIGHUP) is handler
        finally:
            signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work() -> None:
        with heeded() as told:
            seen.append((signal.getsignal(signal.SIGTERM), told))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, [])]


def test_a_process_that_is_forked_within_ends_at_once() -> None:
    with heeded() as told:
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert not told
