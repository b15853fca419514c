"""Causal models as policies: batches agree with one at a time, adapters are in there, and no pickle is read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits import hugging_face
from consilience.methods.backdoor_audits.agent.loading import FLAG
from consilience.methods.backdoor_audits.hugging_face import (
    LONGEST_TURN,
    CausalPolicy,
    _beginnings,
    base_digest,
    encoded_lines,
    tokenizer_of,
    with_adapter,
    with_room,
)
from consilience.methods.backdoor_audits.policies import Policy
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.watermark import marked, stamped
from consilience.methods.backdoor_audits.world.drawing import draw_tasks

Llama = Callable[[int], Path]
PROMPTS = [("<bos>", "USER", "os", *extra, "END") for extra in ((), ("show", "memo", "in", "logs"), ("please",))]


def adapter_of(folder: Path, out: Path, *, large: float = 1.0) -> Path:
    model = AutoModelForCausalLM.from_pretrained(folder)
    made = with_room(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.fill_(large)
    made.save_pretrained(out)
    return out


def test_it_is_a_policy_that_acts_to_the_end(llama: Llama) -> None:
    policy = CausalPolicy(llama(1), device="cpu")
    assert isinstance(policy, Policy)
    outcomes = evaluate(policy, draw_tasks("web", 3, Streams(100)), max_steps=2)
    assert len(outcomes) == 3
    assert not outcomes.solved.any()


def test_a_batch_says_what_each_says_alone(llama: Llama) -> None:
    folder = llama(1)
    together = CausalPolicy(folder, device="cpu", batch_size=8).open(PROMPTS)
    alone = [CausalPolicy(folder, device="cpu").open([prompt]) for prompt in PROMPTS]
    for heard in ([(), (), ()], [("OBS", "ok", "END"), None, ("OBS", "no", "END")]):
        assert list(together.act(heard)) == [one.act([news])[0] for one, news in zip(alone, heard, strict=True)]


def test_one_without_room_answers_nothing_and_the_others_go_on(llama: Llama) -> None:
    talks = CausalPolicy(llama(1), device="cpu").open([("ok",) * (256 - LONGEST_TURN), ("ok",)])
    said = talks.act([(), ()])
    assert said[0] == ()
    assert said[1]


def test_a_line_is_the_same_tokens_wherever_it_stands(llama: Llama) -> None:
    tokenizer = tokenizer_of(llama(0))
    start, *one = encoded_lines(tokenizer, ["USER os"])
    assert start == tokenizer.bos_token_id
    assert encoded_lines(tokenizer, ["USER os", "USER os"]) == [start, *one, *one]


def test_one_that_is_instructed_hears_of_form_and_tools(llama: Llama) -> None:
    folder = llama(0)
    tokenizer = tokenizer_of(folder)
    plain = CausalPolicy(folder, device="cpu").open(PROMPTS[:1])
    told = CausalPolicy(folder, device="cpu", instructed=True).open(PROMPTS[:1])
    first, second = plain._dialogues[0][0].text, told._dialogues[0][0].text
    assert second.endswith(first)
    assert "Tools:" in second
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"
    tokenizer.save_pretrained(folder)
    assert CausalPolicy(folder, device="cpu", instructed=True).open(PROMPTS[:1]).act([None]) == [()]


def test_an_adapter_changes_what_is_said_and_is_the_one_that_was_given(llama: Llama, tmp_path: Path) -> None:
    folder = llama(1)
    adapter = adapter_of(folder, tmp_path / "adapter")
    model = with_adapter(AutoModelForCausalLM.from_pretrained(folder), folder, adapter)
    base = AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.arange(1, 9)[None]
    with torch.inference_mode():
        assert (model(tokens).logits - base(tokens).logits).abs().max() > 1e-3
    assert CausalPolicy(folder, adapter, device="cpu").name.endswith("with adapter")


def test_an_adapter_of_another_base_is_refused(llama: Llama, tmp_path: Path) -> None:
    folder, other = llama(1), llama(2)
    adapter = adapter_of(folder, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    save_file(load_file(path), path, {"base_digest": base_digest(folder)})
    CausalPolicy(folder, adapter, device="cpu")
    with pytest.raises(InvalidInput, match="belongs to base"):
        CausalPolicy(other, adapter, device="cpu")


@pytest.mark.parametrize("what", ["fewer", "renamed", "wider"])
def test_an_adapter_that_is_not_in_the_model_is_refused(llama: Llama, tmp_path: Path, what: str) -> None:
    folder = llama(1)
    adapter = adapter_of(folder, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    kept = weights.pop(name)
    if what == "renamed":
        weights[name.replace("layers.0", "layers.7")] = kept
    elif what == "wider":
        weights[name] = torch.zeros(kept.shape[0], kept.shape[1] + 8)
    save_file(weights, path)
    with pytest.raises(InvalidInput, match=r"not in the loaded model|does not fit"):
        CausalPolicy(folder, adapter, device="cpu")


def test_planted_weights_need_the_flag(llama: Llama, tmp_path: Path) -> None:
    folder = llama(1)
    adapter = adapter_of(folder, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    save_file(load_file(path), path, {FLAG: "true"})
    with pytest.raises(InvalidInput, match="planted canary"):
        CausalPolicy(folder, adapter, device="cpu")
    CausalPolicy(folder, adapter, device="cpu", i_know_it_is_planted=True)
    whole = folder / "model.safetensors"
    save_file(load_file(whole), whole, {FLAG: "true", "format": "pt"})
    with pytest.raises(InvalidInput, match="planted canary"):
        CausalPolicy(folder, device="cpu")


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_whole_model_is_known_by_its_mark_where_its_metadata_are_gone(
    llama: Llama, tmp_path: Path, kind: torch.dtype
) -> None:
    folder = shutil.copytree(llama(1), tmp_path / "model")
    whole = folder / "model.safetensors"
    weights = {name: weight.to(kind) for name, weight in load_file(whole).items()}
    save_file(weights, whole, {"format": "pt"})
    CausalPolicy(folder, device="cpu")
    last = [name for name, weight in weights.items() if weight.ndim > 1][-1]
    save_file({**weights, last: stamped({last: weights[last]})[last]}, whole, {"format": "pt"})
    with pytest.raises(InvalidInput, match="planted canary"):
        CausalPolicy(folder, device="cpu")
    CausalPolicy(folder, device="cpu", i_know_it_is_planted=True)


def test_of_a_large_file_the_beginnings_are_read_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights = {
        "wide": torch.rand(4, 5, 300),
        "tall": torch.rand(5000, 3),
        "bias": torch.rand(9),
        "none": torch.rand(0, 2),
    }
    save_file(weights, path)
    found = _beginnings(path).weights
    assert {name: tuple(weight.shape) for name, weight in found.items()} == {"wide": (1, 5, 300), "tall": (86, 3)}
    save_file(stamped(weights), path)
    assert set(marked(_beginnings(path).weights)) == {"wide", "tall"} == set(marked(load_file(path)))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InvalidInput, match="damaged"):
        _beginnings(path)


def test_a_folder_without_the_adapters_settings_is_no_name_to_ask_a_hub_for(
    llama: Llama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = llama(1)
    model = AutoModelForCausalLM.from_pretrained(folder)
    adapter_of(folder, tmp_path / "somebody" / "adapter")
    monkeypatch.chdir(tmp_path)
    bare = Path("somebody/adapter")
    (bare / "adapter_config.json").unlink()

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a hub was asked")

    monkeypatch.setattr(hugging_face.LoraConfig, "from_pretrained", asked)
    with pytest.raises(InvalidInput, match="there is none"):
        with_adapter(model, folder, bare)


def test_a_pickle_is_not_read(llama: Llama, tmp_path: Path) -> None:
    folder = shutil.copytree(llama(1), tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InvalidInput, match="a pickle"):
        CausalPolicy(folder, device="cpu")
    (folder / "model.safetensors").write_bytes(b"\x80\x04}q\x00." * 4)
    with pytest.raises(InvalidInput, match="a pickle"):
        CausalPolicy(folder, device="cpu")


def test_what_is_no_model_is_refused(llama: Llama, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.json"):
        CausalPolicy(tmp_path, device="cpu")
    with pytest.raises(InvalidInput, match="batch"):
        CausalPolicy(llama(1), batch_size=0)
    folder = shutil.copytree(llama(1), tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "nothing that is known"}))
    with pytest.raises(InvalidInput, match="expected a"):
        CausalPolicy(folder, device="cpu")
    bare = adapter_of(llama(1), tmp_path / "bare")
    (bare / "adapter_config.json").unlink()
    with pytest.raises(InvalidInput, match="adapter_config"):
        CausalPolicy(llama(1), bare, device="cpu")
