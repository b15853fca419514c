import asyncio
import json
from types import SimpleNamespace

import pytest

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.work.kinds import Function
from consilience.ground.errors import InvalidInput

RIGHT = "def double(x):\n    return 2 * x"
KIND = Function(
    entry="double",
    tests="assert double(1) == 2",
    hidden_tests=(
        "n = 4\nassert double(n) == 8\nassert double('a') == 'aa'\nassert double(0) == 0\ncheck = double\ncheck(1)"
    ),
)


@pytest.fixture(scope="module")
def snippets():
    with Snippets(workers=1, limits=SandboxLimits(wall_s=1)) as pool:
        yield pool


@pytest.mark.parametrize(
    ("reply", "grade", "fault"),
    [
        ("```python\ndef double(x):\n    return 2 * x\n```", 3, ""),
        ("def double(x):\n    return 2 * x\n", 3, ""),
        ("Words.\n```\nprint(1)\n```\nand\n```py\ndef double(x):\n    return 2 * x\n```\nDone.", 3, ""),
        ("````python\ndef double(x):\n    '''\n```\n'''\n    return 2 * x\n````", 3, ""),
        ("```python\ndef double(x):\n    pass\n```", 2, "the function `double` is a placeholder"),
        ("```python\ndef twice(x):\n    return 2 * x\n```", 1, "the code does not define a function `double`"),
        ("Words.\r\n```python\r\ndef double(x):\r\n    return 2 * x\r\n```\r\nDone.\r\n", 3, ""),
        ("```python title=double.py\ndef double(x):\n    return 2 * x\n```", 3, ""),
        ("```shell-session\n$ ls\n```\nand\n```python\ndef double(x):\n    return 2 * x\n```", 3, ""),
        ("I cannot do that.", 0, "the code is not Python; line 1: invalid syntax"),
        ("", 0, "the answer is empty"),
    ],
)
def test_how_well_a_reply_parses(reply, grade, fault):
    artifact = KIND.read(reply)
    assert (artifact.grade, artifact.fault) == (grade, fault)
    assert KIND.read(artifact.text) == artifact


def test_of_two_equal_blocks_the_last_counts():
    reply = "```python\ndef double(x):\n    return 1\n```\nBetter:\n```python\ndef double(x):\n    return 2\n```"
    assert KIND.read(reply).text.endswith("return 2")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("def double(x):\n    return x + x", 1),
        ("def double(x):\n    return 2 * int(x)", 3 / 4),
        ("def double(x):\n    raise ValueError", 0),
        ("def double(x):\n    while True: pass", 0),
        ("import sys\nsys.exit(0)", 0),
        ("import os\nos._exit(0)", 0),
        ("print('[true, [true, true, true, true]]')\nraise SystemExit", 0),
        ("print('11111')\nraise SystemExit", 0),
        ("import json; json.load = lambda f: [[True, '0']] * 100", 0),
        ("import sys\nprint(sys.stdin.read().strip() + '11111')\nraise SystemExit", 0),
        ("import sys\nassert sys.stdin.read() == ''\ndef double(x):\n    return x + x", 1),
        ("print(open('tests.json').read())\ndef double(x):\n    return x + x", 0),
        ("import builtins\nbuiltins.exec = builtins.BaseException = print\ndef double(x):\n    return 0", 1 / 2),
        ("import os\nos.write = os.dup = lambda *_: 0\ndef double(x):\n    return x + x", 1),
        ("x = (", 0),
        ("def double(x):\n    print(x, end='')\n    return x + x", 1),
    ],
)
def test_the_score_is_the_share_of_hidden_tests_that_pass(source, value, snippets):
    score = asyncio.run(KIND.score(KIND.read(source), snippets))
    assert score.value == value
    assert score.facts["tests"] == 4


@pytest.mark.parametrize(
    "source",
    [
        "import json; json.load = lambda f: [[True, '0']] * 100",
        "import sys\nprint(sys.stdin.read().strip() + '11111')\nraise SystemExit",
    ],
)
def test_nobody_scores_more_than_all_by_a_sandbox_of_its_own_either(source):
    score = asyncio.run(KIND.score(KIND.read(source)))
    assert (score.value, score.facts["passed"]) == (0, 0)


@pytest.mark.parametrize(("how_many", "value"), [(3, 0), (4, 1), (100, 0)])
def test_verdicts_that_are_not_as_many_as_tests_are_none(monkeypatch, how_many, value):
    async def told(files, command, *, stdin):
        mark, tests = json.loads(stdin)
        assert sum(counts for counts, _ in tests) == 4
        return SimpleNamespace(stdout=f"{mark}1{'1' * how_many}\n".encode())

    monkeypatch.setattr(sandbox, "run_async", told)
    assert asyncio.run(KIND.score(KIND.read(RIGHT))).value == value


def test_a_sandbox_of_its_own_gives_the_same_score():
    assert asyncio.run(KIND.score(KIND.read("def double(x):\n    return 2 * int(x)"))).value == 3 / 4


def test_visible_tests_are_shown_and_hidden_ones_are_not():
    assert "assert double(1) == 2" in KIND.form
    assert "double('a')" not in KIND.form + KIND.duty


def test_visible_tests_score_where_there_are_no_others(snippets):
    kind = Function(entry="double", tests="assert double(1) == 2\nassert double(2) == 5")
    assert asyncio.run(kind.score(kind.read("def double(x): return 2 * x"), snippets)).value == 1 / 2
    with pytest.raises(InvalidInput, match="scored by tests"):
        asyncio.run(Function(entry="double").score(kind.read("def double(x): return 2 * x"), snippets))


def test_functions_named_as_tests_are_called(snippets):
    one, two = "def test_one():\n    assert double(1) == twice(1)", "def test_two():\n    assert double(2) == 5"
    tests = f"{one}\n{two}\ndef twice(x):\n    return 2 * x"
    score = asyncio.run(Function(entry="double", hidden_tests=tests).score(KIND.read(RIGHT), snippets))
    assert (score.value, score.facts["tests"]) == (1 / 2, 2)
    called = Function(entry="double", hidden_tests=f"{tests}\ntest_one()")
    assert asyncio.run(called.score(KIND.read(RIGHT), snippets)).facts["tests"] == 2


def test_hidden_tests_that_are_none_leave_those_that_are_shown(snippets):
    kind = Function(entry="double", tests="assert double(1) == 2", hidden_tests="def check(f):\n    assert f(2) == 5")
    assert asyncio.run(kind.score(KIND.read(RIGHT), snippets)).value == 1


@pytest.mark.parametrize("none", ["x = 1", "# assert double(1) == 2", "def check(f):\n    assert f(2) == 4", "\n"])
def test_tests_that_nothing_could_fail_are_refused_before_anybody_is_asked(none):
    for which in ("tests", "hidden_tests"):
        with pytest.raises(InvalidInput, match=f"`{which}` must have an assertion, a call or a function named test_"):
            Function(entry="double", **{which: none}).require_tests()
    Function(entry="double").require_tests()
    KIND.require_tests()


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInput, match="`entry` must be the name of a Python function; got '2x'"):
        Function(entry="2x")
    with pytest.raises(InvalidInput, match="`hidden_tests` must be Python; line 1"):
        Function(entry="f", hidden_tests="assert (")
