"""Collators where transformers' own stands."""

import pickle

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")

import numpy as np  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.collators import (  # noqa: E402
    MultiOffsetCollator,
    VariableLengthMaskCollator,
)
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer  # noqa: E402

EXAMPLES = [{"input_ids": list(range(5, 5 + n)), "attention_mask": [1] * n} for n in (9, 4, 7)]


@pytest.fixture
def tokenizer() -> object:
    return small_tokenizer(60)


def test_a_batch_has_what_transformers_collator_gives(tokenizer) -> None:
    theirs = transformers.DataCollatorForLanguageModeling(tokenizer)([dict(e) for e in EXAMPLES])
    ours = VariableLengthMaskCollator(tokenizer)(EXAMPLES)
    assert {name: (v.shape, v.dtype) for name, v in theirs.items()} == {n: (v.shape, v.dtype) for n, v in ours.items()}
    assert torch.equal(ours["attention_mask"], theirs["attention_mask"])


def test_labels_and_inputs_together_are_the_tokens(tokenizer) -> None:
    batch = VariableLengthMaskCollator(tokenizer, ratio=0.4, seed=0)(EXAMPLES)
    hidden = batch["labels"] != -100
    assert (batch["input_ids"][hidden] == tokenizer.mask_token_id).all()
    whole = torch.where(hidden, batch["labels"], batch["input_ids"])
    assert [row[: len(e["input_ids"])] for row, e in zip(whole.tolist(), EXAMPLES, strict=True)] == [
        e["input_ids"] for e in EXAMPLES
    ]
    assert not hidden[1, 4:].any()


def test_the_model_of_a_plain_trainer_takes_the_batch(tokenizer) -> None:
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    batch = VariableLengthMaskCollator(tokenizer)(EXAMPLES)
    assert torch.isfinite(transformers.BertForMaskedLM(config)(**batch).loss)


def test_tokens_are_masked_without_collating_as_transformers_lets_one(tokenizer) -> None:
    rows = torch.randint(3, 60, (4, 8), generator=torch.Generator().manual_seed(0))
    kept = rows.clone()
    special = torch.zeros_like(rows)
    special[:, 0] = 1
    inputs, labels = VariableLengthMaskCollator(tokenizer, seed=0).torch_mask_tokens(rows, special_tokens_mask=special)
    assert torch.equal(rows, kept)
    assert (labels[:, 0] == -100).all()
    assert torch.equal(torch.where(labels == -100, inputs, labels), rows)


def test_arrays_come_out_where_they_are_asked_for(tokenizer) -> None:
    collator = VariableLengthMaskCollator(tokenizer, seed=0, return_tensors="np")
    one, other = collator(EXAMPLES), VariableLengthMaskCollator(tokenizer, seed=0).numpy_call(EXAMPLES)
    assert all(isinstance(values, np.ndarray) for values in one.values())
    assert all((one[name] == other[name]).all() for name in one)


def test_labels_ahead_stay_in_padding_and_documents(tokenizer) -> None:
    rows = [{"input_ids": [5, 6, 2, 7]}, {"input_ids": [8, 9]}]
    labels = MultiOffsetCollator(tokenizer, offsets=2)(rows)["labels"]
    assert labels.tolist() == [
        [[6, 2], [2, -100], [-100, -100], [-100, -100]],
        [[9, -100], [-100, -100], [-100, -100], [-100, -100]],
    ]
    numbered = [{**row, "document_ids": [0] * len(row["input_ids"])} for row in rows]
    assert MultiOffsetCollator(tokenizer, offsets=2)(numbered)["labels"][0, 2].tolist() == [7, -100]


def test_one_offset_is_the_label_of_transformers_one_place_earlier(tokenizer) -> None:
    rows = [[5, 6, 7, 8], [9, 10, 11, 12]]
    theirs = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)([list(row) for row in rows])
    ours = MultiOffsetCollator(tokenizer, offsets=1)(rows)
    assert torch.equal(ours["labels"][:, :-1, 0], theirs["labels"][:, 1:])


def test_extras_are_there_for_who_asks(tokenizer) -> None:
    masks = VariableLengthMaskCollator(tokenizer, extras=True)(EXAMPLES)
    assert {"mask_ratio", "loss_weight", "maskable"} <= masks.keys()
    sampled = MultiOffsetCollator(tokenizer, offsets=3, estimator="sample", extras=True)(EXAMPLES)
    assert sampled["labels"].shape == (3, 9, 1)
    assert set(sampled["offset"].tolist()) <= {1, 2, 3}


def test_a_collator_survives_pickling_and_goes_on_where_it_was(tokenizer) -> None:
    collator = VariableLengthMaskCollator(tokenizer, seed=4)
    collator(EXAMPLES)
    copied = pickle.loads(pickle.dumps(collator))
    assert torch.equal(copied(EXAMPLES)["labels"], collator(EXAMPLES)["labels"])


def test_one_beside_it_draws_the_same_every_time_and_disturbs_nothing(tokenizer) -> None:
    collator, other = (VariableLengthMaskCollator(tokenizer, seed=4) for _ in range(2))
    one, same = (collator.beside()(EXAMPLES)["labels"] for _ in range(2))
    assert torch.equal(one, same)
    assert torch.equal(collator(EXAMPLES)["labels"], other(EXAMPLES)["labels"])


def test_tokenizers_and_settings_that_cannot_be_are_refused(tokenizer) -> None:
    tokenizer.mask_token = None
    with pytest.raises(InvalidInput, match="needs a mask token"):
        VariableLengthMaskCollator(tokenizer)
    MultiOffsetCollator(tokenizer)
    with pytest.raises(TypeError, match="unexpected keyword"):
        MultiOffsetCollator(tokenizer, ofsets=3)
    with pytest.raises(InvalidInput, match="window is 8"):
        MultiOffsetCollator(tokenizer, max_length=8)(EXAMPLES)
