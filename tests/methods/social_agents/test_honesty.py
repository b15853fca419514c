"""No value of any fact is in the published vocabulary; what is encoded or turned around is no news."""

import base64

import pytest

from consilience.methods.social_agents.grammar import RELATIONS
from consilience.methods.social_agents.honesty import VOCABULARY, foreign_words


def test_the_vocabulary_has_no_value_of_a_fact():
    values = {word for one in RELATIONS.values() for value in one.values for word in value.casefold().split()}
    assert not {word for word in values if not word.isdigit()} & VOCABULARY


@pytest.mark.parametrize("put", [str, lambda text: text[::-1], lambda text: base64.b64encode(text.encode()).decode()])
def test_a_word_of_the_prompt_is_known_however_it_is_written(put):
    assert not foreign_words("We keep an axolotl here", put("an axolotl here"))


def test_a_word_that_is_nowhere_is_seen():
    assert foreign_words("We keep a parrot", '{"say": "It is an axolotl."}') >= {"axolotl"}
