"""What is erased is in no file any more: messages, boards, what was said, prompts; and the log holds no trial of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.methods.social_agents import labels
from consilience.methods.social_agents.agent import Told, Utterance
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.erasing import erase_messages, erase_person
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.stage import Stage
from consilience.methods.social_agents.worlds.needle import needle

WORD = b"quokka9417"


@pytest.fixture
def world(tmp_path: Path):
    with Store.open(tmp_path / "people.sqlite") as store:
        ann, ben = (store.add_person(name.lower(), name) for name in ("Ann", "Ben"))
        diary = store.conversation([ann])
        at = datetime(2024, 5, 2, tzinfo=UTC)
        (number,) = store.add_messages([NewMessage(diary, ann.id, at, f"My pet is a {WORD.decode()}.")]).ids
        store.edit(number, f"My pet is the {WORD.decode()}.", at)
        store.memory(ann).rebuild_episodes()
        audit, tasks = AuditLog(store), Tasks(store)
        task = tasks.add(ann, ben, "What is the pet?", standing="running")
        reading = Reading(value=WORD.decode(), source="ann", evidence=(number,))
        board = Board("ann").add("s1", "the pet").read("s1", reading)
        heard = Board("ben").add("s1", "the pet").read("s1", replace(reading, evidence=()))
        told = Told(slot="s1", value=WORD.decode(), source="ann")
        text = f"The pet is a {WORD.decode()}."
        said = Utterance(number=1, speaker="ann", speaker_name="Ann", text=text, tells=(told,))
        state = State(a=board, b=heard, utterances=(said,), look_for_a=(WORD.decode(),), answer=WORD.decode())
        tasks.keep(f"{task.name}/state", TypeAdapter(State).dump_json(state).decode())
        tasks.put(replace(task, standing="ended", answer=f"a {WORD.decode()}"))
        entry = audit.add("disclosed", owner="ann", counterpart="ben", messages=[number], text="told")
        yield store, ann, number, diary, audit, tasks, entry, tmp_path


def residue(folder: Path, word: bytes = WORD) -> list[str]:
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and word in path.read_bytes()]


@pytest.mark.parametrize("how", ["messages", "conversation"])
def test_of_messages_nothing_is_left_and_the_log_still_holds(world, how: str) -> None:
    store, _, number, diary, audit, tasks, entry, folder = world
    labels.labels_of("kept for later")
    assert residue(folder)
    conversation = diary if how == "conversation" else None
    erased = erase_messages(store, [number], audit=audit, tasks=tasks, conversation=conversation)
    assert erased.receipt.messages == 1
    counts = dict(erased.removed)
    assert counts["messages, for everybody"] == counts["earlier versions"] == counts["boards of talks"] == 1
    assert counts["digests of the log that nothing can be tried on any more"] == 1
    assert WORD.decode() not in " ".join(erased.lines())
    assert residue(folder) == []
    assert labels._found.cache_info().currsize == 0
    assert audit.matches(entry, "told") is None
    assert audit.verify().ok


def test_what_somebody_told_others_stays_with_them_and_the_rest_goes(world) -> None:
    store, ann, number, _, audit, tasks, entry, _ = world
    erase_person(store, ann, audit=audit, tasks=tasks)
    state = tasks.state(tasks.of(ann)[0])
    assert not len(state.a)
    assert WORD.decode() in state.utterances[0].text
    assert store.memory(ann).message(number) is None
    erase_messages(store, [number], audit=audit, tasks=tasks)  # gone already: nothing says any more what was read
    assert audit.matches(entry, "told") is None
    assert audit.verify().ok


def test_what_others_hold_stays(world) -> None:
    store, _, number, _, audit, tasks, entry, _ = world
    erase_person(store, store.person("ben"), audit=audit, tasks=tasks)
    assert store.memory("ann").message(number) is not None
    assert audit.matches(entry, "told") is True


def test_prompts_and_replies_of_journals_go_and_other_runs_stay(tmp_path: Path) -> None:
    place = needle(1, 1, np.random.default_rng(0), length=3)
    task = place.tasks[0]
    path = tmp_path / "journal.sqlite"

    async def told(run: str) -> list[int]:
        with Journal.open(path, run) as journal:
            async with Session(Rehearsal(PLAYERS["neighbour"], name="lips"), journal=journal) as session:
                with Stage(place, session, path=tmp_path / "people.sqlite", journal=journal) as stage:
                    await stage.solve(task, name=run)
                    return [number for one in stage.audit.entries() for number in one.messages]

    numbers = asyncio.run(told("first"))
    other = Journal.open(path, "other")
    other.close()
    with Store.open(tmp_path / "people.sqlite") as store:
        words = store.memory(task.partner.replace(" ", "_")).message(numbers[0]).text.encode()
        assert residue(tmp_path, words)
        audit, tasks = AuditLog(store), Tasks(store)
        with Journal.open(path, "later") as journal:
            erased = erase_messages(store, numbers, audit=audit, tasks=tasks, journals=[journal])
            assert dict(erased.removed)["runs of journals"] == 1
            assert "first" not in {run.name for run in journal.runs()}
        assert residue(tmp_path, words) == []
        assert audit.verify().ok
