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
