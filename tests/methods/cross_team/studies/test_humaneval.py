import gzip
import json

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.humaneval import WAYS, examples, humaneval, pooled, solved_at

PROBLEM = {
    "task_id": "HumanEval/0",
    "prompt": 'def total(items):\n    """Add up what is above 0.\n\n    >>> total([1, -2, 3])\n    4\n    """\n',
    "entry_point": "total",
    "canonical_solution": (
        "    found = 0\n    for item in items:\n        if item > 0:\n            found += item\n    return found\n"
    ),
    "test": "def check(f):\n    assert f([]) == 0\n    assert f([1, 1, -1]) == 2\n",
}
SILENT = {**PROBLEM, "task_id": "HumanEval/1", "prompt": 'def total(items):\n    """Add up what is above 0."""\n'}
IDLE = {**PROBLEM, "task_id": "HumanEval/2", "canonical_solution": "    return items\n"}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "problems.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.write("".join(json.dumps(one) + "\n" for one in (PROBLEM, SILENT)))
    return file


def test_problems_are_read_with_their_solutions_and_examples(path):
    first, second = solved_at(path)
    assert (first.shown, second.shown) == (True, False)
    assert first.kind.tests == "assert repr(total([1, -2, 3])) == '4'"
    assert "found += item" in first.solution


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (">>> f('a')\n\"b\"", "assert repr(f('a')) == \"'b'\""),
        (">>> f(1)", ""),
        (">>> x = 1\n>>> f( 2 )\n[1,2]", "assert repr(f( 2 )) == '[1, 2]'"),
        (">>> f(1)\n1.50", "assert repr(f(1)) == '1.5'"),
    ],
)
def test_examples_become_assertions(shown, expected):
    assert examples(f'def f(x):\n    """\n{shown}\n"""\n', "f") == expected


def test_no_change_solves_every_problem_in_every_way(path):
    for one in pooled(solved_at(path), 0.0, 3):
        assert one.scores == (1.0,) * len(WAYS)


def test_all_ways_are_measured_on_all_problems(path):
    config = Config(humaneval=str(path), quality_resamples=20)
    evidence = humaneval(config, Streams(0))
    assert len(evidence.measurements) == 2 * (len(WAYS) - 1)
    assert all(one.low <= one.value <= one.high for one in evidence.measurements)
    assert [row[1:3] for row in evidence.tables[0].rows] == [("all", 2), ("with examples", 1), ("without", 1)] * 2
    assert humaneval(config, Streams(0)) == evidence


def test_without_a_file_nothing_is_measured():
    (only,) = humaneval(Config(), Streams(0)).measurements
    assert only.value is None
    assert "no file" in only.note


@pytest.mark.parametrize(
    ("field", "message"), [("canonical_solution", "must have a `canonical_solution`"), ("prompt", "prompt")]
)
def test_a_file_without_solutions_is_refused(tmp_path, field, message):
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps({name: text for name, text in PROBLEM.items() if name != field}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=message):
        solved_at(file)


def test_problems_with_nothing_to_change_are_left_out(tmp_path):
    file = tmp_path / "problems.jsonl"
    empty = {**IDLE, "canonical_solution": "    pass\n"}
    file.write_text("\n".join(map(json.dumps, (PROBLEM, empty))), encoding="utf-8")
    assert [one.name for one in solved_at(file)] == ["HumanEval/0"]
