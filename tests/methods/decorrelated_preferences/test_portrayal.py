"""Portraits: the features that a model makes, batch by batch, and a model that is left as it was."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from transformers import OPTConfig, OPTForCausalLM  # noqa: E402

from consilience.methods.decorrelated_preferences.pooling import Reading  # noqa: E402
from consilience.methods.decorrelated_preferences.portrayal import Texts, features, portrait  # noqa: E402
from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402

MODEL = sorting.model(0, sorting.Shape(width=16, layers=3, feedforward=24, heads=2))


def texts(classes: bool = False) -> Texts:
    tokenizer = sorting.digit_tokenizer()
    lines = ["314159>113459", "21>12", "9>9", "271828>122788", "55>55"]
    found = tokenizer(lines, return_tensors="pt", padding=True, padding_side="right")
    return Texts(
        input_ids=found["input_ids"], attention_mask=found["attention_mask"], counted=found["attention_mask"],
        classes=torch.tensor([0, 1, 1, 0, 1]) if classes else None,
    )  # fmt: skip


def test_every_layer_and_token_is_read_and_batches_make_no_difference() -> None:
    whole, parts = features(MODEL, texts()), features(MODEL, texts(), batch_size=2)
    assert set(whole) == {(layer, token) for layer in range(3) for token in ("last", "before last", "mean")}
    for place, rows in whole.items():
        assert rows.shape == (5, 24)
        assert torch.allclose(rows, parts[place], atol=1e-5)


def test_padding_is_not_read() -> None:
    alone = sorting.digit_tokenizer()("21>12", return_tensors="pt")
    one = Texts(input_ids=alone["input_ids"], attention_mask=alone["attention_mask"], counted=alone["attention_mask"])
    for place, rows in features(MODEL, one).items():
        assert torch.allclose(rows[0], features(MODEL, texts())[place][1], atol=1e-5)


def test_the_model_is_left_in_its_mode_without_hooks_or_gradients() -> None:
    MODEL.train()
    found = features(MODEL, texts(), layers=["middle"])
    assert MODEL.training
    assert not found[1, "last"].requires_grad
    assert sum(len(part._forward_hooks) for part in MODEL.modules()) == 0


def test_norms_are_compared_and_classes_told_apart() -> None:
    base = portrait(MODEL, texts(classes=True))
    again = portrait(MODEL, texts(), against={place: numbers["norm"] / 2 for place, numbers in base.items()})
    assert 0 < base[0, "last"]["class_selectivity"] < 1
    assert all(numbers["norm_ratio"] == pytest.approx(2) for numbers in again.values())


def test_answers_of_a_preference_batch_are_texts(make_trainer) -> None:
    trainer = make_trainer()
    batch = trainer.data_collator([trainer.train_dataset[row] for row in range(3)])
    made = Texts.of_answers(batch, torch.tensor([0, 0, 0, 1, 1, 1]))
    found = portrait(MODEL, made, layers=["0"], tokens={"last": Reading(rows="both")})
    assert np.isfinite(list(found[0, "last"].values())).all()


def test_a_family_with_flattened_rows_is_read_as_any_other() -> None:
    opt = OPTForCausalLM(
        OPTConfig(
            vocab_size=13, hidden_size=8, num_hidden_layers=2, ffn_dim=12, num_attention_heads=2, dropout=0.0,
            max_position_embeddings=32, word_embed_proj_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=1,
        )
    )  # fmt: skip
    whole, parts = features(opt, texts()), features(opt, texts(), batch_size=1)
    for place, rows in whole.items():
        assert rows.shape == (5, 12)
        assert torch.allclose(rows, parts[place], atol=1e-5)


def test_rows_are_texts_without_their_padding() -> None:
    given = texts()
    rows = Texts.of_rows(given.input_ids, given.attention_mask)
    found, expected = features(MODEL, rows), features(MODEL, given)
    assert all(torch.equal(found[place], expected[place]) for place in expected)
    assert Texts.of_rows(given.input_ids).counted.all()
