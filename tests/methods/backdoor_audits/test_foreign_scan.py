"""Foreign weights get what can be said of them: whether they fit, how they change a base, and what is to be done."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.agent.loading import FLAG
from consilience.methods.backdoor_audits.checkpoints import recognised
from consilience.methods.backdoor_audits.foreign_scan import scan_foreign
from consilience.methods.backdoor_audits.hugging_face import base_digest, with_room
from consilience.methods.backdoor_audits.reporting.findings import Exit, Rule

Llama = Callable[[int], Path]
NAME = "adapter_model.safetensors"


def adapter_of(folder: Path, out: Path, seed: int = 0, rank: int = 4) -> Path:
    model = AutoModelForCausalLM.from_pretrained(folder)
    made = with_room(model, LoraConfig(r=rank, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    made.save_pretrained(out)
    generator = torch.Generator().manual_seed(seed)
    weights = {name: torch.randn(one.shape, generator=generator) for name, one in load_file(out / NAME).items()}
    save_file(weights, out / NAME, {"format": "pt"})
    return out


def test_an_adapter_is_described_and_it_is_said_what_would_tell_more(llama: Llama, tmp_path: Path) -> None:
    base, folder = llama(1), adapter_of(llama(1), tmp_path / "adapter")
    found = scan_foreign(recognised(folder), base)
    assert found.exit() is Exit.INCONCLUSIVE
    assert found.needed is None
    assert f"measure --model {folder} --base {base} --control {base}" in found.why
    assert found.facts["maps that it changes"] == 4
    assert [check.name for check in found.checks] == ["the adapter fits its base", "words that turn the agent"]
    assert "at least 4 clean adapters" in found.notes[0]
    assert set(found.digests) == {"suspect", "base"}


def test_it_is_held_against_clean_ones(llama: Llama, tmp_path: Path) -> None:
    suspect, *clean = (adapter_of(llama(1), tmp_path / str(seed), seed) for seed in range(5))
    found = scan_foreign(recognised(suspect), clean=clean)
    assert "deviation" in found.checks[0].why
    others = [adapter_of(llama(1), tmp_path / f"other {seed}", seed) for seed in range(3)]
    few = scan_foreign(recognised(suspect), clean=others)
    assert len(few.checks) == 1
    with pytest.raises(InvalidInput, match="--clean must hold a clean adapter"):
        scan_foreign(recognised(suspect), clean=[llama(1)])


def test_an_adapter_of_another_base_is_refused(llama: Llama, tmp_path: Path) -> None:
    base, folder = llama(1), adapter_of(llama(1), tmp_path / "adapter")
    weights = load_file(folder / NAME)
    save_file(weights, folder / NAME, {"base_digest": base_digest(base)})
    assert "names the digest" in scan_foreign(recognised(folder), base).checks[0].why
    with pytest.raises(InvalidInput, match="belongs to base"):
        scan_foreign(recognised(folder), llama(2))
    wide = {name: torch.zeros(one.shape[0], one.shape[1] + 1) for name, one in weights.items()}
    save_file(wide, folder / NAME)
    with pytest.raises(InvalidInput, match="4 of 4 maps"):
        scan_foreign(recognised(folder), base)
    with pytest.raises(InvalidInput, match="--base must hold the causal model"):
        scan_foreign(recognised(folder), folder)


def test_planted_ones_need_the_flag_and_are_a_finding(llama: Llama, tmp_path: Path) -> None:
    folder = adapter_of(llama(1), tmp_path / "adapter")
    save_file(load_file(folder / NAME), folder / NAME, {FLAG: "true"})
    with pytest.raises(InvalidInput, match="--i-know-it-is-planted"):
        scan_foreign(recognised(folder))
    found = scan_foreign(recognised(folder), i_know_it_is_planted=True)
    assert [one.rule for one in found.findings] == [Rule.PROVENANCE]
    assert found.exit() is Exit.FINDING


def test_what_is_no_lora_or_no_number_is_told(llama: Llama, tmp_path: Path) -> None:
    folder = adapter_of(llama(1), tmp_path / "adapter")
    save_file({"prompt": torch.zeros(2, 2)}, folder / NAME)
    assert any("expected an adapter with lora_A" in note for note in scan_foreign(recognised(folder)).notes)
    bad = adapter_of(llama(1), tmp_path / "bad")
    weights = load_file(bad / NAME)
    next(iter(weights.values()))[0, 0] = float("nan")
    save_file(weights, bad / NAME)
    assert any("no numbers" in note for note in scan_foreign(recognised(bad)).notes)


def test_a_whole_model_is_read_by_its_headers(llama: Llama) -> None:
    folder = llama(0)
    found = scan_foreign(recognised(folder))
    assert found.digests == {"suspect": base_digest(folder)}
    assert found.facts["architecture"] == "llama"
    assert found.exit() is Exit.INCONCLUSIVE
