"""What comes in comes in once, and what is taken away is gone; both can be looked at before."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.app.tasks import TaskOver, Tasks
from consilience.methods.social_agents.bringing import bring, take_away
from consilience.methods.social_agents.flags import Forgetting, Importing
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store

CHAT = "25/05/2024, 10:15 - Ann: My parrot is ill\n25/05/2024, 10:16 - Bea: Oh no!\n"


@pytest.fixture
def place(tmp_path: Path) -> dict[str, object]:
    path = tmp_path / "chat.txt"
    path.write_text(CHAT, encoding="utf-8")
    return {"file": path, "database": str(tmp_path / "people.sqlite")}


def parrots(database: str) -> int:
    with Store.open(database) as store:
        return len(store.memory("ann").search(Query(words=("parrot",), beside=False)))


def test_a_person_who_is_new_is_named_and_twice_adds_nothing(place) -> None:
    with pytest.raises(InvalidInput, match="--name"):
        list(bring(Importing(as_="ann", **place)))
    first = list(bring(Importing(as_="ann", name="Ann", **place)))
    assert first[0].startswith("ann is new")
    assert first[-1].startswith("2 added, 0 known")
    assert list(bring(Importing(as_="ann", **place)))[-1].startswith("0 added, 2 known")
    assert parrots(place["database"]) == 1


def test_a_dry_run_changes_nothing(place) -> None:
    told = list(bring(Importing(as_="ann", name="Ann", dry_run=True, **place)))
    assert told[0] == "ann would be new"
    assert told[-1].startswith("2 would be added")
    with pytest.raises(InvalidInput, match="--name"):
        list(bring(Importing(as_="ann", dry_run=True, **place)))
    assert not Path(str(place["database"])).exists()
    with Store.open(place["database"]) as store:
        store.add_person("ann", "Ann")
    assert list(bring(Importing(as_="ann", dry_run=True, **place)))[-1].startswith("2 would be added")
    assert parrots(place["database"]) == 0


def test_a_dry_run_of_somebody_new_knows_who_is_there(place) -> None:
    with Store.open(place["database"]) as store:
        store.add_person("bea", "Bea")
    new = {"as_": "ann", "name": "Ann", **place}
    with pytest.raises(InvalidInput, match="memory of their own"):
        list(bring(Importing(dry_run=True, merge=("Bea=bea",), **new)))
    told = list(bring(Importing(dry_run=True, **new)))
    assert list(bring(Importing(**new)))[1:-1] == told[1:-1]


def test_a_dry_run_knows_who_was_there_under_a_handle_that_nobody_may_take_today(place) -> None:
    with Store.open(place["database"]) as store, store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO person (handle, name, card) VALUES ('family', 'Fay', '')")
    with pytest.raises(InvalidInput, match="memory of their own"):
        list(bring(Importing(as_="ann", name="Ann", dry_run=True, merge=("Bea=family",), **place)))


def test_how_dates_are_read_can_be_said(place) -> None:
    Path(str(place["file"])).write_text(CHAT.replace("25/", "04/"), encoding="utf-8")
    assert any("note: dates" in line for line in bring(Importing(as_="ann", name="Ann", dry_run=True, **place)))
    list(bring(Importing(as_="ann", name="Ann", dates="month-first", **place)))
    with Store.open(place["database"]) as store:
        assert {one.sent_at.month for one in store.memory("ann").recent()} == {4}


@pytest.mark.parametrize("pair", ["Bea", "=ben", "Bea="])
def test_who_is_who_is_said_in_pairs(place, pair: str) -> None:
    with pytest.raises(InvalidInput, match="AUTHOR=PERSON"):
        list(bring(Importing(as_="ann", name="Ann", merge=(pair,), **place)))


@pytest.mark.parametrize("what", [{"person": "ann"}, {"conversation": 1}, {"message": (1, 2)}])
def test_what_is_to_be_forgotten_is_counted_first(place, what) -> None:
    list(bring(Importing(as_="ann", name="Ann", **place)))
    database = place["database"]
    assert list(take_away(Forgetting(database=database, **what))) == [
        "2 messages would be forgotten; say --yes to do it"
    ]
    assert parrots(database) == 1
    told = list(take_away(Forgetting(database=database, yes=True, **what)))
    assert told[0].startswith("forgotten: ")
    assert parrots(database) == 0


@pytest.mark.parametrize("what", [{"person": "ann"}, {"conversation": 1}, {"message": (1,)}])
def test_tasks_that_a_server_is_at_end_before_anything_is_forgotten(place, what) -> None:
    list(bring(Importing(as_="ann", name="Ann", **place)))
    with Store.open(place["database"]) as store:
        ann, ben, cem = store.person("ann"), store.add_person("ben", "Ben"), store.add_person("cem", "Cem")
        tasks = Tasks(store)
        paused = tasks.add(ben, ann, "What is ill?", standing="paused")
        others = tasks.add(ben, cem, "And who is well?", standing="running")
        tasks.keep(f"{paused.name}/state", read_by("ann"))
        list(take_away(Forgetting(database=place["database"], yes=True, **what)))
        with pytest.raises(TaskOver):
            tasks.keep(f"{paused.name}/state", read_by("ann"))
        assert "parrot" not in tasks.kept(f"{paused.name}/state")
        over = tasks.find(paused.id)
        assert (over.standing, over.ending) == ("ended", "stopped")
        assert tasks.find(others.id).standing == "running"


def read_by(handle: str) -> str:
    board = Board(handle).add("s1", "who is ill")
    board = board.read("s1", Reading(value="parrot", source=handle, evidence=(1,)))
    return TypeAdapter(State).dump_json(State(a=Board("ben"), b=board)).decode()


def test_who_is_not_there_cannot_be_forgotten(place) -> None:
    with pytest.raises(InvalidInput, match="that is there"):
        list(take_away(Forgetting(database=place["database"], person="zoe", yes=True)))
    with Store.open(place["database"]), pytest.raises(UnknownName):
        list(take_away(Forgetting(database=place["database"], person="zoe", yes=True)))
