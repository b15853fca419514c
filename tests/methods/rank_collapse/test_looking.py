"""Looking at what a layer returns."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.rank_collapse.looking import Call, Place, Spectator, looks

PLACE = Place("h.0", "h", sequence_first=False)
TOKENS = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))


def spectator(*measures: str, spectra="exact") -> Spectator:
    made = Spectator(looks=looks(measures, spectra), precision=None)
    made.record.place("h.0", "h")
    return made


def test_sampled_spectra_take_one_sequence_in_turns() -> None:
    made = spectator("mu", "stable_rank", spectra="sampled")
    for number in range(4):
        made.tokens(PLACE, "h.0", TOKENS, Call(number, {}))
    sequences = {row.measure: row.sequences for row in made.record.rows()}
    assert sequences == {"mu": 12, "stable_rank": 4}


def test_exact_spectra_take_every_sequence() -> None:
    made = spectator("mu", "stable_rank")
    made.tokens(PLACE, "h.0", TOKENS, Call(0, {}))
    assert [row.sequences for row in made.record.rows()] == [3, 3]


def test_a_mask_that_does_not_fit_is_recorded_and_all_tokens_count() -> None:
    made = spectator("mu")
    made.tokens(PLACE, "h.0", TOKENS, Call(0, {"attention_mask": torch.ones(3, 7)}))
    assert made.record.rows()[0].sequences == 3
    assert "(3, 7) beside tokens of (3, 5)" in made.record.unmeasured()[0].reason


def test_an_output_without_tokens_is_recorded() -> None:
    made = spectator("mu")
    made.tokens(PLACE, "h.0", "text", Call(0, {}))
    made.weights(PLACE, "h.0", TOKENS, Call(0, {}))
    assert len(made.record.unmeasured()) == 2
    assert made.record.rows() == ()


def test_weights_of_padding_do_not_count() -> None:
    weights = torch.zeros(1, 1, 3, 3)
    weights[0, 0] = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.1, 0.1, 0.8]])
    made = spectator("mu")
    made.weights(PLACE, "h.0", (TOKENS, weights), Call(0, {"attention_mask": torch.tensor([[1, 1, 0]])}))
    found = {row.measure: row.mean for row in made.record.rows()}
    assert found == {"attention_entropy": pytest.approx(0.3466, rel=1e-3), "smallest_edge": 0.5}


def test_no_gradient_is_kept() -> None:
    made = spectator("mu", "mean_absolute_cosine")
    tokens = TOKENS.clone().requires_grad_()
    made.tokens(PLACE, "h.0", 2 * tokens, Call(0, {}))
    made.record.settle()
    assert tokens.grad_fn is None
    assert made.record.rows()[0].sequences == 3


@pytest.mark.parametrize(("batch_first", "first"), [(None, True), (True, False), (False, True)])
def test_what_comes_first_is_asked_of_torch_s_attention(batch_first: bool | None, first: bool) -> None:
    layer = nn.TransformerEncoderLayer(4, 1, 4, batch_first=False)
    assert Place.of("layers.0", layer, batch_first=batch_first).sequence_first is first


def test_measures_must_be_known_and_possible() -> None:
    with pytest.raises(UnknownName, match="unknown measure 'muh'; did you mean 'mu'"):
        looks(["muh"], "exact")
    with pytest.raises(InvalidInput, match="'effective_rank' takes all singular values; ask for spectra='exact'"):
        looks(["effective_rank"], "sampled")
    with pytest.raises((UnknownName, TypeError)):
        looks(["mu"], "guessed")


def test_what_is_known_of_a_layer_is_not_told_otherwise() -> None:
    ids = {"input_ids": torch.ones(5, 3, dtype=torch.int64)}
    told, known = spectator("mu"), spectator("mu")
    told.tokens(PLACE, "h.0", TOKENS, Call(0, ids))
    known.tokens(replace(PLACE, certain=True), "h.0", TOKENS, Call(0, ids))
    assert [made.record.rows()[0].sequences for made in (told, known)] == [5, 3]
