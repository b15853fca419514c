"""The folder of a run of teams: what was asked for comes back, and what came of it can be run."""

from dataclasses import replace
from pathlib import Path

import pytest

from consilience.dialogue.command.kept import Record
from consilience.dialogue.command.means import Means
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.folder import TeamsFolder
from consilience.methods.cross_team.formats import software
from consilience.methods.cross_team.order import Order

ORDER = Order(task="A game.", tests="assert True", teams=3, team_model=("A=m",))
RECORD = Record(run="program-3", order=ORDER, means=Means(budget_usd=2.5))
PLAN = software(3, group=3, prune=False)


def begun(path: Path) -> TeamsFolder:
    folder = TeamsFolder(path / "run")
    folder.begin(RECORD, PLAN)
    return folder


def test_what_was_asked_for_comes_back(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder.record() == RECORD
    assert folder.plan() == PLAN
    assert (folder.path / "task.md").read_text() == "A game.\n"
    assert [path.name for path in folder.tests.iterdir()] == ["visible.py"]
    with pytest.raises(InvalidInput, match="holds another run"):
        folder.begin(replace(RECORD, order=replace(ORDER, seed=1)), PLAN)


def test_a_program_is_a_folder_and_a_text_a_file(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    program = Artifact("main.py\n```python\nprint(1)\n```\n\nlib/two.py\n```python\nTWO = 2\n```")
    assert (folder.keep_artifact(program, ORDER) / "lib" / "two.py").read_text() == "TWO = 2\n"
    place = folder.keep_artifact(Artifact("def f():\n    return 1"), Order(kind="function", entry="f"))
    assert [path.name for path in place.iterdir()] == ["f.py"]
    assert folder.keep_artifact(Artifact("Once."), Order(kind="story")).read_text() == "Once.\n"
    assert (folder.keep_artifact(Artifact("no files"), ORDER) / "answer.txt").read_text() == "no files"


def test_a_lineage_comes_back_or_is_not_known(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder.kept_lineage() == {}
    folder.keep_lineage({"digest": "ab", "parts": {}})
    assert folder.kept_lineage() == {"digest": "ab", "parts": {}}
    folder.lineage.write_text("half")
    assert folder.kept_lineage() == {}


@pytest.mark.parametrize("name", ["tests", "program", "task.md", "page.html"])
def test_what_somebody_has_there_is_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InvalidInput, match=f"has {name}: name another"):
        TeamsFolder(tmp_path).require_free()


def test_a_folder_of_a_run_is_that_of_a_run(tmp_path: Path) -> None:
    begun(tmp_path / "run").require_free()
