"""Trials: how a program ends is told as it is, and no program keeps a trial from ending."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.trial import Ended, cut_tests, start, try_tests

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are those of Linux, now and as long as that is so"
)

ENDS = {
    "print('x' * 10**6)": "done",
    "import time\nfor _ in range(100): time.sleep(60)": "done",
    "import time\nend = time.time() + 3600\nwhile time.time() < end: time.sleep(1)": "done",
    "import sys; sys.exit(0)": "done",
    "import os; os._exit(0)": "done",
    "import pickle\nclass A: pass\npickle.loads(pickle.dumps(A()))": "done",
    "name = input()\nother = input()": "input",
    "while True:\n    try:\n        int(input())\n    except Exception:\n        pass": "input",
    "import sys\nfor line in sys.stdin: print(line)": "done",
    "import curses\ndef main(screen):\n    while screen.getch() != 27: pass\ncurses.wrapper(main)": "input",
    "import tkinter as tk\nclass A(tk.Tk):\n    pass\nA().mainloop()": "window",
    "from tkinter import *\nfrom tkinter import ttk, messagebox\nroot = Tk()\nn = IntVar(value=2)\n"
    "assert n.get() == 2\nttk.Button(root, command=root.destroy).pack(side=LEFT)\nmainloop()": "window",
    "from turtle import *\nforward(10)\ndone()": "window",
    "while True: pass": "timeout",
    "import threading; threading.Event().wait()": "timeout",
    "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()": "timeout",
    "import signal\nfor name in ('SIGPROF', 'SIGALRM'): signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
    "while True: pass": "timeout",
    "1 / 0": "error",
    "x = (": "error",
    "x = '\0'": "error",
    "import nowhere": "error",
    "import sys; sys.exit(3)": "error",
    "def f(): f()\nf()": "error",
    "import pickle; pickle.loads(b'')": "error",
    "import threading\ndef f(): 1 / 0\nthreading.Thread(target=f).start()": "error",
    "import tkinter as tk\nroot = tk.Tk()\nroot.after(5, lambda: 1 / 0)\nroot.mainloop()": "error",
    "bytearray(4 << 30)": "memory",
    "import ctypes; ctypes.string_at(0)": "killed",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[Snippets]:
    with Snippets(workers=1, limits=SandboxLimits(wall_s=2, cpu_s=2)) as snippets:
        yield snippets


def ended(code: str, snippets: Snippets | None = None, typed: str = "1\n") -> Ended:
    return asyncio.run(start({"main.py": code}, "main.py", typed=typed, snippets=snippets, cpu_s=0.3))


@pytest.mark.parametrize("code", ENDS)
def test_ends_are_told_apart(code: str, pool: Snippets) -> None:
    assert ended(code, pool).how == ENDS[code]


@pytest.mark.parametrize("code", ["print(1)", "while True: pass", "1 / 0", "input(); input()"])
def test_a_sandbox_of_its_own_says_the_same(code: str, pool: Snippets) -> None:
    alone, pooled = ended(code), ended(code, pool)
    assert (alone.how, alone.error) == (pooled.how, pooled.error)


def test_an_error_names_its_place_in_the_program(pool: Snippets) -> None:
    files = {"main.py": "import game\ngame.go()\n", "game.py": "import json\ndef go():\n    json.loads('{')\n"}
    found = asyncio.run(start(files, "main.py", snippets=pool))
    assert found.error.startswith("game.py, line 3: JSONDecodeError")


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "pooled"])
def test_what_is_typed_is_all_that_the_descriptor_holds(pool: Snippets, alone: bool) -> None:
    code = "import os, sys\nassert os.read(0, 99) == b'one\\ntwo\\n'\nassert sys.stdin.read() == 'one\\ntwo\\n'\n"
    assert ended(code, None if alone else pool, typed="one\ntwo\n").error == ""


def test_what_a_program_prints_is_not_believed(pool: Snippets) -> None:
    forged = "print('\\n' + '0' * 16 + '[\"done\", \"\", 0]')\nraise ValueError('no')"
    assert ended(forged, pool).error == "main.py, line 2: ValueError: no"


@pytest.mark.parametrize("files", [{}, {"../main.py": ""}, {"main.py/a.py": "", "main.py": ""}, {"other.py": ""}])
def test_folders_without_a_program_do_not_run(files: dict[str, str], pool: Snippets) -> None:
    assert asyncio.run(start(files, "main.py", snippets=pool)).how in ("error", "not started")


# --- tests ------------------------------------------------------------------------------------------------------------

TESTS = """
from main import double
EXPECTED = 4
assert double(2) == EXPECTED
assert double(3) == 6, "three"
def test_of_zero():
    assert double(0) == 0
