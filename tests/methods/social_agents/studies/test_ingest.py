"""The study of ingest, in a small town: what is forgotten was there, and a leak would be seen."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies import ingest as study
from consilience.methods.social_agents.studies.ingest import END, ingest, marked, residues
from consilience.methods.social_agents.studies.place import in_place

CONFIG = Config(ingest_forgotten=60)


@pytest.fixture
def measure(tmp_path, monkeypatch):
    def of() -> Evidence:
        monkeypatch.setattr("consilience.methods.social_agents.studies.place.ENOUGH", 4000)
        monkeypatch.setattr(study, "ENOUGH_FORGOTTEN", 60)
        return ingest(CONFIG, Streams(0), RunFolder(tmp_path, quiet=True))

    return of


def test_bars_are_those_of_the_issue(measure):
    found = measure()
    bars = ["at most 10 s", "at most 50 ms", "at most 2 s", *["at most 0"] * 4, ""]
    assert [one.bar for one in found.measurements] == bars
    assert [one.value for one in found.measurements[3:7]] == [0, 0, 0, 0]
    assert (study.NEW, found.tables[0].rows[0][:2]) == (50, (1, 4000))


def test_what_was_to_go_was_there(measure):
    found = measure()
    before = int(found.measurements[3].note.split()[3].replace(",", ""))
    assert before >= 2 * CONFIG.ingest_forgotten  # in the text and in the index
    assert not found.measurements[4].note.startswith("0 ")


def test_files_that_are_not_wiped_are_seen(measure, monkeypatch):
    monkeypatch.setattr("consilience.methods.social_agents.forgetting.wipe", lambda _: None)
    found = measure()
    assert found.measurements[3].value > 0
    assert not found.measurements[3].holds


def test_planted_words_are_their_own_and_told_apart_by_no_beginning():
    world = in_place(Config(), Streams(0))
    planted, words = marked(world, 100, Streams(0).generator("words"))
    assert len(set(words.values())) == len(words) == 100
    assert all(word.endswith(END) for word in words.values())
    changed = [line for line, old in zip(planted.messages, world.messages, strict=True) if line != old]
    assert {line.source_id: line.text.split()[-1] for line in changed} == words


def test_residues_are_counted_over_all_files(tmp_path):
    (tmp_path / "a").write_bytes(b"xqzxkvx")
    (tmp_path / "b").write_bytes(b"qzxkvqzxkv")
    assert residues([tmp_path / "a", tmp_path / "b"], [END.encode(), b"none"]) == 3
