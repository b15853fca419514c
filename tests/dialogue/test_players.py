"""Players of the floor: pure functions of the question and of its chance."""

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.players import PLAYERS, constant, echo, talker

QUESTION = Question("7", (Message("system", ("Be brief.",)), Message("user", ("Say ", "this"))))


@pytest.mark.parametrize("name", PLAYERS)
def test_same_question_and_chance_same_text(name: str) -> None:
    said = {PLAYERS[name](QUESTION, np.random.default_rng(5)) for _ in range(3)}
    assert len(said) == 1


def test_echo_repeats_the_last_message() -> None:
    assert echo(QUESTION, np.random.default_rng(0)) == "Say this"
    assert echo(Question("7", ()), np.random.default_rng(0)) == ""


def test_constant_says_what_it_was_given() -> None:
    assert constant("yes")(QUESTION, np.random.default_rng(0)) == "yes"


def test_talker_speaks_in_sentences_that_chance_decides() -> None:
    said = [talker(QUESTION, np.random.default_rng(seed)) for seed in range(200)]
    assert len(set(said)) == 200
    for text in said:
        sentences = text.removesuffix(".").split(". ")
        assert 2 <= len(sentences) <= 6
        assert all(5 <= len(sentence.split()) <= 13 and sentence[0].isupper() for sentence in sentences)
