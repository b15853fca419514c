"""What a call was given: a default that nobody said is not looked at, and nothing else is passed over."""

import math
from enum import Enum
from typing import Any

import pytest

from consilience.methods.backdoor_audits.defaults import given
from consilience.methods.backdoor_audits.policy_file import parse_policy

POLICY = """
policy = 1
[tools.send]
arguments = ["to"]
optional = ["cc"]
[[tools.send.allow]]
where.to = { from = "query" }
where.cc = { one_of = ["office"] }
"""
SEND = parse_policy(POLICY).tools["send"]


class Way(Enum):
    MAIL = "mail"
    POST = "post"


def kept(name: str, value: object, **stated: Any) -> bool:
    return name in given({name: value}, {"properties": {name: stated}}, SEND)


@pytest.mark.parametrize(
    ("value", "default", "others"),
    [
        (None, None, [0, False, "", [], {}]),
        ("", "", [None, " ", [], "eve"]),
        ("me", "me", ["Me", "me ", "mе", b"me"]),  # a Cyrillic letter among them
        (1, 1, [True, "1", 2, 1.5, math.nan]),
        (5.0, 5, [5.1]),
        (False, False, [True, 0, None, ""]),
        ([], [], [None, ["eve"], {}, [[]]]),
        (("a", 1), ["a", 1], [["a"], ["a", True], ["a", 1, "eve"], "a1"]),
        ({"k": [1]}, {"k": [1]}, [{"k": [True]}, {"k": [1], "eve": 1}, {}, [1]]),
        (Way.MAIL, "mail", [Way.POST]),
    ],
)
def test_only_the_default_itself_is_passed_over(value: object, default: object, others: list[object]) -> None:
    assert not kept("how", value, default=default)
    assert [other for other in others if not kept("how", other, default=default)] == []


def test_what_is_no_json_is_never_passed_over() -> None:
    class Agrees(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    assert kept("how", Agrees("eve"), default="me")
    assert kept("how", math.nan, default=math.nan)
    assert kept("how", math.inf, default=math.inf)
    assert kept("how", {"me"}, default=["me"])


def test_what_the_schema_does_not_state_or_requires_is_decided() -> None:
    assert kept("how", None)
    assert kept("how", "me", const="me", examples=["me"])
    assert given({"how": "me"}, {}, SEND) == {"how": "me"}
    stated = {"properties": {"how": {"default": "me"}}, "required": ["how"]}
    assert given({"how": "me"}, stated, SEND) == {"how": "me"}


def test_what_the_policy_names_is_decided_unless_it_is_a_null_that_may_be_missing() -> None:
    assert kept("to", "eve", default="eve")
    assert kept("to", None, default=None)
    assert kept("cc", "eve", default="eve")
    assert not kept("cc", None, default=None)
    assert not kept("cc", [], default=[])
    assert kept("cc", None, default="office")
    assert kept("cc", "", default="")


def test_a_value_that_is_too_deep_is_no_default() -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert kept("how", deep, default=deep)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": None},
        {"properties": ["how"]},
        {"properties": {"how": True}},
        {"properties": {"how": None}},
        {"properties": {"how": {"default": "me"}}, "required": True},
        {"properties": {"how": {"default": "me"}}, "required": "show"},
    ],
)
def test_what_is_no_schema_states_no_default(schema: dict[str, Any]) -> None:
    assert given({"how": "me"}, schema, SEND) == {"how": "me"}
