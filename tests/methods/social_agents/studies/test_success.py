"""Scores, what stands beside them, that answers follow what people know, and that no reply has words of its own."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.references import REFERENCES
from consilience.methods.social_agents.studies.success import SETS, success


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    config = Config(success_tasks=1, success_noisy_tasks=1)
    return success(config, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_each_set_has_a_score_an_oracle_and_all_references(evidence) -> None:
    names = [one.name for one in evidence.measurements]
    assert {f"score on {name}" for name in SETS} | {f"one memory for all on {name}" for name in SETS} < set(names)
    assert all(one.holds for one in evidence.measurements if one.name.startswith(("score on", "one memory")))
    assert {*REFERENCES, "original's way"} < set(evidence.tables[0].columns)


def test_every_reply_is_looked_at_and_answers_follow_the_data(evidence) -> None:
    named = {one.name: one for one in evidence.measurements}
    words = named["replies with a word that is in neither their prompt nor the published vocabulary"]
    assert words.value == 0
    assert int(words.note.split()[1].replace(",", "")) > 100
    assert named["answers that follow what people know when it is changed about among them"].value == 100
    assert named["answers that stay as they were"].value == 0


def test_what_is_beside_the_method_has_no_part_in_the_verdict(evidence) -> None:
    beside = [one for one in evidence.measurements if one.name.startswith(("score over all sets", "of it"))]
    assert len(beside) == 3
    assert all(one.holds is None for one in beside)
