"""Masks and what is put in place of hidden tokens."""

import pytest

pytest.importorskip("torch", reason="the pretraining extra is not installed")

import numpy as np

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.masking import (
    BernoulliCount,
    ExactCount,
    Masking,
    Replacement,
    put,
)
from consilience.methods.pretraining_objectives.ratios import FixedRatio
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

WORDS = Vocabulary(40, special=(0, 1), pad=0, mask=1)
TOKENS = np.random.default_rng(0).integers(2, 40, (2000, 10))
HIDDEN = np.random.default_rng(1).random((2000, 10)) < 0.5


def test_pure_masks_replace_all_that_is_hidden_and_nothing_else() -> None:
    replaced = Replacement().apply(TOKENS, HIDDEN, WORDS, np.random.default_rng(2))
    assert (replaced == np.where(HIDDEN, 1, TOKENS)).all()


def test_shares_of_masks_random_tokens_and_kept_ones_are_as_given() -> None:
    replaced = Replacement.bert().apply(TOKENS, HIDDEN, WORDS, np.random.default_rng(2))
    assert (replaced[~HIDDEN] == TOKENS[~HIDDEN]).all()
    masked = (replaced == 1)[HIDDEN].mean()
    kept = (replaced == TOKENS)[HIDDEN].mean()
    assert masked == pytest.approx(0.8, abs=0.015)
    # A random token is the right one once in 38 times.
    assert kept == pytest.approx(0.1 + 0.1 / 38, abs=0.015)
    assert not (replaced == 0).any()


def test_without_random_tokens_the_rest_is_kept() -> None:
    replaced = Replacement(0.5).apply(TOKENS, HIDDEN, WORDS, np.random.default_rng(2))
    assert set(replaced[HIDDEN & (replaced != TOKENS)].tolist()) == {1}


def test_exact_counts_are_exact_and_their_weight_is_length_over_count() -> None:
    drawn = Masking(ratio=FixedRatio(0.5), count=ExactCount()).draw(
        np.ones((50, 8), dtype=bool), np.random.default_rng(0)
    )
    assert drawn.hidden.sum(axis=1).tolist() == [4] * 50
    assert drawn.weight.tolist() == [2.0] * 50
    assert drawn.ratio.tolist() == [0.5] * 50


def test_a_row_that_no_token_was_hidden_in_gets_one_and_adds_nothing_to_the_bound() -> None:
    masking = Masking(ratio=FixedRatio(1e-9), count=BernoulliCount())
    drawn = masking.draw(np.ones((20, 8), dtype=bool), np.random.default_rng(0))
    assert drawn.hidden.sum(axis=1).tolist() == [1] * 20
    assert drawn.weight.tolist() == [0.0] * 20


def test_rows_without_text_have_no_target() -> None:
    assert not Masking().draw(np.zeros((3, 4), dtype=bool), np.random.default_rng(0)).hidden.any()


def test_values_are_put_where_they_belong() -> None:
    other = np.arange(20000).reshape(2000, 10)
    assert (put(TOKENS, HIDDEN, other) == np.where(HIDDEN, other, TOKENS)).all()
    assert (put(TOKENS, HIDDEN, -100) == np.where(HIDDEN, -100, TOKENS)).all()


@pytest.mark.parametrize("shares", [(0.9, 0.2), (-0.1, 0.5), (0.5, -0.1)])
def test_shares_that_are_none_are_refused(shares) -> None:
    with pytest.raises(InvalidInput, match="sum to at most 1"):
        Replacement(*shares)
