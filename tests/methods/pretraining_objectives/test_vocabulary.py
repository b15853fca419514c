"""Marks and text of a vocabulary."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402


def test_a_tokenizer_says_what_its_marks_are() -> None:
    assert Vocabulary.of(small_tokenizer(9)) == Vocabulary(9, special=(0, 1, 2), mask=1, pad=0, end=2)


def test_a_token_added_to_a_tokenizer_counts() -> None:
    tokenizer = small_tokenizer(9)
    tokenizer.add_special_tokens({"cls_token": "<cls>"})
    assert Vocabulary.of(tokenizer).size == 10
    assert 9 in Vocabulary.of(tokenizer).special


def test_drawn_text_is_text_and_all_of_it() -> None:
    drawn = Vocabulary(6, special=(0, 5)).draw_text((200, 3), np.random.default_rng(0))
    assert set(drawn.flatten().tolist()) == {1, 2, 3, 4}


def test_marks_are_told_for_tensors_as_for_numbers() -> None:
    words = Vocabulary(6, special=(0, 5))
    assert words.is_special(torch.tensor([[0, 3], [5, 1]])).tolist() == [[True, False], [True, False]]
    assert words.marks.tolist() == [True, False, False, False, False, True]


def test_without_marks_nothing_is_special() -> None:
    assert not Vocabulary(4).is_special(torch.tensor([[0, 3]])).any()


def test_a_vocabulary_without_mask_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="this tokenizer has none; add one"):
        Vocabulary(4).required_mask()


@pytest.mark.parametrize("wrong", [{"mask": 4}, {"special": (0, 1, 2, 3)}, {"pad": -1}])
def test_marks_outside_and_vocabularies_without_text_are_refused(wrong) -> None:
    with pytest.raises(InvalidInput, match="must hold every mark and some text"):
        Vocabulary(4, **wrong)


def test_rows_of_another_tokenizer_are_told() -> None:
    assert Vocabulary(6, special=(0, 5)).marked(np.array([[0, 3]])).tolist() == [[True, False]]
    with pytest.raises(InvalidInput, match=r"must lie below 6, .* got 9: were the rows made by another tokenizer"):
        Vocabulary(6).marked(np.array([[1, 9]]))
