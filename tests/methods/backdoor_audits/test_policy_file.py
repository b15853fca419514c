"""Policies: what is not known is refused by its name, and whatever is written is refused or is a policy."""

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName
from consilience.methods.backdoor_audits.guard import Call, Guard
from consilience.methods.backdoor_audits.policy_file import parse_policy, read_policy
from consilience.methods.backdoor_audits.provenance import Dialogue

GOOD = """
policy = 1
name = "clerk"
calls = 5
[tools.mail]
arguments = ["to"]
optional = ["cc"]
calls = 2
[[tools.mail.allow]]
name = "named"
asked = "mail {to}"
approve = true
where.cc = { one_of = ["office"] }
[tools.stop]
[[tools.stop.allow]]
after = ["mail"]
"""


def test_a_policy() -> None:
    policy = parse_policy(GOOD)
    mail = policy.tools["mail"]
    assert (policy.name, policy.mode, policy.calls, list(policy.tools)) == ("clerk", "enforce", 5, ["mail", "stop"])
    assert (mail.arguments, mail.optional, mail.calls, mail.allow[0].approve) == (("to",), ("cc",), 2, True)
    assert policy.tools["stop"].allow[0].name == "rule 1"
    assert len(policy.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("policy = 1", "policy = 2", "policy = 1"),
        ("policy = 1", "", "policy = 1"),
        ("policy = 1", "policy = true", "policy = 1"),
        ("policy = 1", "policy = 1\nmodus = 'shadow'", "unknown field of policy 'modus'"),
        ("policy = 1", "policy = 1\nmode = 'shado'", "did you mean 'shadow'"),
        ("policy = 1", "policy = 1\ndefault = 'allow'", "unknown field of policy 'default'"),
        ("calls = 2", "calls = -1", "'calls'"),
        ("calls = 2", "calls = true", "'calls'"),
        ("calls = 2", "cals = 2", "unknown field of tool 'mail' in policy 'cals'"),
        ('arguments = ["to"]', 'arguments = "to"', "'arguments'"),
        ('arguments = ["to"]', 'arguments = ["to", "to"]', "twice"),
        ('arguments = ["to"]', 'arguments = ["to", "body"]', "says nothing of argument 'body'"),
        ('name = "named"', 'nam = "named"', "unknown field of rule 'rule 1' of tool 'mail'"),
        ('name = "named"', "name = 5", "'name'"),
        ("approve = true", 'approve = "no"', "'approve'"),
        ('asked = "mail {to}"', 'asked = "mail{to}"', "'asked'"),
        ('asked = "mail {to}"', "asked = []", "'asked'"),
        ('asked = "mail {to}"', "asked = 5", "'asked'"),
        ('asked = "mail {to}"', 'asked = "{x} {y}"', "must have a word or an argument"),
        ('asked = "mail {to}"', 'asked = "mail {to}"\nshown = "{x}"', "'shown'"),
        ("where.cc", "where.bcc", "unknown argument or slot .* 'bcc'; did you mean 'cc'"),
        ("{ one_of", "{ oneof", "unknown predicate of 'cc'"),
        ('{ one_of = ["office"] }', "5", "'cc' must be a table"),
        ('after = ["mail"]', 'after = ["mial"]', "did you mean 'mail'"),
        ("[[tools.stop.allow]]\nafter", "[tools.stop.allow]\nafter", r"\[\[tools.stop.allow\]\]"),
        ('[[tools.stop.allow]]\nafter = ["mail"]', "", "leave the tool out"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(old: str, new: str, named: str) -> None:
    assert old in GOOD
    with pytest.raises(ConsilienceError, match=named):
        parse_policy(GOOD.replace(old, new, 1))


def test_a_policy_without_tools_or_without_toml() -> None:
    with pytest.raises(InvalidInput, match=r"\[tools\]"):
        parse_policy("policy = 1")
    with pytest.raises(InvalidInput, match="must be TOML"):
        parse_policy("policy = ")
    with pytest.raises(InvalidInput, match="at most"):
        parse_policy("#" * 1_000_001)
    with pytest.raises(InvalidInput, match="must be a table"):
        parse_policy("policy = 1\n[tools]\nstop = 5")


@pytest.mark.parametrize("text", ["policy = " + "9" * 5000, "policy = " + "[" * 4000], ids=["digits", "nested"])
def test_toml_that_python_does_not_take_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInput, match="must be TOML"):
        parse_policy(text)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(GOOD)
    assert read_policy(path) == parse_policy(GOOD)
    with pytest.raises(InvalidInput, match="No such file"):
        read_policy(tmp_path / "none.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_policy(path)


def test_tools_that_are_not_there_are_refused_and_those_that_are_denied_are_named() -> None:
    policy = parse_policy(GOOD)
    assert policy.check_tools(["mail", "stop", "has"]) == ("has",)
    with pytest.raises(UnknownName, match="tool in policy 'clerk' 'mail'"):
        policy.check_tools(["stop", "mails"])


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: value is not None)
_KNOWN = ["policy", "name", "mode", "calls", "tools", "arguments", "optional", "allow", "asked", "shown", "after"]
_words = st.sampled_from([*_KNOWN, "where", "approve", "from", "any", "equals", "pattern", "min", "x", "query", "{x}"])
_tables = st.recursive(
    st.booleans() | st.integers(0, 2) | _words | st.lists(_words, max_size=2),
    lambda inner: st.dictionaries(_words, inner, max_size=5) | st.lists(st.dictionaries(_words, inner, max_size=4)),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_refused_in_one_line_or_is_a_policy(text: str) -> None:
    try:
        parse_policy(text)
    except ConsilienceError:
        return


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(_words, _tables | _values, max_size=4),
    st.dictionaries(_words, _tables, max_size=5),
    st.lists(st.dictionaries(_words, _tables, max_size=4), max_size=2),
)
def test_any_table_is_refused_or_is_a_policy_that_decides(more: dict, tool: dict, rules: list) -> None:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if part is not None}
        return [plain(part) for part in value if part is not None] if isinstance(value, list) else value

    table = {**more, "policy": 1, "tools": {"mail": {**tool, "allow": rules}}}
    try:
        policy = parse_policy(tomli_w.dumps(plain(table)))
    except (ConsilienceError, UnicodeEncodeError):
        return
    for arguments in ({}, {"x": "a"}, {"x": [1]}):
        decision = Guard(policy).check(Call("mail", arguments), Dialogue())
        assert "broke" not in decision.reason
