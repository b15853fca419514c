"""Models of others, read through."""

import json

import numpy as np
import pytest
import torch

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse import measures
from consilience.methods.rank_collapse.bounds import collapse_bound
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.inspection import inspect, to_json
from consilience.methods.rank_collapse.loading import load, windows

WORDS = "one two three four five six seven eight nine ten eleven twelve " * 20


def test_every_measure_at_every_layer(saved) -> None:
    found = inspect(load(saved("gpt2")), WORDS, tokens=16, sequences=10)
    assert (found.name, found.sequences, found.tokens) == ("gpt2", 10, 16)
    for name in MEASURES:
        assert [row.depth for row in found.report.rows_of(name)] == [0, 1, 2, 3]
    assert [row.sequences for row in found.report.rows_of("attention_entropy")] == [10] * 3
    assert found.report.unmeasured == ()
    assert found.report.training_batches == 0


def test_the_numbers_are_those_of_the_hidden_states(saved) -> None:
    loaded = load(saved("gpt2"), "double")
    found = inspect(loaded, WORDS, tokens=16, sequences=4)
    with torch.inference_mode():
        hidden = loaded.model(windows(loaded, WORDS, 16, 4), output_hidden_states=True).hidden_states
    expected = [float(measures.relative_mu(tokens).value.mean()) for tokens in hidden[:3]]
    assert [row.mean for row in found.report.rows_of("relative_mu")][:3] == pytest.approx(expected, rel=1e-12)


def test_the_bound_is_that_of_the_weights_and_the_mask(saved) -> None:
    loaded = load(saved("gpt2"), "double")
    (bound,) = inspect(loaded, WORDS, tokens=16, sequences=2).bounds
    with torch.inference_mode():
        read = loaded.model(windows(loaded, WORDS, 16, 2), output_hidden_states=True, output_attentions=True)
    weights = torch.stack(read.attentions)
    assert (bound.stack, bound.depth) == ("h", 1)
    assert bound.smallest_weight == pytest.approx(float(weights[weights > 0].min()), rel=1e-6)
    starts = read.hidden_states[0].numpy()
    expected = np.mean([collapse_bound(start, bound.smallest_weight, 1, 3) for start in starts], axis=0)
    assert bound.values == pytest.approx(expected, rel=1e-9)


def test_a_model_full_of_what_is_no_number_costs_the_bound_alone(saved) -> None:
    loaded = load(saved("gpt2"))
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight.fill_(torch.nan)
    found = inspect(loaded, WORDS, tokens=16, sequences=2)
    assert found.bounds == ()
    assert "h has attention weights or tokens that are no finite numbers: the bound is left out" in found.notes
    assert {one.layer for one in found.report.unmeasured} >= {"input of h.0", "h.0", "h.1", "h.2"}
    (read,) = json.loads(to_json([found]))
    assert read["report"]["rows"] == []


def test_an_encoder_with_a_decoder_has_two_stacks(saved) -> None:
    found = inspect(load(saved("t5")), WORDS, tokens=16, sequences=3)
    stacks = dict.fromkeys(row.stack for row in found.report.rows_of("relative_mu"))
    assert list(stacks) == ["encoder.block", "decoder.block"]
    assert [bound.stack for bound in found.bounds] == ["encoder.block", "decoder.block"]
    assert "the decoder reads the same text as the encoder, one token later" in found.notes


def test_layers_by_pattern(saved) -> None:
    found = inspect(load(saved("bert")), WORDS, layers="encoder.layer.1", tokens=16, sequences=3)
    assert [row.layer for row in found.report.rows_of("mu")] == ["input of encoder.layer.1", "encoder.layer.1"]
    with pytest.raises(InvalidInput, match="no layer of the model matches"):
        inspect(load(saved("bert")), WORDS, layers="*.h.*", tokens=16)


def test_progress_is_told(saved) -> None:
    told: list[str] = []
    inspect(load(saved("bert")), WORDS, tokens=16, sequences=10, tell=told.append)
    assert told == ["bert: 8 sequences of 16 tokens", "bert: 2 sequences of 16 tokens"]


def test_inspections_are_json(saved) -> None:
    found = inspect(load(saved("bert")), WORDS, tokens=16, sequences=2)
    (read,) = json.loads(to_json([found]))
    assert read["report"]["rows"][0]["layer"] == "input of encoder.layer.0"
    assert read["bounds"][0]["stack"] == "encoder.layer"


def test_blocks_that_share_their_weights_are_as_many_as_their_calls(saved) -> None:
    loaded = load(saved("albert"), "double")
    found = inspect(loaded, WORDS, tokens=16, sequences=2)
    (bound,) = found.bounds
    with torch.inference_mode():
        read = loaded.model(windows(loaded, WORDS, 16, 2), output_hidden_states=True)
    starts = read.hidden_states[0].numpy()
    expected = np.mean([collapse_bound(start, bound.smallest_weight, 1, 3) for start in starts], axis=0)
    assert bound.values == pytest.approx(expected, rel=1e-9)
    assert [row.depth for row in found.report.rows_of("mu")] == [0, 1, 2, 3]


def test_layers_that_put_tokens_before_sequences_are_turned(saved) -> None:
    loaded = load(saved("xlnet"))
    found = inspect(loaded, WORDS, tokens=16, sequences=3)
    with torch.inference_mode():
        hidden = loaded.model(windows(loaded, WORDS, 16, 3), output_hidden_states=True).hidden_states
    rows = [row for row in found.report.rows_of("mu") if row.depth]
    assert [row.sequences for row in rows] == [3, 3]
    assert [row.mean for row in rows] == pytest.approx(
        [float(measures.mu(tokens).value.mean()) for tokens in hidden[1:]], rel=1e-6
    )


def test_a_decoder_whose_start_is_not_said_starts_with_padding(saved) -> None:
    found = inspect(load(saved("bytes-t5")), WORDS, tokens=16, sequences=2)
    assert [bound.stack for bound in found.bounds] == ["encoder.block", "decoder.block"]
