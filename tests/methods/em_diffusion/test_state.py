"""States on disk: what went in comes out, whole or not at all, and no pickle anywhere."""

import json

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from safetensors.torch import save  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.state import read_state, write_state  # noqa: E402


def test_every_kind_of_tensor_and_number_comes_back_in_every_bit(tmp_path) -> None:
    tensors = {
        "weights/a": torch.tensor([0.1, -0.0, float("inf"), 1e-45]),
        "double": torch.rand(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
        "generator": torch.Generator().manual_seed(5).get_state(),
        "steps": torch.tensor(7),
        "turned": torch.arange(6.0).reshape(2, 3).T,
    }
    cursor = {"round": 3, "history": [{"held_out": 0.1 + 0.2}], "rows": [4, 1]}
    write_state(tmp_path / "deep" / "state", tensors, cursor)
    found, at = read_state(tmp_path / "deep" / "state")
    assert at == cursor
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_tensors_that_share_memory_are_kept_as_two(tmp_path) -> None:
    tied = torch.arange(4.0)
    write_state(tmp_path / "state", {"first": tied, "second": tied}, {})
    found, _ = read_state(tmp_path / "state")
    assert torch.equal(found["first"], found["second"])


def test_where_nothing_was_written_there_is_nothing(tmp_path) -> None:
    assert read_state(tmp_path / "state") is None


def test_the_file_is_plain_bytes_behind_a_header_of_text(tmp_path) -> None:
    """The published code pickled whole modules, which run code when read."""
    path = tmp_path / "state"
    write_state(path, {"a": torch.zeros(3)}, {"round": 1})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header["a"]["dtype"] == "F32"
    assert json.loads(header["__metadata__"]["cursor"]) == {"round": 1}
    assert content[8 + length :] == bytes(12)


def test_a_writer_that_fails_leaves_the_old_state(tmp_path, monkeypatch) -> None:
    path = tmp_path / "state"
    write_state(path, {"a": torch.zeros(3)}, {"round": 1})
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="full"):
        write_state(path, {"a": torch.ones(3)}, {"round": 2})
    assert read_state(path)[1] == {"round": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a state",
        save({"a": torch.zeros(1)}),
        save({"a": torch.zeros(1)}, metadata={"other": "{}"}),
        save({"a": torch.zeros(1)}, metadata={"cursor": "{"}),
    ],
    ids=["empty", "text", "no metadata", "no cursor", "half a cursor"],
)
def test_other_files_are_refused(tmp_path, content) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="expected the state of a run"):
        read_state(path)


def test_half_a_state_is_refused(tmp_path) -> None:
    path = tmp_path / "state"
    write_state(path, {"a": torch.zeros(30)}, {"round": 1})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InvalidInput, match="Remove it"):
        read_state(path)
