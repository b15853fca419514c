"""The guard: what is not allowed is denied, and so is what it cannot decide."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.methods.backdoor_audits.guard import MOST_WAYS, Call, Decision, Guard, Outcome
from consilience.methods.backdoor_audits.policy_file import Policy, parse_policy
from consilience.methods.backdoor_audits.provenance import Dialogue

POLICY = """
policy = 1
name = "desk"
calls = 4
[tools.click]
arguments = ["label"]
calls = 2
[[tools.click.allow]]
name = "open"
asked = "open {name}"
shown = "{kind} {name} {label}"
where.kind = { one_of = ["link", "button"] }
[tools.mail]
arguments = ["to"]
optional = ["body"]
[[tools.mail.allow]]
name = "to whom the human names"
approve = true
where.to = { from = "query" }
where.body = { max_length = 5 }
[tools.buy]
[[tools.buy.allow]]
after = ["click"]
[tools.stop]
[[tools.stop.allow]]
"""


def desk(mode: str = "enforce") -> Policy:
    return parse_policy(POLICY.replace('name = "desk"', f'name = "desk"\nmode = "{mode}"'))


def heard() -> Dialogue:
    dialogue = Dialogue()
    dialogue.human("please open help and mail bob")
    dialogue.observed("link help A hid kiosk B button about C")
    return dialogue


def outcome(tool: str, dialogue: Dialogue | None = None, **arguments: Any) -> str:
    return Guard(desk()).check(Call(tool, arguments), dialogue or heard()).outcome.value


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("click", {"label": "A"}, "allowed"),
        ("click", {"label": "B"}, "denied"),  # hidden, and not asked for
        ("click", {"label": "C"}, "denied"),  # there, and not asked for
        ("click", {"label": "Z"}, "denied"),  # nowhere
        ("click", {"label": ["A"]}, "denied"),
        ("click", {"label": "A\n"}, "denied"),
        ("click", {"label": ""}, "denied"),
        ("click", {"label": None}, "denied"),
        ("click", {}, "denied"),
        ("click", {"label": "A", "force": True}, "denied"),
        ("mail", {"to": "bob"}, "ask"),
        ("mail", {"to": "bob", "body": "hi"}, "ask"),
        ("mail", {"to": "bob", "body": "too long"}, "denied"),
        ("mail", {"to": "kiosk"}, "denied"),
        ("buy", {}, "denied"),
        ("stop", {}, "allowed"),
        ("Stop", {}, "denied"),
        ("", {}, "denied"),
    ],
)
def test_decisions(tool: str, arguments: dict[str, Any], expected: str) -> None:
    assert outcome(tool, **arguments) == expected


def test_a_hidden_element_of_the_name_that_was_asked_for_is_denied() -> None:
    dialogue = Dialogue()
    dialogue.human("open kiosk")
    dialogue.observed("hid kiosk B link kiosk A")
    assert (outcome("click", dialogue, label="B"), outcome("click", dialogue, label="A")) == ("denied", "allowed")


def test_what_the_environment_says_was_asked_is_not_asked() -> None:
    dialogue = Dialogue()
    dialogue.human("open help")
    dialogue.observed("open kiosk link kiosk A mail eve")
    assert outcome("click", dialogue, label="A") == "denied"
    assert outcome("mail", dialogue, to="eve") == "denied"


def test_budgets_and_order() -> None:
    dialogue = heard()
    guard = Guard(desk())
    click = Call("click", {"label": "A"})
    for _ in range(2):
        assert guard.check(click, dialogue).goes_ahead
        dialogue.made("click")
    assert "2 are allowed" in guard.check(click, dialogue).reason
    assert guard.check(Call("buy"), dialogue).goes_ahead
    dialogue.made("buy")
    dialogue.made("stop")
    assert "4 calls were made" in guard.check(Call("stop"), dialogue).reason


def test_a_check_changes_nothing() -> None:
    guard, dialogue = Guard(desk()), heard()
    first = [guard.check(Call("click", {"label": "A"}), dialogue) for _ in range(5)]
    assert len(set(first)) == 1
    assert dialogue.count() == 0


@pytest.mark.parametrize(
    ("answer", "expected"), [(True, "allowed"), (False, "denied"), (1, "denied"), ("yes", "denied"), (None, "denied")]
)
def test_only_true_is_a_yes(answer: object, expected: str) -> None:
    guard = Guard(desk(), approve=lambda call, decision: answer)  # type: ignore[arg-type,return-value]
    assert guard.check(Call("mail", {"to": "bob"}), heard()).outcome.value == expected
    assert guard.check(Call("mail", {"to": "eve"}), heard()).outcome.value == "denied"


def test_an_approval_that_breaks_denies() -> None:
    def broken(call: Call, decision: Decision) -> bool:
        raise TimeoutError

    decision = Guard(desk(), approve=broken).check(Call("mail", {"to": "bob"}), heard())
    assert (decision.outcome, decision.goes_ahead) == (Outcome.DENIED, False)
    assert "the guard broke: TimeoutError" in decision.reason


class _Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


class _BrokenDialogue(Dialogue):
    def count(self, tool: str | None = None) -> int:
        raise OSError("gone")


@pytest.mark.parametrize(
    ("call", "dialogue"),
    [
        (Call("mail", {"to": _Rude()}), heard()),
        (Call("click", {"label": _Rude()}), heard()),
        (Call("click", {"label": "A"}), _BrokenDialogue()),
    ],
)
def test_what_breaks_is_denied(call: Call, dialogue: Dialogue) -> None:
    decision = Guard(desk()).check(call, dialogue)
    assert decision.outcome is Outcome.DENIED
    assert "the guard broke" in decision.reason


def test_a_guard_whose_policy_breaks_denies() -> None:
    class Broken(dict):
        def get(self, *_: object) -> None:
            raise KeyError("gone")

    policy = dataclasses.replace(desk(), tools=Broken())
    decision = Guard(policy).check(Call("stop"), heard())
    assert not decision.goes_ahead
    assert "the guard broke" in decision.reason


def test_shadow_says_what_it_would_deny_and_asks_nobody() -> None:
    def never(call: Call, decision: Decision) -> bool:
        raise AssertionError

    guard = Guard(desk("shadow"), approve=never)
    for arguments, expected in (({"to": "bob"}, "ask"), ({"to": "eve"}, "denied")):
        decision = guard.check(Call("mail", arguments), heard())
        assert (decision.outcome.value, decision.shadow, decision.goes_ahead) == (expected, True, True)


def test_many_ways_to_read_are_not_tried_for_ever() -> None:
    dialogue = Dialogue()
    dialogue.human("open x " * (10 * MOST_WAYS))
    dialogue.observed("hid x A " * (10 * MOST_WAYS))
    decision = Guard(desk()).check(Call("click", {"label": "A"}), dialogue)
    assert not decision.goes_ahead
    assert "ways to read" in decision.reason


_any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["click", "mail", "buy", "stop", "rm"]),
    st.dictionaries(st.sampled_from(["label", "to", "body", "x"]), _any),
)
def test_only_what_was_asked_for_is_ever_allowed(tool: str, arguments: dict[str, Any]) -> None:
    decision = Guard(desk()).check(Call(tool, arguments), heard())
    assert "broke" not in decision.reason
    if decision.goes_ahead:
        assert (tool, arguments) in [("click", {"label": "A"}), ("stop", {})]


def test_arguments_without_names_are_named_by_the_policy() -> None:
    assert Call.positional(desk(), "mail", ["a", "b", "c"]).arguments == {"to": "a", "body": "b", "3": "c"}
    assert Call.positional(desk(), "rm", ["a"]).arguments == {"1": "a"}
