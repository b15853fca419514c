"""The tokenizer that is learned."""

import pytest

pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("tokenizers", reason="the pretraining extra is not installed")

from hypothesis import given
from hypothesis import strategies as st

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.own_text.byte_pairs import learn_tokenizer

TEXTS = ("the cat sat on the mat", "the dog sat on the cat") * 20
TOKENIZER = learn_tokenizer(TEXTS, 300, 16)


@given(st.text(max_size=30))
def test_decoding_gives_any_text_back(text) -> None:
    numbers = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    marks = {"<pad>", "<mask>", "<end>"}
    if not any(mark in text for mark in marks):
        assert TOKENIZER.decode(numbers) == text
        assert not {0, 1, 2} & set(numbers)


def test_frequent_words_are_one_token_and_marks_are_where_they_should_be() -> None:
    assert len(TOKENIZER(" the")["input_ids"]) == 1
    assert (TOKENIZER.pad_token_id, TOKENIZER.mask_token_id, TOKENIZER.eos_token_id) == (0, 1, 2)
    assert 259 < len(TOKENIZER) <= 300


def test_the_same_text_makes_the_same_tokenizer() -> None:
    again = learn_tokenizer(TEXTS, 300, 16)
    assert again.get_vocab() == TOKENIZER.get_vocab()


def test_bytes_and_marks_must_fit() -> None:
    with pytest.raises(InvalidInput, match="every byte and 3 marks, 259; got 200"):
        learn_tokenizer(TEXTS, 200, 16)
