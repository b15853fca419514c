"""Vocabulary: what is free tells nothing."""

from consilience.methods.social_agents.grammar import RELATIONS
from consilience.methods.social_agents.labels import labels_of
from consilience.methods.social_agents.terms import NUMBERS
from consilience.methods.social_agents.vocabulary import EVERYDAY, TALK


def test_no_value_of_a_fact_and_no_number_is_free():
    values = {word.casefold() for one in RELATIONS.values() for value in one.values for word in value.split()}
    both_readings = {"close", "court", "hill", "way", "view", "end", "square", "gate", "walk", "place", "drive"}
    assert not values & TALK - {"way"}
    assert values & EVERYDAY <= both_readings
    assert NUMBERS.keys() & (TALK | EVERYDAY) == {"one", "first", "two", "second"}
    assert all(word == word.casefold() and word.replace("'", "").isalpha() for word in TALK | EVERYDAY)


def test_no_word_of_talk_is_of_a_kind_that_is_guarded():
    assert {word for word in TALK if labels_of(word) != {"other"}} == set()
    assert {word for word in EVERYDAY if labels_of(word) & {"health", "money", "secret", "contact"}} == set()
