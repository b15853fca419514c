"""The inner side of a trial, in a process of its own without walls: what it says, and what it keeps to itself."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from consilience.methods.cross_team import trial_inside
from consilience.methods.cross_team.trial_inside import CALLBACKS, PAST_END, Enough, Loop, Script, Widget, Window

MARK = "told "


def told(place: Path, call: str, **files: str) -> list[list]:
    """Run the text and a call in a folder with files, as a sandbox does, and return what is said after the mark."""
    for name, text in files.items():
        (place / f"{name}.py").write_text(text)
    (place / "snippet.py").write_text(f"{Path(trial_inside.__file__).read_text()}\n{call}\n")
    start = "exec(compile(open('snippet.py').read(), 'snippet.py', 'exec'))"
    done = subprocess.run([sys.executable, "-c", start], cwd=place, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line]
    assert all(line.startswith(MARK) for line in lines)  # what the program writes goes nowhere
    return [json.loads(line.removeprefix(MARK)) for line in lines]


def program(place: Path, text: str, typed: str = "") -> list:
    (facts,) = told(place, f"run_program({MARK!r}, main='main.py', typed={typed!r}, cpu_s=1.0, wall_s=3.0)", main=text)
    return facts


def test_it_stands_on_the_standard_library_only() -> None:
    tree = ast.parse(Path(trial_inside.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_what_is_typed_is_read_once_and_then_there_is_nothing() -> None:
    script = Script("one\ntwo\n")
    assert [script.readline(), script.readline(), script.readline(), script.read()] == ["one\n", "two\n", "", ""]
    assert script.past_end == 2


def test_who_does_not_take_that_for_an_answer_is_stopped() -> None:
    script = Script("")
    assert {script.readline() for _ in range(PAST_END)} == {""}
    with pytest.raises(Enough):
        script.readline()


def test_a_loop_makes_its_calls_once_and_ends_though_they_ask_for_more() -> None:
    loop, made = Loop(), []

    def again(number: int) -> None:
        made.append(number)
        loop.later(again, (number + 1,))

    loop.later(again, (0,))
    loop.later("no call", ())
    loop.run()
    assert loop.shown
    assert made == list(range(CALLBACKS))


def test_a_window_has_whatever_is_asked_for_and_widgets_keep_what_is_put_in() -> None:
    window = Window("tkinter")
    entry = window.Entry(window.Tk(), width=3)
    assert isinstance(entry, Widget)
    entry.insert(0, "text")
    assert entry.get() == "text"
    assert (entry["width"], entry["nothing"], entry.winfo_width()) == (3, "", 100)
    assert (window.IntVar().get(), window.IntVar(value=2).get(), window.LEFT) == (0, 2, "left")
    assert issubclass(window.TclError, Exception)
    assert window.Entry is window.Entry
    with pytest.raises(AttributeError):
        _ = window.__nothing__


@pytest.mark.parametrize(
    ("text", "typed", "how", "error"),
    [
        ("print('said')", "", "done", ""),
        ("import time\ntime.sleep(3600)", "", "done", ""),
        ("import atexit, sys\natexit.register(lambda: sys.exit(0))", "", "done", ""),
        ("assert input() == 'x'", "x\n", "done", ""),
        ("input()", "", "input", ""),
        ("raise SystemExit(0)", "", "done", ""),
        ("raise SystemExit('no')", "", "error", "it exits with no"),
        ("x = 1\n1 / 0", "", "error", "main.py, line 2: ZeroDivisionError: division by zero"),
        ("raise EOFError", "", "error", "main.py, line 1: EOFError"),
        ("import tkinter\ntkinter.Tk().mainloop()", "", "window", ""),
        ("while True:\n    pass", "", "timeout", ""),
    ],
)
def test_it_says_how_a_program_ended(text: str, typed: str, how: str, error: str, tmp_path: Path) -> None:
    found = program(tmp_path, text, typed)
    assert found[:2] == [how, error]
    assert 0 <= found[2] < 3


def test_tests_are_told_one_by_one_and_the_loading_first(tmp_path: Path) -> None:
    tests = [(True, "assert f(1) == 1"), (False, "g = f"), (True, "assert g(2) == 1"), (True, "g(0)"), (True, "f(1)")]
    call = f"run_tests({MARK!r}, source='answer.py', tests={tests!r}, typed='', cpu_s=0.3, wall_s=1.0)"
    text = "print('loaded')\ndef f(x):\n    while not x:\n        pass\n    return x\n"
    found = [facts[:2] for facts in told(tmp_path, call, answer=text)]
    assert found == [[True, ""], [True, ""], [False, "AssertionError"], [False, "it took too long"], [True, ""]]


def test_what_cannot_be_loaded_is_not_tried(tmp_path: Path) -> None:
    call = f"run_tests({MARK!r}, source='answer.py', tests=[(True, 'f()')], typed='', cpu_s=0.3, wall_s=1.0)"
    ((passed, fault, _),) = told(tmp_path, call, answer="def f(:\n")
    assert not passed
    assert fault.startswith("SyntaxError")
