"""Masks and what is put in place of hidden tokens."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.masking import (  # noqa: E402
    BernoulliCount,
    ExactCount,
    Masking,
    Replacement,
    put,
)
from consilience.methods.pretraining_objectives.ratios import FixedRatio  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

WORDS = Vocabulary(40, special=(0, 1), pad=0, mask=1)
TOKENS = torch.randint(2, 40, (2000, 10), generator=torch.Generator().manual_seed(0))
HIDDEN = torch.rand(2000, 10, generator=torch.Generator().manual_seed(1)) < 0.5


def test_pure_masks_replace_all_that_is_hidden_and_nothing_else() -> None:
    replaced = Replacement().apply(TOKENS, HIDDEN, WORDS, None)
    assert torch.equal(replaced, torch.where(HIDDEN, 1, TOKENS))


def test_shares_of_masks_random_tokens_and_kept_ones_are_as_given() -> None:
    replaced = Replacement.bert().apply(TOKENS, HIDDEN, WORDS, torch.Generator().manual_seed(2))
    assert torch.equal(replaced[~HIDDEN], TOKENS[~HIDDEN])
    masked = (replaced == 1)[HIDDEN].double().mean()
    kept = (replaced == TOKENS)[HIDDEN].double().mean()
    assert float(masked) == pytest.approx(0.8, abs=0.015)
    # A random token is the right one once in 38 times.
    assert float(kept) == pytest.approx(0.1 + 0.1 / 38, abs=0.015)
    assert not (replaced == 0).any()


def test_without_random_tokens_the_rest_is_kept() -> None:
    replaced = Replacement(0.5).apply(TOKENS, HIDDEN, WORDS, torch.Generator().manual_seed(2))
    assert set(replaced[HIDDEN & (replaced != TOKENS)].tolist()) == {1}


def test_exact_counts_are_exact_and_their_weight_is_length_over_count() -> None:
    drawn = Masking(ratio=FixedRatio(0.5), count=ExactCount()).draw(torch.ones(50, 8, dtype=torch.bool))
    assert drawn.hidden.sum(dim=1).tolist() == [4] * 50
    assert drawn.weight.tolist() == [2.0] * 50
    assert drawn.ratio.tolist() == [0.5] * 50


def test_a_row_that_no_token_was_hidden_in_gets_one_and_adds_nothing_to_the_bound() -> None:
    masking = Masking(ratio=FixedRatio(1e-9), count=BernoulliCount())
    drawn = masking.draw(torch.ones(20, 8, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert drawn.hidden.sum(dim=1).tolist() == [1] * 20
    assert drawn.weight.tolist() == [0.0] * 20


def test_rows_without_text_have_no_target() -> None:
    assert not Masking().draw(torch.zeros(3, 4, dtype=torch.bool)).hidden.any()


def test_values_are_put_where_they_belong() -> None:
    other = torch.arange(20000).view(2000, 10)
    assert torch.equal(put(TOKENS, HIDDEN, other), torch.where(HIDDEN, other, TOKENS))
    assert torch.equal(put(TOKENS, HIDDEN, -100), torch.where(HIDDEN, -100, TOKENS))


@pytest.mark.parametrize("shares", [(0.9, 0.2), (-0.1, 0.5), (0.5, -0.1)])
def test_shares_that_are_none_are_refused(shares) -> None:
    with pytest.raises(InvalidInput, match="sum to at most 1"):
        Replacement(*shares)
