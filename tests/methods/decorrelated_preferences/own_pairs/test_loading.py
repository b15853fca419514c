"""Loading: one line where there is no model, or a tokenizer that cannot end a text."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer

from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences.own_pairs.loading import load_model, load_tokenizer


def test_a_model_and_its_tokenizer_are_loaded(model) -> None:
    assert load_model(str(model)).config.num_hidden_layers == 3
    assert load_tokenizer(str(model)).pad_token == "<pad>"


def test_a_folder_without_a_model_is_said_in_one_line(tmp_path) -> None:
    for load, kind in ((load_model, "causal language model"), (load_tokenizer, "tokenizer")):
        with pytest.raises(InvalidInput, match=f"expected a {kind} at") as refused:
            load(str(tmp_path))
        assert "\n" not in str(refused.value)


def test_tokenizers_without_an_end_are_refused_and_without_padding_mended(model) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(model)
    assert load_tokenizer(str(model)).pad_token == "<eos>"
    tokenizer.eos_token = None
    tokenizer.save_pretrained(model)
    with pytest.raises(InvalidInput, match="no token that ends a text"):
        load_tokenizer(str(model))


# peft asks transformers for a name that is going away.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_is_looked_at_and_not_trained_on(model, tmp_path) -> None:
    folder = tmp_path / "adapter"
    get_peft_model(load_model(str(model)), LoraConfig(r=2, target_modules=["up_proj"])).save_pretrained(folder)
    with pytest.raises(InvalidInput, match="it is an adapter: merge it into its base model"):
        load_model(str(folder))
    assert load_model(str(folder), adapters=True).peft_config
