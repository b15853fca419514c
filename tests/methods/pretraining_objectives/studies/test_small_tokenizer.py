"""The tokenizer of studies."""

import pytest

pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer


def test_words_are_numbers_and_marks_come_first() -> None:
    tokenizer = small_tokenizer(9)
    assert len(tokenizer) == 9
    assert tokenizer.convert_tokens_to_ids(["w3", "w8"]) == [3, 8]
    assert tokenizer("nothing")["input_ids"] == [3]
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id, tokenizer.eos_token_id) == (0, 1, 2)
