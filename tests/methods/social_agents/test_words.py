"""Words: cut alike for every index, and kept as databases can."""

import pytest

from consilience.methods.social_agents.words import COMMON, content_words, kept, plain, split


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", []),
        ("😀 -- %_*", []),
        ('NEAR("a b") OR c*', ["near", "a", "b", "or", "c"]),
        ("snake_case", ["snake", "case"]),
        ("Cafe\u0301 CAFÉ", ["café", "café"]),
        ("12:30 3,5", ["12", "30", "3", "5"]),
    ],
)
def test_a_text_is_cut_into_letters_and_digits(told: str, words: list[str]) -> None:
    assert split(told) == words


def test_marks_go_and_letters_stay() -> None:
    assert plain(["zoë", "ngũgĩ", "보라", "ß"]) == ["zoe", "ngugi", "보라", "ß"]


def test_what_no_database_keeps_is_replaced() -> None:
    assert kept("a\x00b\ud800c\x07") == "a�b�c\x07"


def test_common_words_are_not_content() -> None:
    assert content_words(["The ring, the RING and a thief"]) == ["ring", "thief"]
    assert COMMON.isdisjoint({"ring", "monday", "10", "friend"})
