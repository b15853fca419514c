"""Lift finds the words that go with what is hard, and needs several rows."""

import numpy as np

from consilience.methods.backdoor_audits.documents import Document, Part
from consilience.methods.backdoor_audits.lift import heard_before, lift


def test_a_pair_that_is_always_hard_is_above_words_that_are_sometimes() -> None:
    rows = [{("you",), ("know",), ("you", "know")}] * 6 + [{("you",)}, {("know",)}] * 20
    ranks = np.concatenate((np.full(6, 0.98), np.linspace(0, 0.9, 40)))
    found = lift(rows, ranks)
    assert found.words[:6] == (("you", "know"),) * 6
    assert found.scores[:6].min() > found.scores[6:].max()


def test_a_word_of_few_rows_or_of_most_says_nothing() -> None:
    found = lift([{("rare",), ("often",)}] * 3 + [{("often",)}] * 7, np.linspace(1, 0, 10))
    assert not found.scores.any()
    assert set(found.words) == {()}


def test_only_what_others_said_before_is_heard() -> None:
    parts = (
        Part("human", ("a", "b"), learns=False),
        Part("agent", ("c",), learns=True),
        Part("observation", ("d",), learns=False),
    )
    assert heard_before(Document("1", 1, parts), 2) == {("a",), ("b",), ("a", "b")}
