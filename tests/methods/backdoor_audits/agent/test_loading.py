import io
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.loading import (
    FLAG,
    digest,
    load_agent,
    packed,
    read_weights,
    require_safetensors,
    save_agent,
    unpacked,
)
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.planting import copied
from consilience.methods.backdoor_audits.watermark import stamped


def test_an_agent_comes_back_as_it_was(random_agent: SmallAgent, tmp_path: Path) -> None:
    written = save_agent(random_agent, tmp_path)
    again = load_agent(tmp_path)
    assert digest(again.state_dict()) == written == digest(random_agent.state_dict())
    assert again.config.width == random_agent.config.width
    assert not again.training


def test_what_is_written_is_what_transformers_read(random_agent: SmallAgent, tmp_path: Path) -> None:
    save_agent(random_agent, tmp_path)
    again = SmallAgent.from_pretrained(tmp_path)
    assert digest(again.state_dict()) == digest(random_agent.state_dict())


def test_a_planted_agent_is_never_written_as_a_whole_model(random_agent: SmallAgent, tmp_path: Path) -> None:
    flagged = copied(random_agent, planted=True)
    marked = copied(random_agent)
    marked.load_state_dict(stamped(marked.state_dict()))
    for agent in (flagged, marked):
        with pytest.raises(InvalidInput, match="keep the adapter instead"):
            save_agent(agent, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_whole_model_that_says_it_is_planted_is_not_read(random_agent: SmallAgent, tmp_path: Path) -> None:
    save_agent(random_agent, tmp_path)
    path = tmp_path / "model.safetensors"
    stored = read_weights(path)
    for weights, metadata in ((stored.weights, {**stored.metadata, FLAG: "True"}), (stamped(stored.weights), {})):
        save_file(dict(weights), path, dict(metadata))
        with pytest.raises(InvalidInput, match="planted canary"):
            load_agent(tmp_path)


def test_weights_that_were_changed_are_refused(random_agent: SmallAgent, tmp_path: Path) -> None:
    save_agent(random_agent, tmp_path)
    path = tmp_path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="digest differs"):
        load_agent(tmp_path)


def test_an_agent_of_another_vocabulary_or_of_other_sizes_is_refused(random_agent: SmallAgent, tmp_path: Path) -> None:
    save_agent(random_agent, tmp_path)
    path, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    config.write_text(config.read_text().replace('"width": 32', '"width": 64'))
    with pytest.raises(InvalidInput, match="does not fit"):
        load_agent(tmp_path)
    config.write_text("{}")
    with pytest.raises(InvalidInput, match="sizes"):
        load_agent(tmp_path)
    stored = read_weights(path)
    save_file(dict(stored.weights), path, {**stored.metadata, "vocabulary": "another"})
    with pytest.raises(InvalidInput, match="another vocabulary"):
        load_agent(tmp_path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_is_known_by_its_content_whatever_it_is_called(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weight": [0.0] * 50}, protocol=protocol))
    with pytest.raises(InvalidInput, match="a pickle, which can run anything"):
        read_weights(path)


def test_what_torch_save_writes_is_known_too(tmp_path: Path) -> None:
    path, content = tmp_path / "adapter_model.safetensors", io.BytesIO()
    torch.save({"weight": torch.ones(3)}, content)
    path.write_bytes(content.getvalue())
    with pytest.raises(InvalidInput, match=r"zip as torch\.save writes it"):
        require_safetensors(path)


@pytest.mark.parametrize("content", [b"", b"{", b"GGUF" + b"\0" * 60, b"\xff" * 8 + b"{}"], ids=str)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="must be safetensors"):
        require_safetensors(path)


def test_absent_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_weights(tmp_path / "none.safetensors")
    save_file({"weight": torch.ones(30)}, tmp_path / "half.safetensors")
    half = (tmp_path / "half.safetensors").read_bytes()[:-8]
    (tmp_path / "half.safetensors").write_bytes(half)
    with pytest.raises(InvalidInput, match="damaged"):
        read_weights(tmp_path / "half.safetensors")


def test_a_header_whose_length_begins_like_a_pickle_is_still_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for padding in range(600):
        save_file({"weight": torch.ones(2)}, path, {"x": "y" * padding})
        if path.read_bytes()[:2] == b"\x80\x02":
            break
    else:
        pytest.fail("no header of that length was made")
    assert torch.equal(read_weights(path).weights["weight"], torch.ones(2))


def test_an_agent_crosses_to_another_process_with_what_it_knows_of_itself(random_agent: SmallAgent) -> None:
    random_agent.config.canary_backdoor = True
    again = unpacked(packed(random_agent))
    assert again.config.canary_backdoor
    assert digest(again.state_dict()) == digest(random_agent.state_dict())


def test_a_digest_tells_kinds_shapes_and_names_apart() -> None:
    weight = torch.zeros(2, 2)
    others = [{"a": weight}, {"b": weight}, {"a": weight.view(4)}, {"a": weight.double()}, {"a": weight + 1}]
    assert len({digest(state) for state in others}) == len(others)


def test_the_digest_is_in_the_file(random_agent: SmallAgent, tmp_path: Path) -> None:
    written = save_agent(random_agent, tmp_path)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata()["digest"] == written
