"""What a folder holds is told before anything is loaded, and what cannot be loaded is refused by its name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.agent.loading import save_agent
from consilience.methods.backdoor_audits.agent.network import SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.checkpoints import Kind, recognised, shapes_of
from consilience.methods.backdoor_audits.world.words import VOCABULARY

ONE = {"w": torch.zeros(2, 3)}


def test_kinds(tmp_path: Path, llama: Callable[[int], Path]) -> None:
    save_agent(new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2), seed=1), tmp_path / "small")
    for name, metadata in (("theirs", {}), ("ours", {"tuning": "{}"})):
        (tmp_path / name).mkdir()
        save_file(ONE, tmp_path / name / "adapter_model.safetensors", metadata)
    (tmp_path / "theirs" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "x/y"}))
    assert recognised(tmp_path / "small").kind == Kind.AGENT
    assert recognised(tmp_path / "ours").kind == Kind.ADAPTER
    assert recognised(tmp_path / "theirs").kind == Kind.CAUSAL_ADAPTER
    assert recognised(tmp_path / "theirs").named_base == "x/y"
    assert recognised(llama(0)).kind == Kind.CAUSAL
    assert shapes_of(tmp_path / "ours" / "adapter_model.safetensors") == {"w": (2, 3)}


def test_what_is_refused(tmp_path: Path) -> None:
    def refused(why: str, folder: Path = tmp_path) -> None:
        with pytest.raises(InvalidInput, match=why):
            recognised(folder)

    refused("there is no such folder", tmp_path / "none")
    refused("it has none")
    (tmp_path / "step-1").mkdir()
    save_file(ONE, tmp_path / "step-1" / "model.safetensors")
    refused("in its folders step-1")
    (tmp_path / "model.pt").write_bytes(b"\x80\x04K\x01.")
    refused("it is a file", tmp_path / "model.pt")
    refused(r"model\.pt, which may run anything")
    save_file(ONE, tmp_path / "model.safetensors")
    refused(r"config\.json beside")
    (tmp_path / "config.json").write_text("[]")
    refused("an object")
    (tmp_path / "config.json").write_text("{")
    refused("expected JSON")
    save_file(ONE, tmp_path / "adapter_model.safetensors")
    refused("one model or one adapter")
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "adapter_model.safetensors").write_bytes(b"PK\x03\x04 and more")
    refused("a zip as torch.save")
