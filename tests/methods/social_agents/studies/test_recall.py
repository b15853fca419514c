"""The study of recall: scores by hand, and a small script of our own with a question."""

import json

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.mariadb import absent
from consilience.methods.social_agents.studies.recall import found_of, is_fresh, recall, reciprocal_rank

GOLD = (frozenset({"a", "b"}), frozenset({"c"}))


@pytest.mark.parametrize(
    ("names", "share", "rank"),
    [([], 0, 0), (["x", "y"], 0, 0), (["b"], 0.5, 1), (["x", "c", "a"], 1, 0.5), (["a", "b"], 0.5, 1)],
)
def test_one_row_of_an_utterance_is_enough(names, share, rank):
    assert found_of(GOLD, names) == share
    assert reciprocal_rank(GOLD, names) == rank


def test_about_half_of_the_questions_are_fresh():
    assert 450 < sum(is_fresh(f"s01_e01_c{number}") for number in range(1000)) < 550


def test_without_questions_nothing_is_measured(tmp_path):
    found = recall(Config(), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [(one.value, one.bar) for one in found.measurements] == [(None, "at least 1.6"), (None, "at least 3")]


@pytest.mark.skipif(bool(absent()), reason=f"{absent()}; ends where MariaDB and its driver are installed")
def test_rank_and_forms_of_words_are_what_is_gained(tmp_path):
    told = [("ann", "bea", f"a lantern is a lantern {number}") for number in range(12)]
    told += [("ann", "bea", "the lantern was mended by the miller")]
    script = tmp_path / "script.csv"
    rows = "".join(f"{number},{who},{whom},{text},1\n" for number, (who, whom, text) in enumerate(told))
    script.write_text(",sender,receiver,message,timestamp\n" + rows)
    answer = {"utterance_id": "u1", "answer_text": "the miller"}
    scene = {
        "utterances:": [{"uid": "u1", "utterance": "The lantern was mended by the miller."}],
        "qas": [{"id": "q1", "question": "Who mended the lantern?", "answers": [answer]}],
    }
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps({"data": [{"title": "s01_e01_c01", "paragraphs": [scene]}]}))
    config = Config(script=str(script), questions=str(questions))
    found = recall(config, Streams(0), RunFolder(tmp_path / "run", quiet=True))
    scores = {row[0]: row[1:4] for row in found.tables[0].rows}
    assert scores["ours, words"] == (1, 1.0, 1.0)
    assert scores["original on MariaDB"][1] == 1.0
    assert 0 < scores["original on MariaDB"][2] <= 0.25
    assert found.measurements[1].value >= 4
