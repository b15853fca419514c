"""A pattern says what a regular expression says, in time proportional to the text."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.bounded_pattern import LONGEST_PATTERN, LONGEST_TEXT, Pattern

_leaf = st.sampled_from(["a", "b", "-", ".", r"\d", r"\W", "[ab]", "[^a]", "[a-c0]", "[]-]", r"\.", r"[\w-]"])
_patterns = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join).map("({})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}"])).map(
            lambda two: "({}){}".format(*two)
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(_patterns, st.text("ab-.c0]\n é", max_size=8))
@example("", "")
def test_it_agrees_with_the_library(pattern: str, text: str) -> None:
    assert Pattern(pattern).fits(text) == bool(re.fullmatch(pattern, text, re.ASCII))


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a|aa)*b", "(a?){30}a{30}b", "(.*)*(.*)*(.*)*x", "a*a*a*a*a*a*a*b"])
def test_no_text_takes_long(pattern: str) -> None:
    started = time.perf_counter()
    assert not Pattern(pattern).fits("a" * LONGEST_TEXT)
    assert time.perf_counter() - started < 1.0


def test_a_text_that_is_too_long_does_not_fit() -> None:
    assert Pattern("a*").fits("a" * LONGEST_TEXT)
    assert not Pattern("a*").fits("a" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "opening bracket"),
        (")", "closing bracket"),
        ("[a", "class without its end"),
        ("*a", "repetition of nothing"),
        ("a**", "repetition of a repetition"),
        ("a{2", "count that is not"),
        ("a{3,2}", "end is below"),
        ("^a", "leave it out"),
        ("(?=a)", "only plain brackets"),
        (r"\1", "only \\\\d"),
        ("[b-a]", "which is empty"),
        ("a\\", "backslash at the end"),
        ("a{999}", "states"),
        ("((((){999}){999}){999}){999}", "parts"),
        ("(" * 30 + ")" * 30, "brackets within brackets"),
        ("a" * (LONGEST_PATTERN + 1), "at most"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Pattern(pattern)


@settings(max_examples=300, deadline=None)
@given(st.text(r"ab\()[]{}*+?|^$.,-019dwsé", max_size=20), st.text(max_size=10))
def test_whatever_is_written_is_refused_or_works(pattern: str, text: str) -> None:
    try:
        found = Pattern(pattern)
    except InvalidInput:
        return
    found.fits(text)


def test_memory_of_steps_is_bounded() -> None:
    pattern = Pattern(".*")
    for start in range(0, 0x8000, 500):
        assert pattern.fits("".join(map(chr, range(start + 11, start + 500))))
    assert len(pattern._steps) <= 4096
