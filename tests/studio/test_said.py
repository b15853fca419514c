"""What a journal keeps, read and never written."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.studio.said import journals, look, runs_of, whole


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "journal.sqlite"

    async def talk() -> None:
        for run in ("second", "first"):
            with Journal.open(path, run) as journal:
                for number in range(5):
                    question = Question(str(number % 2), (Message("user", (str(number),)),))
                    await journal.put(question, Reply(text=f"reply {number}", model="m"))

    asyncio.run(talk())
    return path


def test_the_run_that_began_first_is_shown_unless_another_is_named(kept: Path) -> None:
    assert [facts.name for facts in runs_of(kept)] == ["second", "first"]
    shown, named = look(kept), look(kept, "first")
    assert (shown.run.name, named.run.name) == ("second", "first")
    with pytest.raises(UnknownName):
        look(kept, "frist")


def test_stretches_laid_end_to_end_are_the_whole(kept: Path) -> None:
    parts = [look(kept, start=start, most=2) for start in (0, 2, 4)]
    assert [part.more for part in parts] == [True, True, False]
    assert tuple(call for part in parts for call in part.calls) == whole(kept, "second").calls


def test_calls_of_one_element(kept: Path) -> None:
    assert [call.reply.text for call in look(kept, element="1").calls] == ["reply 1", "reply 3"]
    assert look(kept, element="nobody").calls == ()


def test_to_look_leaves_nothing_behind(kept: Path) -> None:
    before = hashlib.sha256(kept.read_bytes()).hexdigest(), sorted(kept.parent.iterdir())
    look(kept)
    assert (hashlib.sha256(kept.read_bytes()).hexdigest(), sorted(kept.parent.iterdir())) == before


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("no journal" * 100)
    with pytest.raises(InvalidInput, match="must be a journal"):
        look(tmp_path / "x.sqlite")


def test_journals_are_found_below_a_folder_and_hidden_ones_are_not(kept: Path) -> None:
    (kept.parent / ".hidden").mkdir()
    (kept.parent / ".hidden" / "journal.sqlite").touch()
    assert journals(kept.parent.parent) == ("deep/journal.sqlite",)
