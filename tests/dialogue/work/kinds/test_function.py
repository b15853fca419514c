import asyncio

import pytest

from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.work.kinds import Function
from consilience.ground.errors import InvalidInput

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
        ("x = (", 0),
        ("def double(x):\n    print(x, end='')\n    return x + x", 1),
    ],
)
def test_the_score_is_the_share_of_hidden_tests_that_pass(source, value, snippets):
    score = asyncio.run(KIND.score(KIND.read(source), snippets))
    assert score.value == value
    assert score.facts["tests"] == 4


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


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInput, match="`entry` must be the name of a Python function; got '2x'"):
        Function(entry="2x")
    with pytest.raises(InvalidInput, match="`hidden_tests` must be Python; line 1"):
        Function(entry="f", hidden_tests="assert (")
