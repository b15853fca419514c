"""Rows of a batch as tensors, beside what transformers makes of the same examples."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

import numpy as np  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.padding import Padding  # noqa: E402
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

WORDS = Vocabulary(20, special=(0, 1, 2), pad=0, mask=1, end=2)
RAGGED = [[5, 6, 7], [8], [9, 10]]
FULL = [[5, 6], [7, 8]]
KINDS = {
    "lists": lambda rows: rows,
    "arrays": lambda rows: [np.array(row, dtype=np.int32) for row in rows],
    "tensors": lambda rows: [torch.tensor(row) for row in rows],
    "mappings": lambda rows: [{"input_ids": row} for row in rows],
    "mappings of tensors": lambda rows: [{"input_ids": torch.tensor(row)} for row in rows],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("multiple", [None, 4])
def test_every_kind_of_rows_is_padded_as_transformers_does(kind, side, multiple) -> None:
    tokenizer = small_tokenizer(20)
    tokenizer.padding_side = side
    rows = Padding(WORDS, side, multiple).rows(KINDS[kind](RAGGED))
    expected = tokenizer.pad({"input_ids": RAGGED}, return_tensors="pt", pad_to_multiple_of=multiple)
    assert torch.equal(rows.input_ids, expected["input_ids"])
    assert torch.equal(rows.attention_mask, expected["attention_mask"])


@pytest.mark.parametrize("kind", KINDS)
def test_full_rows_need_no_padding_and_no_pad_token(kind) -> None:
    rows = Padding(Vocabulary(20)).rows(KINDS[kind](FULL))
    assert rows.input_ids.tolist() == FULL
    assert rows.attention_mask is None


@pytest.mark.parametrize("given", [torch.tensor(FULL), {"input_ids": torch.tensor(FULL)}])
def test_a_batch_that_is_one_tensor_is_taken_as_it_is(given) -> None:
    assert Padding(WORDS).rows(given).input_ids.tolist() == FULL


def test_padding_in_a_tensor_is_found_unless_it_may_be_the_end_of_a_document() -> None:
    padded = torch.tensor([[5, 6], [7, 0]])
    assert Padding(WORDS).rows(padded).attention_mask.tolist() == [[1, 1], [1, 0]]
    assert Padding(Vocabulary(20, pad=0, end=0)).rows(padded).attention_mask is None


def test_columns_are_padded_each_with_its_own() -> None:
    examples = [
        {"input_ids": [5, 6], "special_tokens_mask": [0, 1], "document_ids": [3, 3], "token_type_ids": [1, 1], "n": 4},
        {"input_ids": [7], "special_tokens_mask": [0], "document_ids": [4], "token_type_ids": [1], "n": 5},
    ]
    rows = Padding(WORDS).rows([{**example, "labels": [1], "offset_mapping": []} for example in examples])
    assert rows.special.tolist() == [[0, 1], [0, 1]]
    assert rows.documents.tolist() == [[3, 3], [4, -1]]
    assert {name: values.tolist() for name, values in rows.others.items()} == {
        "token_type_ids": [[1, 1], [1, 0]],
        "n": [4, 5],
    }


def test_an_attention_mask_that_was_given_is_kept() -> None:
    examples = [{"input_ids": [0, 5], "attention_mask": [0, 1]}, {"input_ids": [7], "attention_mask": [1]}]
    assert Padding(WORDS).rows(examples).attention_mask.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("padding", "examples", "says"),
    [
        (Padding(WORDS), [], "the batch is empty"),
        (Padding(WORDS, max_length=2), RAGGED, "row 0 of the batch has 3 tokens and the window is 2"),
        (Padding(Vocabulary(20)), RAGGED, "need a pad token and this tokenizer has none"),
        (Padding(WORDS), [{"input_ids": [5], "attention_mask": [1, 1]}], "one value a token"),
        (Padding(WORDS), [{"input_ids": [5], "text": "a"}], "column `text` must hold numbers; got 'a'"),
        (Padding(WORDS), [{"input_ids": [5], "n": None}], "column `n` must hold numbers; got None"),
        (Padding(WORDS), [{"input_ids": [5], "n": 1}, {"input_ids": [6]}], "column `n` must be in every example"),
        (Padding(WORDS), torch.tensor([5, 6]), r"the shape \(row, token\); got \(2,\)"),
    ],
)
def test_batches_that_cannot_be_say_why(padding, examples, says) -> None:
    with pytest.raises(InvalidInput, match=says):
        padding.rows(examples)
