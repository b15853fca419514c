"""Finding modules by block and name, within adapters too, and what is said when there is none."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("transformers", reason="the preferences extra is not installed")

from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import GPT2Config, GPT2LMHeadModel  # noqa: E402

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.layers import feature_modules  # noqa: E402
from consilience.methods.decorrelated_preferences.studies.sorting import Shape, model  # noqa: E402


def small():
    return model(0, Shape(width=16, layers=3, feedforward=24, heads=2))


def test_blocks_are_named_by_number_from_either_end_or_by_place() -> None:
    llama = small()
    assert list(feature_modules(llama)) == [1]
    assert list(feature_modules(llama, ["-1", 0])) == [0, 2]
    assert list(feature_modules(llama, ["all"])) == [0, 1, 2]
    assert feature_modules(llama, [2])[2] is llama.model.layers[2].mlp.up_proj


# peft asks transformers for a name that is going away.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_is_part_of_its_module() -> None:
    adapted = get_peft_model(small(), LoraConfig(r=2, target_modules=["up_proj"]))
    found = feature_modules(adapted, [1], "mlp.up_proj")[1]
    assert found is adapted.base_model.model.model.layers[1].mlp.up_proj
    assert hasattr(found, "lora_A")


def test_another_family_has_another_name() -> None:
    gpt2 = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=13, n_positions=16))
    assert feature_modules(gpt2, [0])[0] is gpt2.transformer.h[0].mlp.c_fc


def test_a_name_that_matches_nothing_leads_to_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown module within a block 'mlp.upproj'; did you mean 'mlp.up_proj'"):
        feature_modules(small(), ["middle"], "mlp.upproj")
    with pytest.raises(UnknownName, match="did you mean 'middle'"):
        feature_modules(small(), ["midle"])


def test_blocks_that_are_not_there_are_refused() -> None:
    for layer in (3, -4):
        with pytest.raises(InvalidInput, match=f"expected a layer from 0 to 2, 'middle' or 'all'; got {layer}"):
            feature_modules(small(), [layer])
    with pytest.raises(InvalidInput, match="got none"):
        feature_modules(small(), [])


def test_a_model_of_another_kind_says_what_it_has() -> None:
    with pytest.raises(InvalidInput, match="found no numbered blocks"):
        feature_modules(torch.nn.Linear(1, 1))
