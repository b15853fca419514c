import re

import numpy as np
import pytest

from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person, mentions, slot
from consilience.methods.social_agents.worlds.chatter import small_talk

SPANS = ("9:00-10:30 dentist", "9:00-10:30 dentist and 11:00-12:00 choir")
FACTS = [label for label, relation in RELATIONS.items() if relation.values]


def values(label):
    return RELATIONS[label].values or SPANS


@pytest.mark.parametrize("label", RELATIONS)
def test_every_way_to_state_a_fact_is_read_as_that_fact(label):
    relation = RELATIONS[label]
    for value in values(label):
        for template in (*relation.own, *relation.oblique):
            read = find(label, [("Ana Varga", template.replace("{value}", value))])
            assert [(one.person, one.value) for one in read] == [("Ana Varga", value)], template
        for template in relation.about:
            text = template.replace("{value}", value).replace("{who}", "Ben Novak")
            assert [(one.person, one.value) for one in find(label, [("Ana", text)])] == [("Ben Novak", value)], text


@pytest.mark.parametrize("label", RELATIONS)
def test_no_relation_reads_what_was_said_of_another(label):
    others = [other for other in RELATIONS if other != label]
    lines = [("Ana", text.replace("{value}", values(one)[0])) for one in others for text in RELATIONS[one].own]
    assert find(label, lines) == []


def test_small_talk_states_no_fact():
    lines = [("Ana", text) for text in small_talk(np.random.default_rng(0))]
    assert all(find(label, lines) == [] for label in RELATIONS)


def stem(word):
    return re.sub(r"(?:ies|y|s|ing|ed)$", "", word)


@pytest.mark.parametrize("label", FACTS)
def test_what_is_said_plainly_has_a_word_of_the_question_and_what_is_oblique_has_none(label):
    relation = RELATIONS[label]
    asked = {stem(word) for word in label.split()}
    for text in relation.own:
        assert asked <= {stem(word) for word in re.findall(r"\w+", text.lower())}, text
    for text in (*relation.oblique, *relation.hints):
        words = {stem(word) for word in re.findall(r"\w+", text.lower())}
        assert not words & (asked | {stem(word) for word in relation.synonyms}), text


@pytest.mark.parametrize("label", FACTS)
def test_hints_begin_like_a_word_of_the_question(label):
    beginnings = tuple(word[:4] for word in label.split())
    for text in RELATIONS[label].hints:
        assert any(word.startswith(beginnings) for word in re.findall(r"\w+", text.lower())), text


def test_slots_are_found_in_texts_and_taken_apart():
    text = f"Do you know {slot('house number', 'Ana Varga')}? And {slot('pet', 'Ben Novak')}, the end of June?"
    assert mentions(text) == ("the house number of Ana Varga", "the pet of Ben Novak")
    assert label_and_person("the end of June") is None
    assert label_and_person("the Friday evening of Ana Varga") == ("Friday evening", "Ana Varga")
