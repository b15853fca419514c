"""The study of what a turn costs, at a size at which nothing can be said about time."""

import pytest

from consilience.dialogue.trials.load import WAYS
from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies import overhead as study
from consilience.methods.cross_team.studies.load import Weight
from consilience.methods.cross_team.studies.rivals import ENGINES as KNOWN

COSTS = {"bare": 0.02, "session": 0.04, "kept": 0.12}
ORDER = []


def pretended(count, way):
    ORDER.append(way)
    return Weight(teams=count, calls=1000, merges=200, cpu_s=COSTS[way], grown_mb=20.0)


def measured(tmp_path, **settings):
    return study.overhead(Config(**settings), Streams(0), RunFolder(tmp_path, quiet=True))


@pytest.fixture(autouse=True)
def _pretend(monkeypatch):
    ORDER.clear()
    monkeypatch.setattr(study, "weigh_apart", pretended)


def test_bars_are_those_of_the_issue_and_everyone_has_a_turn_in_each_round(tmp_path):
    kept, session, memory, *peers = measured(tmp_path, overhead_rounds=2).measurements
    assert [*WAYS, *WAYS] == ORDER
    assert (kept.value, kept.bar, kept.holds) == (0.12, "at most 0.1 ms", False)
    assert (session.value, session.bar) == (0.04, "")
    assert (memory.value, memory.bar, memory.holds) == (20, "at most 60 MB", True)
    assert [(one.value, one.bar) for one in peers] == [(None, "at least 5")] * 2
    assert "peers.py --setup" in peers[0].note


def test_peers_are_laid_beside_like_with_like(tmp_path, monkeypatch):
    costs = {"ours": 0.125, "ours, with journal and events": 0.25, "LangGraph subgraphs with SQLite": 2.0}

    def beside(engines, counts, rounds, python):
        assert python == "python"
        return {
            (str(count), engine): [Outcome(10, costs.get(engine, 1.0) * dearer, 0.0, 0.0, 0.0, 1.0, 1, "9.9")] * rounds
            for count in counts
            for engine in engines
            for dearer in [2 if count == 8 and engine.startswith("LangGraph") else 1]
        }

    monkeypatch.setattr(Peers, "require", lambda self, python: None)
    monkeypatch.setattr(study, "run_beside", beside)
    evidence = measured(tmp_path, peers_python="python")
    bare, kept = evidence.measurements[3:]
    assert (bare.value, bare.high, bare.holds) == (8, 16, True)
    assert (kept.value, kept.high, kept.holds) == (8, 16, True)
    assert [row[0] for row in evidence.tables[1].rows] == list(study.ENGINES)


def test_what_is_compared_is_there_to_be_run():
    assert set(study.ENGINES) <= set(KNOWN)
    assert {name for ratio in study.RATIOS for name in ratio[1:]} <= set(study.ENGINES)
