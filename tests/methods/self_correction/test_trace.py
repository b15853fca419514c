"""Traces: whole lines, one owner, and what is left of a line that was cut."""

import asyncio
import sys
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.record import HEADER_LINE, Call, End
from consilience.methods.self_correction.trace import Trace, fingerprint


def call(number: int = 0, item: str = "a", **changes) -> Call:
    fields = {"role": "answer", "prompt": "00", "tokens_in": 2, "tokens_out": 3, "seconds": 0.25, "text": "four"}
    return Call(item=item, call=number, **{**fields, **changes})


def write(path: Path, *entries: Call | End) -> None:
    async def add() -> None:
        with Trace(path) as trace:
            for entry in entries:
                trace.end(entry) if isinstance(entry, End) else trace.add(entry)

    asyncio.run(add())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "trace.jsonl"


def test_what_is_written_is_read(path: Path) -> None:
    odd = call(1, item='quoted " \n item', text="\ud800 €", seconds=0.123456)
    failed = call(2, text=None, error="ValueError: no")
    write(path, call(), odd, failed, End("a", "max rounds", "1 of 1", 0))
    assert path.read_text().startswith(HEADER_LINE)
    trace = Trace(path, read_only=True)
    assert trace.calls == [call(), failed, odd]
    assert trace.ends == [End("a", "max rounds", "1 of 1", 0)]
    assert trace.spent[:4] == (3, 6, 9, pytest.approx(0.623456))


def test_calls_are_with_the_system_before_the_loop_waits(path: Path) -> None:
    async def look() -> tuple[int, int]:
        with Trace(path) as trace:
            trace.add(call())
            trace.add(call(1))
            before = len(path.read_text().splitlines())
            await asyncio.sleep(0.001)
            return before, len(path.read_text().splitlines())

    assert asyncio.run(look()) == (1, 3)


def test_a_line_that_was_cut_is_forgotten_and_overwritten(path: Path) -> None:
    write(path, call(), call(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    write(path, call(1))
    assert path.read_bytes() == whole


def test_of_repeated_calls_the_last_counts_and_all_are_paid(path: Path) -> None:
    write(path, call(0, text=None, error="no network"))
    assert Trace(path, read_only=True, retry_errors=True).kept("a", 0) is None
    write(path, call(0, text="four"))
    trace = Trace(path, read_only=True)
    assert trace.kept("a", 0).text == "four"
    assert trace.spent.calls == 2


def test_an_end_is_written_once_unless_it_changes(path: Path) -> None:
    write(path, End("a", "budget", "1 of 1", 0))
    write(path, End("a", "budget", "1 of 1", 0))
    assert len(path.read_text().splitlines()) == 2
    write(path, End("a", "max rounds", "2 of 2", 1))
    assert Trace(path, read_only=True).ends == [End("a", "max rounds", "2 of 2", 1)]


def test_fingerprints_tell_replies_and_order_of_calls_but_not_times_and_order_of_items(tmp_path: Path) -> None:
    def of(name: str, *entries: Call) -> str:
        write(tmp_path / name, *entries)
        return fingerprint(tmp_path / name)

    first = of("first", call(), call(item="b"))
    assert of("other order", call(item="b", seconds=9.0), call()) == first
    assert of("other reply", call(text="five"), call(item="b")) != first
    assert of("other number", call(1), call(item="b")) != first


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of this kind there")
def test_two_runs_do_not_write_one_trace(path: Path) -> None:
    with Trace(path), pytest.raises(InvalidInput, match="is written by another run"):
        Trace(path)
    assert Trace(path, read_only=True).calls == []
    Trace(path).close()


@pytest.mark.parametrize("left", [0, 1, 20, len(HEADER_LINE) - 1])
def test_a_first_line_that_was_cut_is_written_again(path: Path, left: int) -> None:
    path.parent.mkdir()
    path.write_text(HEADER_LINE[:left])
    write(path, call())
    assert path.read_text() == HEADER_LINE + call().line()


@pytest.mark.parametrize("content", ["item,before\n1,0\n", "{}\n", "no end of line", '{"trace": "other"}\n'])
def test_another_file_is_refused_and_left_alone(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InvalidInput, match="name another file"):
        Trace(path)
    assert path.read_text() == content


def test_a_line_that_is_no_call_is_named(path: Path) -> None:
    write(path, call())
    with path.open("a") as file:
        file.write('{"item": "a"}\n[]\n')
    with pytest.raises(InvalidInput, match=r"line 3 of .* must be a call or an end"):
        Trace(path)


def test_there_must_be_something_to_replay(path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is none"):
        Trace(path, read_only=True)
    assert not path.exists()


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Is a directory|Permission"):
        Trace(tmp_path)


def test_a_full_disk_is_not_passed_over(path: Path) -> None:
    class Full:
        closed = False

        def write(self, text: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    async def fill() -> None:
        with Trace(path) as trace:
            trace._file.close()
            trace._file = Full()
            trace.add(call())
            await asyncio.sleep(0)
            trace.add(call(1))

    with pytest.raises(OSError, match="No space"):
        asyncio.run(fill())
