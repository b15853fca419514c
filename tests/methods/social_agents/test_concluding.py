from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.concluding import (
    QUESTIONS,
    activities,
    clock,
    conclude,
    half_hours,
    kind_of,
    spans,
)

ANA, DAN = "the Friday morning of Ana Varga", "the Friday morning of Dan Olsen"


@given(st.frozensets(st.integers(0, 47)))
def test_spans_are_half_hours_in_other_words(moments):
    assert half_hours(spans(moments)) == moments


def told(intervals):
    return ", ".join(f"{clock(start)}-{clock(end)} thing" for start, end in intervals)


def fewest(one, two):
    """Try all ways to cancel, the smallest first."""
    everything = [("one", each) for each in one] + [("two", each) for each in two]
    for count in range(len(everything) + 1):
        for gone in combinations(everything, count):
            left = [each for each in everything if each not in gone]
            if not any(
                a[0] == "one" and b[0] == "two" and a[1][0] < b[1][1] and b[1][0] < a[1][1] for a in left for b in left
            ):
                return count
    return None


@pytest.mark.parametrize("seed", range(25))
def test_the_fewest_deletions_are_those_of_trying_all(seed):
    rng = np.random.default_rng(seed)
    days = []
    for _ in range(2):
        cuts = sorted(rng.choice(np.arange(14, 44), size=8, replace=False).tolist())
        days.append(list(zip(cuts[::2], cuts[1::2], strict=True)))
    found = conclude("deletions", [ANA, DAN], {ANA: told(days[0]), DAN: told(days[1])})
    assert found == str(fewest(*days))


def test_free_time_is_what_nobody_uses_between_seven_and_ten():
    values = {ANA: "7:00-12:00 dentist", DAN: "11:30-21:30 choir"}
    assert conclude("free", [ANA, DAN], values) == "21:30-22:00"
    assert conclude("free", [ANA], {ANA: "7:00-22:00 sleeping"}) == "never"


def test_the_longest_are_all_that_are_as_long():
    values = {ANA: "7:00-8:00 judo and 9:00-11:00 choir", DAN: "12:00-14:00 archery"}
    assert conclude("longest", [ANA, DAN], values) == "archery; choir"


def test_the_smaller_number_has_a_name_and_a_tie_has_none():
    slots = ["the floor of Ana Varga", "the floor of Dan Olsen"]
    assert conclude("smaller", slots, dict(zip(slots, ["12", "9"], strict=True))) == "Dan Olsen"
    assert conclude("smaller", slots, dict(zip(slots, ["9", "9"], strict=True))) is None
    assert conclude("smaller", slots, dict(zip(slots, ["high", "9"], strict=True))) is None


@pytest.mark.parametrize("kind", QUESTIONS)
def test_nothing_is_concluded_where_a_fact_is_missing(kind):
    assert conclude(kind, [ANA, DAN], {ANA: "7:00-8:00 judo"}) is None
    assert conclude(kind, [], {}) is None


@pytest.mark.parametrize(("kind", "question"), QUESTIONS.items())
def test_each_question_is_known_for_its_kind(kind, question):
    assert kind_of(question) == kind


@pytest.mark.parametrize("text", ["", "at nine", "25:00-26:00 judo", "9:00-8:00 judo", "9:15-10:15 judo"])
def test_what_is_no_span_is_passed_over(text):
    assert activities(text) == ()
