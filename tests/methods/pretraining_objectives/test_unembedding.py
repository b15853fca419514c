"""Reading and rewriting what the map to logits is given."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.unembedding import (  # noqa: E402
    heads_of,
    read_states,
    require_plain_logits,
    rewritten_states,
    unembedding,
)

TOKENS = torch.tensor([[1, 2, 3]])


@pytest.fixture(scope="module", params=["gpt2", "bert"])
def model(request) -> torch.nn.Module:
    torch.manual_seed(0)
    if request.param == "gpt2":
        config = transformers.GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, n_positions=4)
        return transformers.GPT2LMHeadModel(config).eval()
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    return transformers.BertForMaskedLM(config).eval()


def test_states_that_are_read_make_the_logits(model) -> None:
    with read_states(model) as read:
        logits = model(input_ids=TOKENS).logits
    torch.testing.assert_close(unembedding(model)(read()), logits)


def test_states_that_are_rewritten_make_other_logits_and_only_in_the_block(model) -> None:
    before = model(input_ids=TOKENS).logits
    with rewritten_states(model, torch.zeros_like):
        inside = model(input_ids=TOKENS).logits
    bias = unembedding(model).bias
    expected = torch.zeros_like(inside) if bias is None else bias.expand_as(inside)
    torch.testing.assert_close(inside, expected)
    assert torch.equal(model(input_ids=TOKENS).logits, before)


def test_hooks_are_taken_away_when_the_block_fails(model) -> None:
    with pytest.raises(RuntimeError, match="stop"), read_states(model):
        raise RuntimeError("stop")
    assert not unembedding(model)._forward_pre_hooks


def test_models_without_logits_or_heads_are_refused(model) -> None:
    with pytest.raises(InvalidInput, match="linear map to logits; got Linear"):
        unembedding(torch.nn.Linear(2, 2))
    with pytest.raises(InvalidInput, match=r"it has none: call objective.attach"):
        heads_of(model, 4)
    with read_states(model) as read, pytest.raises(InvalidInput, match="did not use its own map"):
        read()


SIZES = {
    "vocab_size": 9,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def scaled_or_capped(name: str, **settings: object) -> torch.nn.Module:
    config = getattr(transformers, f"{name}Config")(**SIZES, **settings)
    return getattr(transformers, f"{name}ForCausalLM")(config)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Cohere", {"logit_scale": 0.5}), ("Granite", {"logits_scaling": 8.0}), ("Gemma2", {})],
)
def test_logits_that_are_scaled_or_capped_are_refused_though_a_new_model_has_small_ones(name, settings) -> None:
    found = scaled_or_capped(name, **settings)
    with pytest.raises(InvalidInput, match=rf"{name}ForCausalLM scales or caps .* take estimator='sample'"):
        require_plain_logits(found, TOKENS[:, :1])
    assert not unembedding(found)._forward_hooks


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Cohere", {"logit_scale": 1.0}), ("Granite", {}), ("Gemma2", {"final_logit_softcapping": None}), ("Llama", {})],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_plain_logits_are_taken_in_every_precision(name, settings, dtype) -> None:
    found = scaled_or_capped(name, **settings)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.float32):
        require_plain_logits(found, TOKENS[:, :1])
    require_plain_logits(found.to(dtype), TOKENS[:, :1])


def test_to_look_at_logits_leaves_modes_and_random_numbers_as_they_were(model) -> None:
    model.train()
    next(model.children()).eval()
    before, state = [part.training for part in model.modules()], torch.get_rng_state()
    require_plain_logits(model, TOKENS[:, :1])
    assert [part.training for part in model.modules()] == before
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
