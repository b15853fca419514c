import asyncio
import gzip
import json

import pytest

from consilience.dialogue.work.humaneval import problem_at, problems_at
from consilience.ground.errors import InvalidInput

PROMPT = '''from typing import List

UNIT = 2


def halve(x: int) -> int:
    """Helps."""
    return x // UNIT


def middle(values: List[int]) -> int:
    """Return what stands in the middle.
    >>> middle([1, 2, 3])
    2
    """
'''
TEST = """
METADATA = {}


def check(candidate):
    assert candidate([1, 2, 3]) == 2
    assert candidate([5]) == halve(10)
"""
LINE = {"task_id": "Own/7", "prompt": PROMPT, "entry_point": "middle", "test": TEST, "canonical_solution": "?"}


def written(path, *lines):
    text = "\n".join(json.dumps(line) if isinstance(line, dict) else line for line in lines) + "\n"
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as stream:
            stream.write(text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def score(problem, source):
    return asyncio.run(problem.kind.score(problem.kind.read(f"```python\n{source}\n```"))).value


@pytest.mark.parametrize("name", ["own.jsonl", "own.jsonl.gz"])
def test_a_problem_is_what_its_line_says(tmp_path, name):
    found = problems_at(written(tmp_path / name, LINE, "", {**LINE, "task_id": "Own/8"}))
    assert list(found) == ["Own/7", "Own/8"]
    problem = found["Own/7"]
    assert PROMPT.strip() in problem.task
    assert "check" not in problem.task
    assert (problem.kind.entry, problem.kind.tests) == ("middle", "")


def test_it_scores_by_running_the_tests(tmp_path):
    problem = problem_at(written(tmp_path / "own.jsonl", LINE), "7")
    assert score(problem, PROMPT + "    return values[halve(len(values))]") == 1
    assert score(problem, "def middle(values):\n    return values[halve(len(values))]") == 1  # halve is given
    assert score(problem, PROMPT + "    return values[0]") == 0
    assert score(problem, "def middle(values):\n    raise SystemExit(0)") == 0


def test_a_problem_by_name_or_number(tmp_path):
    path = written(tmp_path / "own.jsonl", LINE, {**LINE, "task_id": "Own/17"})
    assert problem_at(path, "Own/7").name == problem_at(path, " 7\n").name == "Own/7"
    with pytest.raises(InvalidInput, match="2 problems, from 'Own/7' to 'Own/17'; got 'Own/1'"):
        problem_at(path, "Own/1")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 of .* must be JSON"),
        ("[]", "task_id, prompt, entry_point, test is missing"),
        ({**LINE, "task_id": 8}, "task_id is missing or no text"),
        ({**LINE, "prompt": "def ("}, "must be Python; line 1"),
        ({**LINE, "entry_point": "other"}, "must begin the function .* 'other'"),
        ({**LINE, "task_id": "x", "test": "def ("}, "cannot be used"),
        (LINE, "'Own/7' comes twice"),
    ],
)
def test_a_line_that_is_no_problem_is_named(tmp_path, line, said):
    with pytest.raises(InvalidInput, match=said):
        problems_at(written(tmp_path / "own.jsonl", LINE, line))


def test_files_that_hold_none_are_named(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b"x" * 500)[:-9])
    (tmp_path / "other.jsonl.gz").write_bytes(b"no archive")
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe\xff")
    for name, said in {
        "empty.jsonl": "is empty",
        "torn.jsonl.gz": "readable",
        "other.jsonl.gz": "readable",
        "latin.jsonl": "UTF-8",
        "nowhere.jsonl": "No such file",
    }.items():
        with pytest.raises(InvalidInput, match=said):
            problems_at(tmp_path / name)
