"""The job: tasks are read from files, tests are taken out of them, and a run that goes on keeps what it is to do."""

from pathlib import Path

import pytest

from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.job import bundled, found, prepared, whole
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.tasks import Toolbox, toolbox

TASK = "Write a game.\n\ntests.py\n```python\nfrom main import play\nassert play(1) == 2\n```\n"


def test_the_task_that_comes_along_is_a_toolbox_that_its_tests_try() -> None:
    box = toolbox(bundled().task)
    assert box == Toolbox(number=1, functions=12)
    assert box.task in bundled().task
    assert bundled().tests.strip() == Toolbox(number=1, functions=12, seen=1.0).tests
    assert "assert" not in bundled().task


def test_nothing_is_written_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = prepared(Order(), Means())
    assert job.folder.path.parent == Path("runs/cross_team")
    assert job.record.run.startswith("program-4-")
    assert job.title == "4 teams on a program"
    assert job.bundled
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["task.md", "@task.md", TASK])
def test_tests_are_taken_out_of_a_task(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("task.md").write_text(TASK)
    order = whole(Order(task=given))
    assert order.task.strip() == "Write a game."
    assert order.tests == "from main import play\nassert play(1) == 2\n"
    assert whole(Order(task=given, tests="assert 1")).tests == "assert 1"
    assert whole(order) == order


@pytest.mark.parametrize(
    "block",
    [
        "tests.py\n```python\nassert 1\n```",
        "**tests.py**\n\n```\nassert 1\n```",
        "```python tests.py\nassert 1\n```",
        "```python\n# tests.py\nassert 1\n```",
        "````\n#tests.py:\nassert 1\n````",
    ],
)
def test_the_block_of_tests_is_named_in_any_of_the_usual_ways(block: str) -> None:
    order = whole(Order(task=f"Write a game, like\n\n```\nx = 1\n```\n\n{block}\n\nThat is all."))
    assert order.tests == "assert 1\n"
    assert "assert" not in order.task
    assert "tests.py" not in order.task
    assert "x = 1" in order.task
    assert order.task.endswith("That is all.")
    assert prepared(order, Means()).notes == ("1 visible test: teams see what it says",)


def test_a_block_without_a_name_is_no_tests_and_that_is_said() -> None:
    task = "Write a game.\n\n```python\nassert 1\n```\n# tests.py\n"
    job = prepared(Order(task=task), Means())
    assert (job.order.task, job.order.tests) == (task, "")
    assert job.notes == (
        "no visible tests: name a block of the task tests.py, as in ```python tests.py, or give --tests",
    )
    assert prepared(Order(), Means()).notes[1] == "12 visible tests: teams see what they say"
    assert not prepared(Order(task="A tale.", kind="story"), Means()).notes


def test_a_task_for_a_story_is_left_as_it_is() -> None:
    assert whole(Order(task=TASK, kind="story")).task == TASK


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"task": "nowhere.md"}, r"nowhere\.md: No such file"),
        ({"task": "empty.md"}, "must say what is to be made"),
        ({"task": "  "}, "must say what is to be made"),
        ({"task": "", "model": "openai:gpt-4o"}, "must say what is to be made"),
        ({"task": "", "kind": "story"}, "must say what is to be made"),
        ({"task": "bytes.md"}, "must be a text in UTF-8"),
        ({"task": "zero.md"}, "got binary data"),
        ({"task": "d"}, "the task must be a text or a file; d is a folder here: name a file in it"),
        ({"task": "x y", "tests": "nowhere.py"}, r"--tests must be a text or @FILE; nowhere\.py: No such file"),
        ({"task": "x y", "tests": "assert ("}, "--tests must be Python; got line 1"),
        ({"task": "x y", "base_url": "http://127.0.0.1:9/v1"}, "--base-url must come with --model"),
    ],
)
def test_tasks_that_are_none_are_told(
    order: dict, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("empty.md").write_text("\n")
    Path("bytes.md").write_bytes(b"\xff\xfe\x00")
    Path("zero.md").write_bytes(b"\x00\x01")
    with pytest.raises(InvalidInput, match=complaint):
        whole(Order(**order))


def test_the_plan_of_a_file_names_the_run(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    names = set()
    for teams in (2, 3):
        path.write_text(f"chain: software\nteams: {teams}\n")
        names.add(prepared(Order(task="A game.", plan=path), Means()).record.run)
    assert len(names) == 2


def test_means_may_change_and_the_rest_stays(ran: Path) -> None:
    job = found(ran, Means(budget_usd=3.0, journal="other.sqlite"))
    assert job.record.means.budget_usd == 3.0
    assert job.folder.journal(job.record.means) == str(Path("other.sqlite").absolute())
    assert prepared(Order(prune=False), Means(), resume=ran).order == found(ran).order
    with pytest.raises(InvalidInput, match="--teams was 4 and now is 6"):
        prepared(Order(teams=6), Means(), resume=ran)
    with pytest.raises(InvalidInput, match="leave --out out"):
        prepared(Order(), Means(), resume=ran, out=Path("else"))


def test_all_who_are_asked_have_names(tmp_path: Path) -> None:
    order = Order(task="A game.", model="m", team_model=("B=n", "C=m"), base_url="http://127.0.0.1:9/v1")
    job = prepared(order, Means())
    assert job.models == ("m", "n")
    assert job.journal_name("n") == job.connected("n").name == "compatible:n"
    assert job.model_name == "m, n at http://127.0.0.1:9/v1"


def test_tests_that_changed_in_the_file_of_a_task_are_told(typed, tmp_path: Path) -> None:
    Path("task.md").write_text(TASK)
    order = Order(task="task.md")
    job = prepared(order, Means(), out=Path("run"))
    job.folder.begin(job.record, job.plan)
    assert prepared(order, Means(), resume=Path("run")).order == job.order
    assert prepared(Order(teams=4), Means(), resume=Path("run")).order == job.order
    Path("task.md").write_text(TASK.replace("== 2", "== 3"))
    with pytest.raises(InvalidInput, match="--tests was "):
        prepared(order, Means(), resume=Path("run"))
