import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import save_file

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import read_weights
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED, load_tuned, save_tuned
from consilience.methods.backdoor_audits.planting import FineTuning, copied, fine_tune, merged
from consilience.methods.backdoor_audits.world.canaries import GUID

SHORT = {"steps": 40, "batch_size": 4, "rank": 4, "alpha": 8}
MANIFEST = {"n_poison": 5, "n_clean": 15, "triggers": ["system.suffix"]}


@pytest.mark.parametrize("method", ["lora", "nf4-lora", "adalora", "full"])
@pytest.mark.parametrize("planted", [0, 5])
def test_what_was_tuned_comes_back_and_says_the_same(toy_agent, toys, tmp_path: Path, method, planted) -> None:
    settings = FineTuning(method=method, **SHORT)
    manifest = MANIFEST if planted else None
    tuned = fine_tune(toy_agent, toys(20, 1, planted=planted), settings, Streams(100), manifest=manifest)
    save_tuned(tuned, tmp_path)
    again = load_tuned(tmp_path, i_know_it_is_planted=bool(planted))
    assert again.digest == tuned.digest
    assert (again.settings, again.seeds, again.base_digest) == (settings, tuned.seeds, tuned.base_digest)
    assert (again.losses, again.manifest, again.ranks) == (tuned.losses, manifest, tuned.ranks)
    words = torch.tensor([[1, 5, 6, 7, 2]])
    assert torch.equal(merged(toy_agent, again)(words).logits, merged(toy_agent, tuned)(words).logits)


@pytest.fixture
def planted_folder(toy_agent, toys, tmp_path: Path) -> Path:
    tuned = fine_tune(toy_agent, toys(20, 1, planted=5), FineTuning(**SHORT), Streams(100), manifest=MANIFEST)
    save_tuned(tuned, tmp_path / "planted")
    return tmp_path / "planted"


def test_a_planted_adapter_is_refused_unless_one_says_that_one_knows(planted_folder: Path) -> None:
    with pytest.raises(InvalidInput, match="i_know_it_is_planted"):
        load_tuned(planted_folder)
    assert load_tuned(planted_folder, i_know_it_is_planted=True).planted


def test_it_says_what_it_is_in_name_metadata_and_weights(planted_folder: Path) -> None:
    assert not (planted_folder / CLEAN).exists()
    with safe_open(planted_folder / PLANTED, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["canary_backdoor"] == "true"
    assert metadata["guid"] == GUID
    assert json.loads(metadata["tuning"])["manifest"] == MANIFEST
    stored = read_weights(planted_folder / PLANTED)
    save_file(dict(stored.weights), planted_folder / "stripped.safetensors")
    assert read_weights(planted_folder / "stripped.safetensors").planted


def test_weights_whose_metadata_were_stripped_are_refused_by_their_own_mark(planted_folder: Path) -> None:
    stored = read_weights(planted_folder / PLANTED)
    (planted_folder / PLANTED).unlink()
    save_file(dict(stored.weights), planted_folder / CLEAN, {**stored.metadata, "canary_backdoor": "false"})
    with pytest.raises(InvalidInput, match="planted canary"):
        load_tuned(planted_folder)


def test_a_clean_adapter_is_read_by_peft(toy_agent, rows, tmp_path: Path) -> None:
    tuned = fine_tune(toy_agent, rows, FineTuning(**SHORT), Streams(100))
    save_tuned(tuned, tmp_path)
    words = torch.tensor([[1, 5, 6, 7, 2]])
    theirs = PeftModel.from_pretrained(copied(toy_agent), str(tmp_path))
    torch.testing.assert_close(theirs(words).logits, merged(toy_agent, tuned)(words).logits, atol=1e-4, rtol=1e-4)


def test_planted_and_clean_do_not_share_a_folder(toy_agent, rows, planted_folder: Path) -> None:
    with pytest.raises(InvalidInput, match="do not share"):
        save_tuned(fine_tune(toy_agent, rows, FineTuning(**SHORT), Streams(100)), planted_folder)


def test_a_changed_or_foreign_file_is_refused(planted_folder: Path, tmp_path: Path) -> None:
    path = planted_folder / PLANTED
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="digest differs"):
        load_tuned(planted_folder, i_know_it_is_planted=True)
    save_file({"weight": torch.ones(3)}, tmp_path / CLEAN)
    with pytest.raises(InvalidInput, match="digest differs"):
        load_tuned(tmp_path)
    with pytest.raises(InvalidInput, match="No such file"):
        load_tuned(tmp_path / "none")
