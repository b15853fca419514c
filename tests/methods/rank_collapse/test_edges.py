"""The graph that attention really used."""

import numpy as np
import pytest
import torch

from consilience.methods.rank_collapse.edges import Edges, attention_modules
from consilience.methods.rank_collapse.loading import load

IDS = torch.randint(0, 256, (3, 7), generator=torch.Generator().manual_seed(0))


def hooks_of(model: torch.nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt2", ["h.0.attn", "h.1.attn", "h.2.attn"]),
        ("bert", ["encoder.layer.0.attention.self", "encoder.layer.1.attention.self"]),
    ],
)
def test_the_innermost_modules_that_return_weights(saved, name: str, expected: list[str]) -> None:
    model = load(saved(name)).model
    model(input_ids=IDS, output_attentions=True)  # which leaves hooks of its own
    before = hooks_of(model)
    assert attention_modules(model, lambda: model(input_ids=IDS, output_attentions=True)) == expected
    assert hooks_of(model) == before


def test_cross_attention_is_left_out(saved) -> None:
    model = load(saved("t5")).model
    found = attention_modules(model, lambda: model(input_ids=IDS, decoder_input_ids=IDS, output_attentions=True))
    assert found == [f"{side}.block.{n}.layer.0.SelfAttention" for side in ("encoder", "decoder") for n in (0, 1)]


def test_edges_weights_and_extremes(saved) -> None:
    model = load(saved("gpt2")).model
    with torch.inference_mode(), Edges(model, ["h.0.attn", "h.1.attn"], ["h.0", "h.1", "h.2"]) as edges:
        found = model(input_ids=IDS, output_attentions=True, output_hidden_states=True)
        model(input_ids=IDS[:1])
    stack = edges.stacks["h"]
    assert np.array_equal(stack.allowed, np.tril(np.ones((7, 7), dtype=bool)))
    weights = torch.stack(found.attentions[:2])
    assert stack.smallest == pytest.approx(float(weights[weights > 0].min()))
    assert len(stack.extremes) == 4
    np.testing.assert_allclose(stack.extremes[1][0], found.hidden_states[0][1].amin(dim=0))
    np.testing.assert_allclose(stack.extremes[1][1], found.hidden_states[0][1].amax(dim=0))


def test_a_weight_that_is_no_number_is_not_passed_over(saved) -> None:
    model = load(saved("gpt2")).model
    with torch.no_grad(), Edges(model, ["h.0.attn", "h.1.attn"], ["h.0", "h.1"]) as edges:
        model(input_ids=IDS)
        assert edges.stacks["h"].is_sound
        model.h[1].attn.c_attn.weight.fill_(torch.nan)
        model(input_ids=IDS)
        model.h[1].attn.c_attn.weight.fill_(0.0)
        model(input_ids=IDS)
    assert np.isnan(edges.stacks["h"].smallest)
    assert not edges.stacks["h"].is_sound


def test_it_detaches_when_something_goes_wrong(saved) -> None:
    model = load(saved("gpt2")).model
    with pytest.raises(ZeroDivisionError), Edges(model, ["h.0.attn"], ["h.0"]):
        raise ZeroDivisionError
    assert hooks_of(model) == 0


def test_attention_outside_the_layers_does_not_count(saved) -> None:
    model = load(saved("gpt2")).model
    with torch.inference_mode(), Edges(model, ["h.0.attn"], ["h.1"]) as edges:
        model(input_ids=IDS)
    assert edges.stacks == {}
