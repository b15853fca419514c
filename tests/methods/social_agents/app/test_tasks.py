"""Tasks stand as they should, and what is kept of their talks can be forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app import tasks as module
from consilience.methods.social_agents.app.tasks import TaskOver, Tasks
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.store import Store

STATE = module._STATE


@pytest.fixture(params=["file", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = tmp_path / "people.sqlite" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as store:
        yield store


@pytest.fixture
def tasks(store: Store) -> Tasks:
    return Tasks(store)


@pytest.fixture
def pair(store: Store):
    return [store.add_person(name.lower(), name) for name in ("Ann", "Ben")]


def state(value: str = "sesame", evidence: tuple[int, ...] = (7,)) -> str:
    mine = Board("ann").add("s1", "the allergy").read("s1", Reading(value=value, source="ann", evidence=evidence))
    other = Board("ben").add("s1", "the allergy").read("s1", Reading(value=value, source="ann", turn=1))
    return STATE.dump_json(State(a=mine, b=other, look_for_a=("nuts",), answer=value)).decode()


def test_a_task_is_of_its_two_people(tasks: Tasks, store: Store, pair) -> None:
    ann, ben = pair
    cyd = store.add_person("cyd", "Cyd")
    task = tasks.add(ann, ben, "What?", standing="invited")
    assert task.name == f"task-{task.id}"
    assert tasks.find(task.id) == task
    assert tasks.of(ann) == tasks.of(ben) == tasks.of(ann, ben) == [task]
    assert tasks.of(cyd) == tasks.of(ann, cyd) == []
    assert tasks.named(f"{task.name}+1", ann) == task
    assert tasks.named(task.name, cyd) is None
    assert tasks.find(task.id + 1) is None


def test_it_moves_only_from_where_one_thinks_it_stands(tasks: Tasks, pair) -> None:
    task = tasks.add(*pair, "What?", standing="invited")
    assert not tasks.move(task, "paused", out_of=("running",))
    assert tasks.move(task, "running", out_of=("invited",))
    assert not tasks.move(task, "declined", out_of=("invited",))
    assert [one.id for one in tasks.unfinished()] == [task.id]


def test_there_is_an_end_to_what_one_may_ask_at_once(tasks: Tasks, pair, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    task = tasks.add(*pair, "What?", standing="running")
    with pytest.raises(InvalidInput, match="at once"):
        tasks.add(*pair, "And what?", standing="invited")
    tasks.add(*pair, "A part", standing="running", parent=task.id)
    tasks.move(task, "ended", out_of=("running",))
    assert tasks.add(*pair, "And what?", standing="invited").over is False
    assert [one.question for one in tasks.parts(task.id)] == ["A part"]


def test_the_last_state_of_a_talk_is_the_one_that_stands(tasks: Tasks, pair) -> None:
    task = tasks.add(*pair, "What?", standing="running")
    assert tasks.state(task) is None
    for element, value in (("state", "nuts"), ("+1/state", "soy"), ("=/state", "sesame")):
        tasks.keep(f"{task.name}{element if element[0] != 's' else '/state'}", state(value))
    assert tasks.state(task).answer == "sesame"
    tasks.keep(f"{task.name}+1/state", state("lupin"))
    assert tasks.state(task).answer == "lupin"
    assert tasks.kept(f"{task.name}/state") == state("nuts")


def test_of_what_was_ended_elsewhere_nothing_more_is_kept(tasks: Tasks, store: Store, pair) -> None:
    task = tasks.add(*pair, "What?", standing="running")
    part = tasks.add(*pair, "A part", standing="invited", parent=task.id)
    done = tasks.add(*pair, "Another part", standing="declined", parent=task.id)
    tasks.keep(f"{task.name}/state", state("nuts"))
    assert Tasks(store).end(part, "Ann stopped it")
    assert not tasks.end(task, "Ben stopped it")
    for element in ("/state", "+1/state", "/1/0.0/state"):
        with pytest.raises(TaskOver, match="stopped"):
            tasks.keep(f"{task.name}{element}", state())
    tasks.put(replace(task, ending="known", answer="sesame", reasons=""))
    over = tasks.find(task.id)
    assert (over.standing, over.ending, over.answer, over.reasons) == ("ended", "stopped", "", "Ann stopped it")
    assert [tasks.find(one.id).standing for one in (part, done)] == ["ended", "declined"]
    assert tasks.state(task).answer == "nuts"


def test_a_side_that_is_forgotten_leaves_what_the_other_heard(tasks: Tasks, pair) -> None:
    ann, _ = pair
    task = tasks.add(*pair, "What?", standing="running")
    tasks.keep(f"{task.name}/state", state())
    tasks.put(replace(task, standing="ended"))
    assert tasks.forget(ann) == 1
    found = tasks.state(task)
    assert len(found.a) == 0
    assert found.look_for_a == ()
    assert found.answer == ""
    assert found.b["s1"].value == "sesame"


def test_a_side_is_forgotten_in_all_tasks_and_not_only_in_those_that_a_page_lists(tasks: Tasks, pair) -> None:
    for _ in range(module.MOST_LISTED + 1):
        task = tasks.add(*pair, "What?", standing="running")
        tasks.keep(f"{task.name}/state", state())
        tasks.put(replace(task, standing="ended"))
    first = tasks.find(1)
    assert first not in tasks.of(pair[0])
    assert tasks.forget(pair[0]) == module.MOST_LISTED + 1
    assert len(tasks.state(first).a) == 0


def test_what_is_not_over_is_found_behind_any_number_of_others(tasks: Tasks, pair, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_LISTED", 2)
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    ann, ben = pair
    first = tasks.add(*pair, "What?", standing="invited")
    for standing in ("ended", "declined", "ended"):
        tasks.add(ben, ann, "And what?", standing=standing)
    assert first not in tasks.of(ann)
    assert tasks.not_over(ann) == tasks.not_over(ben, ann) == [first]
    with pytest.raises(InvalidInput, match="at once"):
        tasks.add(*pair, "And what?", standing="invited")


def test_what_was_read_from_messages_that_are_gone_is_gone(tasks: Tasks, pair) -> None:
    task = tasks.add(*pair, "What?", standing="running")
    tasks.keep(f"{task.name}/state", state(evidence=(7, 8)))
    assert tasks.forget_messages([9]) == 0
    assert tasks.forget_messages([8]) == 1
    found = tasks.state(task)
    assert (found.a["s1"].status, found.a["s1"].value, found.a["s1"].text) == ("unknown", "", "the allergy")
    assert found.b["s1"].value == ""  # they are gone for everybody
