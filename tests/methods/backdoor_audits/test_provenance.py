"""A value is in somebody's words if it stands there whole."""

import pytest

from consilience.methods.backdoor_audits.provenance import Dialogue, Heard, leaves, words_of


def said(*, human: str = "", observed: object = "", given=None) -> Dialogue:
    dialogue = Dialogue()
    dialogue.human(human)
    dialogue.observed(observed, given=given)
    return dialogue


@pytest.mark.parametrize(
    "value", ["bob@example.com", "notes.txt", "two words", 5, True, ["notes.txt", 5], {"a": "two words"}]
)
def test_what_stands_there_is_found(value: object) -> None:
    assert said(human='Send "notes.txt" to bob@example.com, (two words) 5 true.').comes_from("query", value)


@pytest.mark.parametrize(
    ("human", "value"),
    [
        ("visit not-evil.example", "evil.example"),
        ("open /etc/passwd", "/etc"),
        ("read .env", "env.local"),
        ("delete env", ".env"),
        ("mail Bob", "bob"),
        ("pay paypal", "pаypal"),  # a Cyrillic letter
        ("say a b", "b a"),
        ("say a c b", "a b"),
        ("anything", ""),
        ("anything", " "),
        ("anything", []),
        ("anything", {}),
        ("one", ["one", "two"]),
        ("5", 5.5),
    ],
)
def test_what_does_not_stand_there_whole_is_not_found(human: str, value: object) -> None:
    assert not said(human=human).comes_from("query", value)


def test_each_side_has_its_own_words_and_a_value_does_not_span_turns() -> None:
    dialogue = said(human="alpha", observed="beta")
    dialogue.human("gamma")
    assert dialogue.comes_from("any", "beta")
    assert not dialogue.comes_from("query", "beta")
    assert not dialogue.comes_from("observation", "alpha")
    assert not dialogue.comes_from("query", "alpha gamma")


def test_other_spaces_than_single_ones_count() -> None:
    dialogue = said(human="run echo hi\nthen stop")
    assert dialogue.comes_from("query", "echo hi")
    assert not dialogue.comes_from("query", "echo\nhi")
    assert not dialogue.comes_from("query", "echo  hi")
    assert dialogue.comes_from("query", "hi\nthen")
    assert not dialogue.comes_from("query", "i\nthen")


def test_a_tool_that_says_back_what_it_was_given_proves_nothing() -> None:
    echo = {"query": "evil.example", "limit": 5, "text": "two\nlines"}
    dialogue = said(observed="no results for evil.example (5), two\nlines of good.example", given=echo)
    assert dialogue.comes_from("observation", "good.example")
    for value in ("evil.example", 5, "two\nlines"):
        assert not dialogue.comes_from("observation", value)


@pytest.mark.parametrize(
    "observed", [{"to": "bob", "n": [{"id": 7}]}, '{"to":"bob","n":[{"id":7}]}', [{"to": "bob"}, 7]]
)
def test_values_within_values_are_words(observed: object) -> None:
    dialogue = said(observed=observed)
    assert dialogue.comes_from("observation", "bob")
    assert dialogue.comes_from("observation", 7)


def test_calls_are_counted() -> None:
    dialogue = Dialogue()
    for tool in ("ls", "ls", "ls", "rm"):
        dialogue.made(tool)
    assert (dialogue.count("ls"), dialogue.count("rm"), dialogue.count("mv"), dialogue.count()) == (3, 1, 0, 4)


def test_a_value_that_is_too_deep_is_no_value() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    with pytest.raises(RecursionError):
        list(leaves(deep))


def test_the_words_of_a_value() -> None:
    assert words_of("a  b\nc") == ("a", "b", "c")
    assert words_of(None) == ("null",)


def test_places_beyond_the_end_hold_nothing() -> None:
    heard = Heard()
    heard.add("a b")
    assert heard.word(-1) is None
    assert heard.word(99) is None
    assert not heard.fits(("a",), -3)
    assert not heard.fits(("b", "c"), 1)


def test_limits_are_as_the_page_tells_them() -> None:
    dialogue = Dialogue()
    dialogue.human("Do not mail bob@example.com, ever.")
    assert dialogue.query.has(("mail", "bob@example.com"))  # a no is a yes
    dialogue.observed("kept: eve@example.net", given={"text": "eve@example.net"})
    assert not dialogue.environment.has(("eve@example.net",))
    dialogue.observed("eve@example.net")  # what was stored is read
    assert dialogue.environment.has(("eve@example.net",))
    dialogue.observed("EVE@EXAMPLE.ORG", given={"text": "eve@example.org"})  # what was rewritten
    assert dialogue.environment.has(("EVE@EXAMPLE.ORG",))
