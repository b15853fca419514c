"""The corpus: the same on every run, free of names that give the topic away, each text once."""

import re
from collections import Counter

import pytest

from consilience.methods.convex_networks.corpus import TOPICS, WORDS, docstring_corpus, readable

FEW = {"numbers": ("math", "statistics"), "files": ("pathlib", "shutil", "tempfile")}


def test_the_corpus_is_the_same_twice_and_known_by_its_hash() -> None:
    first, second = docstring_corpus(FEW), docstring_corpus(FEW)
    assert first == second
    assert len(first.digest) == 64
    assert docstring_corpus({"numbers": ("math",), "files": ("pathlib",)}).digest != first.digest


def test_each_text_occurs_once_and_has_a_sensible_length() -> None:
    corpus = docstring_corpus(FEW)
    assert max(Counter(corpus.texts).values()) == 1
    assert all(WORDS[0] <= len(text.split()) <= WORDS[1] for text in corpus.texts)
    assert set(corpus.topics) == set(FEW)


def test_a_text_that_two_topics_share_is_left_out() -> None:
    assert docstring_corpus({"here": ("math",), "there": ("math",)}).texts == ()


def test_names_that_give_the_topic_away_are_taken_out() -> None:
    corpus = docstring_corpus(FEW)
    leaking = re.compile(r"\b(math|statistics|pathlib|shutil|tempfile|python)\b", re.IGNORECASE)
    for text, topic in zip(corpus.texts, corpus.topics, strict=True):
        own = FEW[topic]
        assert not any(name in own for name in leaking.findall(text.lower())), text


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("too short", None),
        ("f(x)\n\nReturn the `square` of a number, see :func:`math.pow` [1]_.", "Return the square of a number, see."),
        ("Run ``numpy.linalg.solve`` on a stack of matrices.\n\nMore.", "Run on a stack of matrices."),
        (" ".join(["word"] * 200), " ".join(["word"] * WORDS[1])),
    ],
)
def test_docstrings_become_plain_paragraphs(docstring: str, expected: str | None) -> None:
    assert readable(docstring, frozenset({"f"})) == expected


def test_topics_name_each_module_once() -> None:
    modules = [name for names in TOPICS.values() for name in names]
    assert len(modules) == len(set(modules))
