"""What is erased is in no file any more: neither in messages nor on boards; and no text can be tried on the log."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.erasing import erase_messages, erase_person
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store

WORD = b"quokka9417"


@pytest.fixture
def world(tmp_path: Path):
    with Store.open(tmp_path / "people.sqlite") as store:
        ann, ben = (store.add_person(name.lower(), name) for name in ("Ann", "Ben"))
        diary = store.conversation([ann])
        at = datetime(2024, 5, 2, tzinfo=UTC)
        (number,) = store.add_messages([NewMessage(diary, ann.id, at, f"My pet is a {WORD.decode()}.")]).ids
        store.memory(ann).rebuild_episodes()
        audit, tasks = AuditLog(store), Tasks(store)
        task = tasks.add(ann, ben, "What is the pet?", standing="ended")
        reading = Reading(value=WORD.decode(), source="ann", evidence=(number,))
        board = Board("ann").add("s1", "the pet").read("s1", reading)
        text = TypeAdapter(State).dump_json(State(a=board, b=Board("ben"))).decode()
        tasks.keep(f"{task.name}/state", text)
        entry = audit.add("disclosed", owner="ann", counterpart="ben", messages=[number], text="told")
        yield store, ann, number, diary, audit, tasks, entry, tmp_path


def residue(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if WORD in path.read_bytes()]


@pytest.mark.parametrize("how", ["person", "messages", "conversation"])
def test_nothing_is_left_and_the_log_still_holds(world, how: str) -> None:
    store, ann, number, diary, audit, tasks, entry, folder = world
    assert residue(folder)
    if how == "person":
        erase_person(store, ann, audit=audit, tasks=tasks)
        erase_messages(store, [number], audit=audit, tasks=tasks)  # what only she had read is still there for nobody
    else:
        conversation = diary if how == "conversation" else None
        receipt = erase_messages(store, [number], audit=audit, tasks=tasks, conversation=conversation)
        assert receipt.messages == 1
    assert residue(folder) == []
    assert audit.matches(entry, "told") is None
    assert audit.verify().ok


def test_what_others_hold_stays(world) -> None:
    store, _, number, _, audit, tasks, entry, _ = world
    erase_person(store, store.person("ben"), audit=audit, tasks=tasks)
    assert store.memory("ann").message(number) is not None
    assert audit.matches(entry, "told") is True
