"""A state that was kept comes back as it was, from a journal and from anything that keeps texts."""

import asyncio

import pytest

from consilience.dialogue.journal import Journal
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.resuming import Keeps, keep, kept
from consilience.methods.social_agents.speech import Told, Utterance

STATE = State(
    a=Board("ann", support=2).add("place").read("place", Reading(value="Oak Street", source="bea", turn=2)),
    b=Board("bea", rule="last"),
    utterances=(
        Utterance(
            number=1, speaker="ann", speaker_name="Ann", text="?", tells=(Told(slot="s", value="v", source="a"),)
        ),
    ),
    shown_a={"the place": (3, 4)},
    ending="turns",
)


class Page:
    def __init__(self, text):
        self.text = text


class Notebook:
    """Keeps texts, and is no journal."""

    replay_only = False

    def __init__(self):
        self.pages = {}

    def artifact(self, element):
        return self.pages.get(element)

    async def put_artifact(self, element, text, *, kind="text"):
        self.pages[element] = Page(text)


def test_a_state_comes_back_as_it_was(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        for place in (journal, Notebook()):
            assert isinstance(place, Keeps)
            assert kept(place, "talk") is None
            asyncio.run(keep(place, "talk", STATE))
            assert kept(place, "talk") == STATE
            assert kept(place, "another") is None


def test_without_a_journal_nothing_is_kept_and_a_journal_that_may_only_be_read_is_not_written():
    asyncio.run(keep(None, "talk", STATE))
    assert kept(None, "talk") is None
    book = Notebook()
    book.replay_only = True
    asyncio.run(keep(book, "talk", STATE))
    assert not book.pages


def test_what_is_no_state_is_refused():
    book = Notebook()
    asyncio.run(book.put_artifact("talk/state", '{"a": 1}'))
    with pytest.raises(InvalidInput, match="another name"):
        kept(book, "talk")
