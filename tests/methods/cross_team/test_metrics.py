"""Metrics: quality is the mean of three, and each of them moves with what it is about."""

import asyncio

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.metrics import (
    Metrics,
    legacy_completeness,
    legacy_cosine,
    legacy_false_positives,
    measured,
)

PROGRAM = {
    "main.py": "from tools import double\n\nprint(double(2))\n",
    "tools.py": "def double(x):\n    return 2 * x\n",
}
FEATURES = "import tools\nassert tools.double(2) == 4\nassert hasattr(tools, 'triple')\n"
HIDDEN = "import tools\nassert tools.double(0) == 0\n"


@pytest.mark.parametrize(
    ("row", "quality"), [((0.795, 0.928, 0.796), 0.840), ((0.744, 0.813, 0.781), 0.779), ((0.800, 0.550, 0.779), 0.710)]
)
def test_quality_is_the_mean_as_in_the_papers_rows(row: tuple[float, float, float], quality: float) -> None:
    one = Metrics(completeness=row[0], executability=row[1], consistency=row[2], hidden=0.1)
    assert one.quality == pytest.approx(quality, abs=0.0006)


def test_hidden_tests_stand_apart() -> None:
    found = asyncio.run(measured(PROGRAM, features=FEATURES, hidden=HIDDEN))
    assert (found.completeness, found.executability, found.consistency, found.hidden) == (1.0, 1.0, 0.5, 1.0)
    assert found.quality == pytest.approx(2.5 / 3)


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"tools.py": "def double(x):\n    return 2 * x\ndef triple(x):\n    pass\n"}, "completeness"),
        ({"main.py": "import tools\nprint(tools.half(2))\n"}, "executability"),
        ({"tools.py": "def double(x):\n    return x\n"}, "consistency"),
    ],
)
def test_each_metric_sees_its_own_fault(change: dict[str, str], lost: str) -> None:
    before = asyncio.run(measured(PROGRAM, features=FEATURES))
    after = asyncio.run(measured({**PROGRAM, **change}, features=FEATURES))
    worse = {
        name
        for name in ("completeness", "executability", "consistency")
        if getattr(after, name) < getattr(before, name)
    }
    assert worse == {lost}


def test_means_are_over_tasks() -> None:
    ones = [Metrics(completeness=c, executability=1, consistency=0, hidden=h) for c, h in ((0, 1.0), (1, None))]
    mean = Metrics.mean(ones)
    assert (mean.completeness, mean.executability, mean.consistency, mean.hidden) == (0.5, 1.0, 0.0, 1.0)
    with pytest.raises(InvalidInput, match="got none"):
        Metrics.mean([])


@pytest.mark.parametrize(
    ("line", "complete"),
    [
        ("password = passed", True),
        ("passenger = 1", True),
        ("x = 1  # TODO", False),
        ("try: x()\nexcept ValueError: pass", False),
        ("passport = 'todos'", False),
        ("compass = 1", True),
    ],
)
def test_the_search_for_words_takes_words_for_stubs(line: str, complete: bool) -> None:
    assert legacy_completeness({"main.py": line + "\n"}) is complete


def test_false_positives_are_counted_among_the_complete() -> None:
    fine, accused, stub = (
        {"main.py": text} for text in ("print(1)\n", "if 1:\n    pass\nprint(1)\n", "def f():\n    pass\n")
    )
    assert legacy_false_positives([fine, accused, stub]) == 0.5
    with pytest.raises(InvalidInput, match="got none"):
        legacy_false_positives([stub])


def test_the_cosine_leaves_out_comments_and_says_little() -> None:
    task = "Write a calculator that adds numbers"
    plain, commented = {"main.py": "x = 1\n"}, {"main.py": f'"""{task}"""\n# {task}\nx = 1\n'}
    assert legacy_cosine(task, plain) == legacy_cosine(task, commented)
    assert legacy_cosine(task, {"main.py": f"x = '{task}'\n"}) > 0.9
    assert legacy_cosine(task, {}) == 0.0
