"""What an argument may be asked."""

import math
from dataclasses import dataclass
from typing import Any

import pytest

from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName
from consilience.methods.backdoor_audits.predicates import read_predicates
from consilience.methods.backdoor_audits.provenance import Dialogue


@dataclass
class Letter:
    body: str


def holds(table: dict[str, Any], value: object) -> bool:
    dialogue = Dialogue()
    dialogue.human("ann bob")
    return all(predicate.holds(value, dialogue) for predicate in read_predicates(table, "'x'"))


@pytest.mark.parametrize(
    ("table", "yes", "no"),
    [
        ({"equals": "a"}, ["a", ["a", "a"]], ["b", "a ", 1, None, [], ["a", "b"], {"k": "a"}, [["a"]]]),
        ({"equals": 1}, [1, 1.0], [True, "1", 2]),
        ({"equals": True}, [True], [1, "true", False]),
        ({"one_of": ["a", 2]}, ["a", 2], ["2", "A", False]),
        (
            {"prefix": "/home/ann/"},
            ["/home/ann/x", ["/home/ann/x", "/home/ann/y"]],
            ["/home/ann", "/home/ann/../root", "/home/ann/%2e%2E/x", "/home/ann/%252e", "/home/ann/\0", 5, []],
        ),
        (
            {"prefix": "https://example.com/docs/"},
            ["https://example.com/docs/a\tb", "https://example.com/docs/a.\nb"],
            ["https://example.com/docs/.\t./admin", "https://example.com/docs/.\r\n./admin"],
        ),
        ({"pattern": "[a-z]+"}, ["abc"], ["ABC", "a1", "a\n", "", 5]),
        ({"min": 0, "max": 9}, [0, 9, "4", "4.5", 9.0], [-1, 10, "x", "1e0", True, math.nan, None, "٣", "9" * 400]),
        ({"min": 3}, [3, 1e9], [2]),
        ({"max_length": 2}, ["ab", 5, None, ["ab", 5]], ["abc", 123, 0.5, True, -10, ["ab", "abc"], [], {"k": "a"}]),
        ({"max_length": 9}, [True, 0.25, "a" * 9], [Letter("a"), {"a"}, b"a", object(), 1e-10 / 3]),
        (
            {"from": "query"},
            ["ann", "ann bob", ["bob"]],
            [[], (), "eve", "", " ", [""], ["bob", ""], [[]], ["bob", []], {}, [{}], {"eve": []}, ["bob", "eve"], None],
        ),
        ({"from": "any", "pattern": "a.*"}, ["ann"], ["bob", "abc", []]),
        ({"any": True}, ["x", None, {}, []], []),
    ],
)
def test_predicates(table: dict[str, Any], yes: list[object], no: list[object]) -> None:
    assert [value for value in yes if not holds(table, value)] == []
    assert [value for value in no if holds(table, value)] == []


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({}, "no predicate"),
        ({"equal": "a"}, "did you mean 'equals'"),
        ({"any": False}, "'any'"),
        ({"any": True, "equals": 1}, "'any'"),
        ({"equals": []}, "'equals'"),
        ({"one_of": []}, "'one_of'"),
        ({"one_of": "ab"}, "'one_of'"),
        ({"prefix": ""}, "'prefix'"),
        ({"prefix": "https://example.com"}, "host open"),
        ({"pattern": "("}, "'pattern'.*opening bracket"),
        ({"pattern": 5}, "'pattern'"),
        ({"min": "0"}, "'min' and 'max'"),
        ({"min": math.nan}, "'min' and 'max'"),
        ({"min": True}, "'min' and 'max'"),
        ({"min": 2, "max": 1}, "above"),
        ({"max_length": -1}, "'max_length'"),
        ({"from": "human"}, "source"),
        ({"from": 5}, "'from'"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ConsilienceError, match=named) as caught:
        read_predicates(table, "'x'")
    assert isinstance(caught.value, InvalidInput | UnknownName)
    assert "'x'" in str(caught.value)


def test_a_prefix_with_a_path_may_be_an_address() -> None:
    assert holds({"prefix": "https://example.com/"}, "https://example.com/a")
    assert not holds({"prefix": "https://example.com/"}, "https://example.com.evil.example/")
