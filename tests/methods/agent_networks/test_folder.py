"""The run folder: what was asked for comes back; what is no run of this version is told apart."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from consilience.dialogue.command.means import Means
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.folder import NetworkFolder, NetworkRecord
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.topology import mesh

BLUEPRINT = Blueprint(mesh(3), {"0->1": Note(failure="skip")})
RECORD = NetworkRecord(run="mesh-3", order=Order(task="Do it.", agents=3, approve=("2",)), means=Means(budget_usd=2.5))


def begun(path: Path, record: NetworkRecord = RECORD) -> NetworkFolder:
    folder = NetworkFolder(path / "run")
    folder.begin(record, BLUEPRINT)
    return folder


def test_what_was_asked_for_comes_back(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder.record() == RECORD
    assert folder.blueprint().notes == BLUEPRINT.notes
    assert folder.result() == {}


def test_a_password_is_not_written_down(tmp_path: Path) -> None:
    address = "postgresql+psycopg://ada:secret@host:5432/db?sslmode=require"
    folder = begun(tmp_path, replace(RECORD, means=Means(journal=address)))
    assert "secret" not in (folder.path / "run.json").read_text()
    assert folder.record().means.journal == "postgresql+psycopg://ada@host:5432/db?sslmode=require"


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.begin(replace(RECORD, means=Means()), BLUEPRINT)
    with pytest.raises(InvalidInput, match="holds another run"):
        folder.begin(replace(RECORD, order=Order(task="Else.")), BLUEPRINT)
    assert folder.record().order == RECORD.order


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InvalidInput, match="must name a folder"):
        begun(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 2}, "a run folder of version 2, and this program reads version 1"),
        ({"version": None}, "version None"),
        ({"order": {"colour": "red"}}, "must hold what a run was asked for; order"),
        ({"means": 3}, "must hold what a run was asked for; means"),
    ],
)
def test_a_record_of_another_form_is_told(tmp_path: Path, change: dict, complaint: str) -> None:
    folder = begun(tmp_path)
    path = folder.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InvalidInput, match=complaint):
        folder.record()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no JSON"])
def test_what_is_no_record_is_told(tmp_path: Path, text: str) -> None:
    folder = begun(tmp_path)
    (folder.path / "run.json").write_text(text)
    with pytest.raises(InvalidInput, match="must be JSON with a version"):
        folder.record()


def test_what_waits_lies_in_a_file_whatever_it_is_called(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    names = ["丁" * 300, "丁" * 299 + "->x", "a/b", ".hidden"]
    places = folder.keep_pending({name: Artifact(name) for name in names})
    assert [place.read_text() for place in places.values()] == names


def test_artifacts_are_files_or_folders(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder.keep_artifact(Artifact("Half a \ud83d character"), "text").read_text() == "Half a ? character\n"
    program = "main.py\n```python\nprint(1)\n```\n\nlib/two.py\n```python\nTWO = 2\n```"
    place = folder.keep_artifact(Artifact(program), "repository")
    assert (place / "lib" / "two.py").read_text() == "TWO = 2\n"
    folder.keep_artifact(Artifact("main.py\n```python\nprint(2)\n```"), "repository")
    assert [path.name for path in place.iterdir()] == ["main.py"]


def test_what_waits_has_a_file_each(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    places = folder.keep_pending({"0->1": Artifact("a"), "0-to-1": Artifact("b"), "../up": Artifact("c")})
    assert [places[name].read_text() for name in ("0->1", "0-to-1", "../up")] == ["a", "b", "c"]
    assert {place.parent for place in places.values()} == {folder.pending}
    folder.keep_pending({})
    assert not folder.pending.exists()


@pytest.mark.parametrize("name", ["artifact", "pending", "artifact.md", "graph.yaml"])
def test_what_somebody_has_there_is_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InvalidInput, match=f"has {name}: name another"):
        NetworkFolder(tmp_path).require_free()


def test_a_folder_of_a_run_is_that_of_a_run(tmp_path: Path) -> None:
    begun(tmp_path).require_free()
