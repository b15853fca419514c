"""Facts among small talk: read by who looks where they are, and by nobody else's words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.grammar import DAYS, RELATIONS, find, parts_of
from consilience.methods.social_agents.worlds.chatter import Writer, small_talk
from consilience.methods.social_agents.worlds.people import BEGINNING
from consilience.methods.social_agents.worlds.planting import draw, draw_other, mention, muse, plant, plant_obliquely

FACTS = [label for label, relation in RELATIONS.items() if relation.values]
PARTS = [part for day in DAYS for part in parts_of(day)]
TALK = small_talk(np.random.default_rng(0), 64)
NAMES = {"ana": "Ana Varga", "ben": "Ben Novak"}


def writer(seed=0):
    made = Writer(np.random.default_rng(seed), "x", _talk=TALK)
    made.open(("ana", "ben"), BEGINNING)
    return made


def said(made):
    return [(NAMES[line.sender], line.text) for line in made.lines]


def stated(made, label):
    return [(one.person, one.value, one.line) for one in find(label, said(made))]


@pytest.mark.parametrize("label", FACTS)
def test_a_fact_is_read_once_of_the_one_who_says_it(label):
    for seed, value in enumerate(RELATIONS[label].values[:6]):
        made = writer(seed)
        plant(made, 0, "ana", label, value)
        ((person, found, line),) = stated(made, label)
        assert (person, found) == ("Ana Varga", value)
        assert label.split()[-1] in made.lines[line].text
        assert 3 <= line <= 7
        assert 3 <= len(made.lines) - line - 1 <= 7
        assert all(stated(made, other) == [] for other in RELATIONS if other != label)


@pytest.mark.parametrize("label", PARTS[:3])
def test_a_part_of_a_day_is_read_as_it_was_told(label):
    told = "7:00-8:30 dentist, 9:00-9:30 choir and 11:00-12:00 gym"
    for seed in range(6):
        made = writer(seed)
        plant(made, 0, "ana", label, told)
        assert [(person, value) for person, value, _ in stated(made, label)] == [("Ana Varga", told)]


@pytest.mark.parametrize("label", FACTS)
def test_what_others_say_is_read_of_whom_they_speak(label):
    value = RELATIONS[label].values[0]
    made = writer()
    mention(made, 0, "ben", who="Ana Varga", label=label, value=value)
    assert [(person, found) for person, found, _ in stated(made, label)] == [("Ana Varga", value)]
    assert all(stated(made, other) == [] for other in RELATIONS if other != label)


@pytest.mark.parametrize("label", FACTS)
def test_what_is_mused_is_about_it_and_states_nothing(label):
    made = writer()
    muse(made, 0, "ben", who="Ana Varga", label=label)
    assert all(stated(made, other) == [] for other in RELATIONS)
    assert all(label in line.text and "Ana Varga" in line.text and line.sender == "ben" for line in made.lines)
    sessions = {line.sent_at.date() for line in made.lines}
    assert len(made.lines) == 2 * 16
    assert len(sessions) > 10


@pytest.mark.parametrize("label", FACTS)
def test_an_oblique_fact_is_read_and_shares_no_word_with_the_question(label):
    for seed in range(3):
        made = writer(seed)
        value = RELATIONS[label].values[seed]
        plant_obliquely(made, 0, "ana", label, value)
        ((person, found, line),) = stated(made, label)
        assert (person, found) == ("Ana Varga", value)
        words = {word.casefold() for word in made.lines[line].text.split()}
        assert not words & {*label.split(), *RELATIONS[label].synonyms, "ana", "varga"}
        near = " ".join(one.text for one in made.lines[line - 1 : line + 2]).casefold().split()
        assert not any(said.startswith(word[:4]) for said in near for word in label.split())
        hints = [one.text for one in made.lines[: len(RELATIONS[label].hints)]]
        assert tuple(hints) == RELATIONS[label].hints
        assert {made.lines[0].sender, made.lines[1].sender} == {"ana", "ben"}


@given(st.sampled_from(FACTS), st.data())
def test_another_value_is_none_of_those(label, data):
    relation = RELATIONS[label]
    than = data.draw(st.lists(st.sampled_from(relation.values), max_size=4))
    other = draw_other(np.random.default_rng(data.draw(st.integers(0, 99))), relation, than)
    assert other in relation.values
    assert other not in than


def test_every_choice_is_drawn_and_no_other():
    rng = np.random.default_rng(0)
    assert {draw(rng, "abc") for _ in range(60)} == {"a", "b", "c"}
