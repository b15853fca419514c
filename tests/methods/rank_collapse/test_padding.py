"""Where padding is, from what a model is called with."""

import pytest
import torch
from torch import Tensor, nn

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.padding import arguments, padded, turned, valid_tokens

ONES = torch.tensor([[1, 1, 0], [1, 1, 1]])
VALID = ONES.bool()


class Decoder(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        return input_ids


class Both(nn.Module):
    def forward(self, input_ids, attention_mask=None, decoder_input_ids=None, decoder_attention_mask=None):
        return input_ids


class Wrapped(nn.Module):
    def forward(self, *args, **kwargs):
        return args


def called(model: nn.Module, *args, **kwargs) -> dict:
    return arguments(model, args, kwargs)


@pytest.mark.parametrize("mask", [ONES, VALID, ONES.float()])
def test_a_mask_by_name_or_by_place(mask: Tensor) -> None:
    for given in (called(Decoder(), ONES, mask), called(Decoder(), ONES, attention_mask=mask)):
        assert torch.equal(valid_tokens(given, "h.0"), VALID)


def test_without_a_mask_nothing_is_padding() -> None:
    assert valid_tokens(called(Decoder(), ONES), "h.0") is None
    assert valid_tokens(called(Decoder()), "h.0") is None


def test_names_that_a_model_passes_on_are_seen() -> None:
    assert torch.equal(valid_tokens(called(Wrapped(), ONES, attention_mask=ONES), "inner.h.0"), VALID)


def test_a_decoder_beside_an_encoder_has_its_own_mask() -> None:
    given = called(Both(), ONES, ONES, ONES, ONES.flip(1))
    assert torch.equal(valid_tokens(given, "encoder.block.0"), VALID)
    assert torch.equal(valid_tokens(given, "decoder.block.0"), VALID.flip(1))
    assert valid_tokens(called(Both(), ONES, ONES), "decoder.block.0") is None


def test_a_decoder_alone_has_the_only_mask() -> None:
    given = called(Decoder(), ONES, ONES, labels=ONES)
    assert torch.equal(valid_tokens(given, "model.decoder.layers.0"), VALID)


@pytest.mark.parametrize("mask", [~VALID, torch.where(VALID, 0.0, -torch.inf)])
def test_torch_s_own_encoder_marks_padding(mask: Tensor) -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 4, batch_first=True), 1)
    given = called(encoder, torch.ones(2, 3, 4), src_key_padding_mask=mask)
    assert torch.equal(valid_tokens(given, "layers.0"), VALID)


@pytest.mark.parametrize("mask", [~VALID, torch.where(VALID, 0.0, -torch.inf)])
def test_torch_s_own_decoder_has_the_mask_of_what_it_writes(mask: Tensor) -> None:
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 4, batch_first=True), 1)
    tokens, read = torch.ones(2, 3, 4), ~VALID.flip(1)
    given = called(decoder, tokens, tokens, tgt_key_padding_mask=mask, memory_key_padding_mask=read)
    assert torch.equal(valid_tokens(given, "layers.0"), VALID)
    both = nn.Transformer(4, 2, 1, 1, 4, batch_first=True)
    given = called(both, tokens, tokens, src_key_padding_mask=read, tgt_key_padding_mask=mask)
    assert torch.equal(valid_tokens(given, "encoder.layers.0"), VALID.flip(1))
    assert torch.equal(valid_tokens(given, "decoder.layers.0"), VALID)


def test_padding_cannot_be_told_from_a_mask_of_four_dimensions() -> None:
    given = called(Decoder(), ONES, torch.zeros(2, 1, 3, 3))
    with pytest.raises(InvalidInput, match="`attention_mask` of 4 dimensions; all tokens count"):
        valid_tokens(given, "h.0")


def test_a_call_that_is_about_to_fail_has_no_arguments() -> None:
    assert called(Decoder(), ONES, nonsense=1) == {}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensors_are_padded_batches() -> None:
    parts = [torch.ones(3, 2), torch.full((1, 2), 2.0)]
    tokens, valid = padded(torch.nested.nested_tensor(parts))
    assert valid.tolist() == [[True, True, True], [True, False, False]]
    assert torch.equal(tokens[1, 0], parts[1][0])


def test_tokens_before_sequences_are_told_by_the_ids() -> None:
    given = called(Both(), ONES, ONES, torch.ones(2, 5, dtype=torch.int64))
    assert turned(given, "encoder.layers.0", (3, 2, 8))
    assert not turned(given, "encoder.layers.0", (2, 3, 8))
    assert turned(given, "decoder.layers.0", (5, 2, 8))
    assert not turned(given, "decoder.layers.0", (3, 2, 8))
    assert not turned({}, "h.0", (3, 2, 8))
    assert not turned({"input_ids": torch.ones(4, 4)}, "h.0", (4, 4, 8))
