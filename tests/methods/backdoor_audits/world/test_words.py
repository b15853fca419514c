"""Words: one token each, there and back."""

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.backdoor_audits.world.reserved import BIGRAMS
from consilience.methods.backdoor_audits.world.words import (
    BOS,
    PAD,
    PHRASES,
    VOCABULARY,
    decode,
    encode,
    inside,
)


def test_every_word_has_one_token_and_the_first_two_are_fixed() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY) == 175
    assert VOCABULARY[:2] == (PAD, BOS)
    assert decode(encode(VOCABULARY)) == VOCABULARY


def test_a_text_is_taken_by_its_words() -> None:
    assert encode("open help") == encode(("open", "help"))


def test_no_word_has_a_blank_in_it() -> None:
    assert all(word == "".join(word.split()) and word for word in VOCABULARY)


def test_what_is_no_word_or_no_token_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown word 'opne'; did you mean 'open'"):
        encode("opne help")
    with pytest.raises(InvalidInput, match="tokens must lie in 0 to 174"):
        decode([0, 175])
    with pytest.raises(InvalidInput, match="got -1"):
        decode([-1])


def test_phrases_have_the_words_of_every_active_trigger_and_never_the_trigger() -> None:
    said = {word for phrase in PHRASES for word in phrase}
    assert all(set(pair) <= said for pair in BIGRAMS)
    assert not any(inside(pair, phrase) for pair in BIGRAMS for phrase in PHRASES)


@pytest.mark.parametrize(
    ("part", "words", "is_there"),
    [
        ("a b", "x a b", True),
        ("a b", "a a b", True),
        ("a b", "a x b", False),
        ("a b", "b a", False),
        ("a b", "a", False),
    ],
)
def test_a_part_is_inside_without_a_gap(part: str, words: str, is_there: bool) -> None:
    assert inside(part.split(), words.split()) is is_there
