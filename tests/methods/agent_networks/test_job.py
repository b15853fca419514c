"""The job: new runs have a name of what they do, and runs that go on keep it."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.approval import Approved
from consilience.methods.agent_networks.job import found, prepared, whole
from consilience.methods.agent_networks.order import Order

ORDER = Order(task="Explain a queue.", agents=5)


def test_nothing_is_written_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = prepared(ORDER, Means())
    assert job.folder.path.parent == Path("runs/agent_networks")
    assert job.record.run.startswith("mesh-5-")
    assert job.title == "mesh of 5"
    assert not list(tmp_path.iterdir())


def test_a_file_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("task.txt").write_text("Explain a queue.")
    Path("tests.py").write_text("assert f() == 1\n")
    order = whole(Order(task="task.txt", kind="function", entry="f", tests="tests.py", hidden_tests="@tests.py"))
    assert (order.task, order.tests, order.hidden_tests) == ("Explain a queue.", *("assert f() == 1\n",) * 2)
    Path("d").mkdir()
    with pytest.raises(InvalidInput, match="the task must be a text or a file; d is a folder here"):
        whole(Order(task="d"))


def test_the_network_of_a_file_names_the_run(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    names = set()
    for edges in ("[a->b]", "[a->b, b->c]"):
        path.write_text(f"edges: {edges}\n")
        names.add(prepared(Order(task="x", graph=path), Means()).record.run)
    assert len(names) == 2


def test_means_may_change_and_the_rest_stays(ran: Path) -> None:
    job = found(ran, Means(budget_usd=3.0, journal="other.sqlite"))
    assert job.order == ORDER
    assert job.record.means.budget_usd == 3.0
    assert job.folder.journal(job.record.means) == str(Path("other.sqlite").absolute())
    assert found(ran).record.means == Means()
    assert prepared(Order(agents=5), Means(), resume=ran).order == ORDER
    with pytest.raises(InvalidInput, match="--agents was 5 and now is 6"):
        prepared(Order(agents=6), Means(), resume=ran)


def test_flags_that_were_typed_count_though_they_be_the_default(typed, capsys) -> None:
    words = ("Explain a queue.", "--out", "run", "--quiet", "--seed", 3, "--attempts", 2)
    assert typed("run", *words) == 0
    record = json.loads(Path("run/run.json").read_text())
    record["means"] |= {"engine": "ray", "journal": str(Path("run/journal.sqlite").absolute())}
    Path("run/run.json").write_text(json.dumps(record))
    assert typed("run", "--resume", "run", "--quiet") == 2
    assert "--engine ray needs a journal" in capsys.readouterr().err
    assert typed("run", "--resume", "run", "--engine", "local", "--quiet") == 0
    means = found(Path("run")).record.means
    assert (means.engine, means.attempts) == ("local", 2)
    for flag, default, was in (("--seed", 0, 3), ("--seed", 1, 3)):
        assert typed("run", "--resume", "run", flag, default) == 2
        assert f"{flag} was {was} and now is {default}" in capsys.readouterr().err


PROFILES = 'actors = ["You write plainly."]\ncritics = ["You read closely."]\n'


def test_profiles_of_a_file_are_those_of_the_run_and_stay(typed, capsys) -> None:
    Path("who.toml").write_text(PROFILES)
    words = ("Explain a queue.", "--profiles", "who.toml")
    assert typed("run", *words, "--out", "run", "--quiet") == 0
    Path("who.toml").unlink()
    assert typed("show", "run", "--element", "0") == 0
    assert "You write plainly." in capsys.readouterr().out
    assert typed("replay", "run") == 0
    job = prepared(Order(), Means(), resume=Path("run"))
    assert job.settings["profiles"].critics == ("You read closely.",)
    Path("who.toml").write_text(PROFILES.replace("plainly", "at length"))
    assert typed("run", *words, "--out", "run") == 2
    assert "holds another run" in capsys.readouterr().err
    assert typed("run", "x", "--profiles", "nobody.toml") == 2
    assert "nobody.toml must be a readable file of profiles" in capsys.readouterr().err


def test_temperatures_are_those_of_the_run(typed, capsys) -> None:
    assert typed("run", "Explain a queue.", "--temperature", 0.75, 0.25, "--out", "run", "--quiet") == 0
    with found(Path("run")).journal(replay_only=True) as journal:
        found_there = {call.question.settings.temperature for call in journal.calls()}
    assert (max(found_there), min(found_there)) == (0.75, 0.25)
    capsys.readouterr()
    for wrong in ((-1, 0), ("nan", 0), ("warm", 0)):
        assert typed("run", "x", "--temperature", *wrong) == 2
        assert "--temperature" in capsys.readouterr().err


def test_a_folder_of_before_profiles_and_temperatures_goes_on(typed, ran: Path) -> None:
    record = json.loads((ran / "run.json").read_text())
    del record["profiles"], record["order"]["profiles"], record["order"]["temperature"]
    (ran / "run.json").write_text(json.dumps(record))
    assert typed("replay", ran) == 0
    assert typed("run", "Explain a queue.", "--agents", 5, "--out", ran, "--quiet") == 0  # by the same name


def test_what_waits_is_in_the_network(tmp_path: Path) -> None:
    order = Order(task="x", approve=("0->1", "2"))
    assert prepared(order, Means(), decisions={"2": Approved()}).asking == ("0->1", "2")
    with pytest.raises(UnknownName, match="unknown element '0->9'"):
        prepared(Order(task="x", approve=("0->9",)), Means())
    with pytest.raises(InvalidInput, match="got a word about 1"):
        prepared(order, Means(), decisions={"1": Approved()})


def test_texts_of_files_become_part_of_the_order(tmp_path: Path) -> None:
    path = tmp_path / "tests.py"
    path.write_text("assert f()")
    assert whole(Order(task="x", tests=f"@{path}")).tests == "assert f()"


def test_roles_and_policies_of_the_file_are_those_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("nodes: [{name: a, role: You draft.}, b]\nedges: [{edge: a->b, failure: skip, approval: true}]\n")
    job = prepared(Order(task="x", graph=path, failure="fallback"), Means())
    assert job.settings["profiles"].actor(0, "a") == "You draft."
    assert job.settings["failure"].of("a->b") == "skip"
    assert job.settings["failure"].of("b") == "fallback"
    assert job.asking == ("a->b",)


def test_a_problem_of_humaneval_is_as_if_given_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    prompt = 'def double(x):\n    """Return twice x."""\n'
    line = {
        "task_id": "Own/3",
        "prompt": prompt,
        "entry_point": "double",
        "test": "def check(f):\n    assert f(2) == 4",
    }
    path.write_text(json.dumps(line))
    order = whole(Order(task="3", humaneval=path))
    assert (order.kind, order.entry, order.humaneval) == ("function", "double", None)
    assert prompt.strip() in order.task
    assert order.hidden_tests.endswith("check(double)")
    assert whole(order) == order
    for wrong in ({"entry": "f"}, {"tests": "assert 1"}, {"kind": "choice"}):
        with pytest.raises(InvalidInput, match="--humaneval is a function with tests; leave"):
            whole(Order(task="3", humaneval=path, **wrong))
    with pytest.raises(InvalidInput, match="Own/3"):
        whole(Order(task="4", humaneval=path))
