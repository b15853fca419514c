"""Objectives side by side on texts whose topic lies in far words."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.connection import LabelledTokens
from consilience.methods.pretraining_objectives.corpus import Corpus
from consilience.methods.pretraining_objectives.joint import cooccurrence


@pytest.fixture(scope="module")
def tokens() -> LabelledTokens:
    generator = np.random.default_rng(0)
    own = {"x": [f"x{letter}" for letter in "abcdefgh"], "y": [f"y{letter}" for letter in "abcdefgh"]}
    labelled = []
    for number in range(80):
        label = "xy"[number % 2]
        chosen = generator.choice(own[label], 10)
        labelled.append((label, " ".join(f"{word} the" for word in chosen)))
    return LabelledTokens.of(Corpus.of(labelled), vocabulary=100, rank=2)


def test_targets_beyond_the_next_token_connect_what_it_leaves_apart(tokens: LabelledTokens) -> None:
    near, far = tokens.connection("ahead:1"), tokens.connection("ahead:4")
    assert near.next_token == pytest.approx(1)
    assert far.probed.accuracy == 1
    assert far.probed.accuracy >= near.probed.accuracy
    assert far.bound.alpha < near.bound.alpha + 0.5
    assert far.bound.holds


def test_parts_add_up_to_the_whole(tokens: LabelledTokens) -> None:
    whole = cooccurrence(tokens.documents, "around:3", size=tokens.lexicon.size)
    assert tokens.connection("around:3").spectrum.joint.dense() == pytest.approx(whole.dense())


def test_baselines_know_no_objective(tokens: LabelledTokens) -> None:
    found = tokens.baselines()
    assert list(found) == ["random features", "bag of tokens"]
    assert found["bag of tokens"].accuracy == 1


def test_features_wider_than_the_vocabulary_are_refused() -> None:
    corpus = Corpus.of([(label, f"{label} word{n}") for label in "ab" for n in range(5)])
    with pytest.raises(InvalidInput, match="vocabulary must be larger"):
        LabelledTokens.of(corpus, rank=64)
