"""YAML that people write: read as plain values, or refused in one line with its place."""

import sys
from typing import Any

import pytest
import yaml

from consilience.ground import InvalidInput, MissingDependency
from consilience.ground.yaml_text import DEEPEST, composed, loaded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: [1, 2.5, yes, ~, x]", {"a": [1, 2.5, True, None, "x"]}),
        ("- |\n  two\n  lines", ["two\nlines"]),
        ("é: 'it''s'", {"é": "it's"}),
    ],
)
def test_plain_values_are_those_of_pyyaml(text: str, value: Any) -> None:
    assert loaded(text) == value == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- a\n- [", "line 3: this is not YAML; "),
        ("a: b\n---\nc: d", "this is not YAML; but found another document"),
        ("x: &a 1\ny: *a", r"line 2: there must be no alias \(`\*name`\)"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "line 1: lists and mappings must be nested 20 deep at most"),
        ("[" * 100_000, "nested 20 deep at most"),
        ("{a: b}: c", "line 1: this YAML cannot be read; found unhashable key"),
        ("a: !!python/object:os.system b", "line 1: this YAML cannot be read; could not determine a constructor"),
        ("2024-13-45", "a value in this YAML cannot be read; month must be in 1..12"),
        ("9" * 5000, "a value in this YAML cannot be read; Exceeds the limit"),
        ("!!int ''", "a value in this YAML cannot be read; "),
        ("!!bool x", "a value in this YAML cannot be read; "),
        ("!!timestamp x", "a value in this YAML cannot be read; "),
        ("\0", "this is not YAML; "),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as raised:
        loaded(text)
    assert "\n" not in str(raised.value)


def test_nodes_know_their_lines_and_may_have_aliases() -> None:
    node = composed("x: &a 1\ny: *a")
    (_, first), (_, second) = node.value
    assert first is second
    assert first.start_mark.line == 0
    assert composed("") is None


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependency, match=r"YAML needs .* install consilience\[agents\]"):
        loaded("a: b")
