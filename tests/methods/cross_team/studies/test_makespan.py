"""The study of how long teams take, with latencies of a hundredth of a second."""

import pytest

from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies import makespan as study
from consilience.methods.cross_team.studies.rivals import ENGINES as KNOWN


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    config = Config(makespan_mean_s=0.01, makespan_rounds=1, makespan_teams=(1, 4))
    return study.makespan(config, Streams(1), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue(evidence):
    assert [one.bar for one in evidence.measurements] == [
        *("at most 1.03", "at most 5 ms", "", "", "at least 0.9", "at least 0.9")
    ]
    assert all(one.timing for one in evidence.measurements)


def test_nothing_is_faster_than_its_bound(evidence):
    ratio, _, _, polled, *_ = evidence.measurements
    assert ratio.value >= 0.999
    assert polled.value > 0.5  # so fast a model leaves the engine's own time in both
    one, four = evidence.tables[1].rows
    assert (one[:2], four[:2]) == ((1, 8), (4, 4 * 8 + 2 * 3))
    assert 0.3 < one[2] <= 1.001
    assert four[3] <= four[4] * 1.001 <= 4.01


def test_engines_are_laid_beside_where_there_is_a_python(tmp_path, monkeypatch):
    took = dict.fromkeys(study.ENGINES, 1.0) | {"teams one after another": 6.0}

    def beside(engines, counts, rounds, python, **latency):
        assert latency["mean_s"] == 0.005
        return {
            (str(count), engine): [Outcome(78, 0.1, 0.0, took[engine], 1.0, 1.0, 1, "9.9")] * rounds
            for count in counts
            for engine in engines
        }

    monkeypatch.setattr(Peers, "require", lambda self, python: None)
    monkeypatch.setattr(study, "run_beside", beside)
    config = Config(makespan_mean_s=0.005, makespan_teams=(1,), peers_python="python")
    found = study.makespan(config, Streams(1), RunFolder(tmp_path, quiet=True))
    assert [row[0] for row in found.tables[2].rows] == list(study.ENGINES)
    assert [row[2] for row in found.tables[2].rows] == [1, 1, 1, 6]


def test_what_is_compared_is_there_to_be_run():
    assert set(study.ENGINES) <= set(KNOWN)