def helper(x):
    return x
print(double(1))
"""


def test_tests_are_assertions_calls_and_test_functions() -> None:
    assert [test.code for test in cut_tests(TESTS) if test.counts] == [
        "assert double(2) == EXPECTED",
        "assert double(3) == 6, 'three'",
        "print(double(1))",
        "test_of_zero()",
    ]


def test_functions_of_tests_are_called_once_and_when_all_is_there(pool: Snippets) -> None:
    late = "from main import f\ndef test_a():\n    assert f(2) == EXPECTED\ndef test_b():\n    helped()\n"
    tests = cut_tests(f"{late}EXPECTED = 4\ndef helped():\n    assert f(1) == 2\ntest_b()\n")
    assert [test.code for test in tests if test.counts] == ["test_b()", "test_a()"]
    tried = asyncio.run(try_tests({"main.py": "def f(x):\n    return 2 * x\n"}, tests, snippets=pool))
    assert tried.faults == ("", "")


def test_each_test_has_its_verdict(pool: Snippets) -> None:
    tried = asyncio.run(try_tests({"main.py": "def double(x):\n    return x * x\n"}, cut_tests(TESTS), snippets=pool))
    assert tried.loaded
    assert tried.faults == ("", "AssertionError: three", "", "")


def test_a_test_that_never_ends_fails_alone(pool: Snippets) -> None:
    files = {"main.py": "def double(x):\n    while x == 2: pass\n    return 2 * x\n"}
    tried = asyncio.run(try_tests(files, cut_tests(TESTS), snippets=pool, cpu_s=0.2))
    assert tried.faults == ("it took too long", "", "", "")


def test_a_program_that_leaves_passes_nothing_more(pool: Snippets) -> None:
    files = {"main.py": "import os\ndef double(x):\n    return 4 if x == 2 else os._exit(0)\n"}
    tried = asyncio.run(try_tests(files, cut_tests(TESTS), snippets=pool))
    assert [bool(fault) for fault in tried.faults] == [False, True, True, True]


SHOUTS = {"main.py": "def f():\n    raise Exception('é' * 400)\n"}


def test_faults_of_many_tests_are_all_told(pool: Snippets) -> None:
    tried = asyncio.run(try_tests(SHOUTS, cut_tests("from main import f\n" + "assert f()\n" * 150), snippets=pool))
    assert tried.loaded
    assert len(tried.faults) == 150
    assert {fault[:40] for fault in tried.faults} == {"main.py, line 2: Exception: éééééééééééé"}


def test_what_is_said_after_more_than_is_kept_has_not_passed() -> None:
    tests = cut_tests("from main import f\n" + "assert f()\n" * 150 + "assert True\n")
    tried = asyncio.run(try_tests(SHOUTS, tests, limits=SandboxLimits(output_kb=16)))
    assert tried.loaded
    assert len(tried.faults) == 151
    assert tried.faults[0].startswith("main.py, line 2: Exception: é")
    assert tried.faults[-1] == "it ended before"


def test_a_fault_may_have_any_letters(pool: Snippets) -> None:
    tests = cut_tests("def f():\n    raise Exception('a\\u2028b\\x85c\\ud800d\\n')\nassert f()\nassert True\n")
    tried = asyncio.run(try_tests({"main.py": ""}, tests, snippets=pool))
    assert tried.faults == ("Exception: a\u2028b\x85c?d\n", "")


FORGED = '[true, "", 0.0]'
IN_PLACE = {
    "a module of its own": {"json.py": f"def dumps(*_, **__):\n    return '{FORGED}'\n"},
    "an encoder": {"helper.py": f"import json\njson.dumps = lambda *_, **__: '{FORGED}'\n"},
    "within the encoder": {"helper.py": f"import json\njson.JSONEncoder.iterencode = lambda *_, **__: ['{FORGED}']\n"},
    "what writes": {
        "helper.py": "import os\nwrite = os.write\n"
        "os.write = lambda to, said: write(to, said.replace(b'fals', b'tru'))\n"
    },
    "what runs": {"helper.py": "import builtins\nbuiltins.exec = lambda *_: None\n"},
    "words": {
        "helper.py": "import builtins, types\nbuiltins.str = lambda _: ''\n"
        "builtins.type = lambda _: types.SimpleNamespace(__name__='')\n"
    },
    "what tries": {"helper.py": "import __main__\n__main__._attempt = lambda *_: (True, '')\n"},
    "the command": {
        "helper.py": "import os, re, sys\nfound = re.search(r\"run_tests\\('(\\w+)'\", ' '.join(sys.orig_argv))\n"
        "for to in range(3, 9) if found else ():\n    try:\n"
        f"        os.write(to, f'\\n{{found[1]}}{FORGED}\\n'.encode() * 2)\n"
        "    except OSError:\n        pass\n"
    },
}


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "pooled"])
@pytest.mark.parametrize("files", IN_PLACE.values(), ids=IN_PLACE)
def test_nothing_of_a_programs_own_takes_the_place_of_what_judges(
    files: dict[str, str], pool: Snippets, alone: bool
) -> None:
    wrong = {"helper.py": "", **files, "main.py": "import helper, json\ndef double(x):\n    return 0\n"}
    tests = cut_tests("from main import double\nassert double(2) == 4\n")
    tried = asyncio.run(try_tests(wrong, tests, snippets=None if alone else pool))
    assert tried.loaded
    assert all(tried.faults)


@pytest.mark.parametrize("name", ["types", "signal", "threading", "json", "collections"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "pooled"])
def test_a_program_may_name_its_files_like_modules_of_the_library(name: str, pool: Snippets, alone: bool) -> None:
    files = {"main.py": f"from {name} import Board\nprint(Board.size)\n", f"{name}.py": "class Board:\n    size = 3\n"}
    found = asyncio.run(start(files, "main.py", snippets=None if alone else pool))
    assert (found.how, found.error) == ("done", "")


@pytest.mark.parametrize("said", ["[]", '["nowhere", "", 0]', "[" * 100_000, '{"how": 1}', "[1, 2, 3]", "9" * 5000])
def test_whoever_finds_the_mark_breaks_nothing(said: str, pool: Snippets) -> None:
    found = "import os, sys\nframe = sys._getframe()\nwhile 'mark' not in frame.f_locals:\n    frame = frame.f_back\n"
    shout = f"os.write(frame.f_locals['outside'], ('\\n' + frame.f_locals['mark'] + {said!r} + '\\n').encode())\n"
    assert ended(f"{found}{shout}", pool).how == "done"
    tests = cut_tests("from main import f\nassert f()")
    tried = asyncio.run(try_tests({"main.py": f"{found}{shout}def f():\n    return True\n"}, tests, snippets=pool))
    assert len(tried.faults) == 1


def test_what_cannot_be_loaded_passes_nothing(pool: Snippets) -> None:
    tests = cut_tests("assert f() == 1")
    tried = asyncio.run(try_tests({"answer.py": "import nowhere"}, tests, source="answer.py", snippets=pool))
    assert (tried.loaded, [bool(fault) for fault in tried.faults]) == (False, [True])
    assert "nowhere" in tried.reason


def test_tests_must_be_python() -> None:
    with pytest.raises(InvalidInput, match="tests must be Python; line 1"):
        cut_tests("assert (")
