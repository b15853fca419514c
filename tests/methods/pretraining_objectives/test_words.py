"""Words and their numbers."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.words import Lexicon, words


def test_words_keep_letters_of_any_language_together() -> None:
    assert words("Größe_2 = x9!") == ["größe", "_", "2", "=", "x", "9", "!"]


def test_frequent_words_come_first_and_ties_in_order_of_the_alphabet() -> None:
    lexicon = Lexicon.learned(["b a c c", "c"], 10)
    assert lexicon.entries == ("c", "a", "b")
    assert lexicon.size == 4
    assert lexicon.encode("a zebra c").tolist() == [2, 0, 1]


def test_bags_are_shares() -> None:
    lexicon = Lexicon.learned(["a b"], 3)
    bags = lexicon.bags([lexicon.encode("a a b z"), np.array([], dtype=np.int64)])
    assert bags.tolist() == [[0.25, 0.5, 0.25], [0, 0, 0]]


def test_no_words_and_no_room_for_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match="texts with words"):
        Lexicon.learned(["  "], 10)
    with pytest.raises(InvalidInput, match="at least 2"):
        Lexicon.learned(["a"], 1)
