"""The order: what belongs to one kind of task is refused for another, and every setting counts in its digest."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from consilience.dialogue.work.kinds import Function, Repository, Text
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.order import Order


def test_every_setting_counts() -> None:
    changes = {
        "task": "x", "teams": 5, "group": 3, "prune": True, "packed": True, "own_merges": True, "final": "merge",
        "plan": Path("p.yaml"), "kind": "story", "tests": "x", "hidden_tests": "x", "main": "go.py", "stdin": "x",
        "entry": "f", "concepts": "cat", "model": "m", "team_model": ("A=m",), "base_url": "http://h/v1",
        "temperature": 0.5, "team_temperature": ("A=1",), "alike": True, "cycles": 0, "quorum": 2, "deadline_s": 1.0,
        "late": "drop", "stop_when_passed": True, "context_tokens": 9, "max_tokens": 9, "seed": 1,
    }  # fmt: skip
    assert changes.keys() == {item.name for item in fields(Order)}
    digests = {replace(Order(), **{name: value}).digest for name, value in changes.items()}
    assert len(digests | {Order().digest}) == len(changes) + 1


def test_kinds_are_what_they_are_called() -> None:
    assert Order(main="go.py", stdin="1\n").task_kind() == Repository(main="go.py", stdin="1\n")
    assert Order(kind="function", entry="f", tests="assert f()").task_kind() == Function(entry="f", tests="assert f()")
    assert Order(kind="story", concepts="dog, ball,").task_kind() == Text()
    assert Order(concepts="dog, ball,").words == ("dog", "ball")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"kind": "function"}, "a function must have a name"),
        ({"entry": "f"}, "--entry belongs to --kind function; got --kind program"),
        ({"kind": "story", "tests": "assert 1"}, "--tests belongs to --kind program or function; got --kind story"),
        ({"kind": "text", "concepts": "dog"}, "--concepts belongs to --kind story"),
    ],
)
def test_what_belongs_to_another_kind_is_refused(given: dict, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        Order(**given).task_kind()


def test_what_is_told_of_teams_names_each_once() -> None:
    assert Order().by_team("--team-model", ("A=openai:x=y", "B=z")) == {"A": "openai:x=y", "B": "z"}
    for wrong in (("A",), ("=x",), ("A=",)):
        with pytest.raises(InvalidInput, match="--team-model must be TEAM=VALUE"):
            Order().by_team("--team-model", wrong)
    with pytest.raises(InvalidInput, match="got A twice"):
        Order().by_team("--team-model", ("A=x", "A=y"))
