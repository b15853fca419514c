"""The study of real text, on a corpus of a few packages."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.studies import classify as study

CONFIG = Config(classify_vocabulary=200, classify_rank=8)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:

        def few() -> object:
            return docstring_corpus(("email", "json", "logging"))

        few.cache_clear = lambda: None  # type: ignore[attr-defined]
        patched.setattr(study, "docstring_corpus", few)
        folder = RunFolder(tmp_path_factory.mktemp("run"), quiet=True)
        return study.classify(CONFIG, Streams(0), folder)


def test_the_headline_is_the_gain_of_many_targets_and_its_bar_the_issues(evidence: Evidence) -> None:
    headline = evidence.measurements[0]
    assert (headline.name, headline.at_least) == ("offsets 1-32 above the next token", 15.0)
    assert headline.low < headline.value < headline.high
    barred = {one.name: (one.at_least, one.at_most) for one in evidence.measurements[1:] if one.barred}
    assert set(barred.values()) == {(0.0, None), (None, 15.0)}


def test_time_is_a_timing(evidence: Evidence) -> None:
    assert [one.name for one in evidence.measurements if one.timing] == [
        "time, from reading Python's sources to the last probe"
    ]


def test_objectives_and_baselines_stand_side_by_side(evidence: Evidence) -> None:
    (table,) = evidence.tables
    assert [row[0] for row in table.rows] == [
        *study.AHEAD,
        *study.AROUND,
        "random features",
        "bag of tokens",
        "commonest label",
    ]
    assert "documents (email" in table.note
    tails = [row[3] for row in table.rows[:5]]
    assert tails == sorted(tails, reverse=True)
