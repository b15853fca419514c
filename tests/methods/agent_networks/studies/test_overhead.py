"""The study of what a turn costs, at a size at which nothing can be said about time."""

import pytest

from consilience.dialogue.trials.load import WAYS
from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import overhead as study
from consilience.methods.agent_networks.studies.load import Weight
from consilience.methods.agent_networks.studies.overhead import ENGINES, NETWORKS, RATIOS, overhead
from consilience.methods.agent_networks.studies.rivals import ENGINES as KNOWN

COSTS = {"bare": 0.01, "session": 0.02, "kept": 0.1}
ORDER: list[tuple[str, str]] = []


def pretended(shape: str, nodes: int, rounds: int, way: str) -> Weight:
    ORDER.append((shape, way))
    dearer = 2 if shape == "chain" else 1
    return Weight(
        agents=nodes,
        edges=nodes,
        calls=1000,
        built_cpu_s=0,
        cpu_s=COSTS[way] * dearer,
        grown_mb=1,
        largest_prompt=rounds,
        tokens=1,
        complete=True,
    )


@pytest.fixture
def evidence(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    ORDER.clear()
    monkeypatch.setattr(study, "weigh_apart", pretended)
    return overhead(Config(overhead_rounds=2), Streams(0), RunFolder(tmp_path, quiet=True))


def test_the_dearest_network_counts(evidence: Evidence) -> None:
    session, kept = evidence.measurements[:2]
    assert (session.bar, session.value, session.holds) == ("at most 0.05 ms", 0.04, True)
    assert (kept.bar, kept.value, kept.holds) == ("at most 0.15 ms", 0.2, False)
    assert session.timing
    assert kept.timing


def test_everyone_has_a_turn_in_each_round(evidence: Evidence) -> None:
    assert len(ORDER) == 2 * len(NETWORKS) * len(WAYS)
    assert ORDER[: len(ORDER) // 2] == ORDER[len(ORDER) // 2 :]


def test_without_peers_their_bars_are_not_measured(evidence: Evidence) -> None:
    assert [(one.value, one.bar) for one in evidence.measurements[2:]] == [(None, "at least 5"), (None, "at least 10")]
    assert len(evidence.tables) == 1


def test_peers_are_laid_beside_like_with_like(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = dict.fromkeys(ENGINES, 1.0) | {"ours": 0.125, "ours, with journal and events": 0.25}

    def beside(engines, networks, rounds, python):
        found = {}
        for name in networks:
            for engine in engines:
                spent = costs[engine] * (2 if name.startswith("chain") and engine.startswith("LangGraph") else 1)
                found[name, engine] = [Outcome(10, spent, 0.0, 1.0, 1.0, 1.0, 1, "9.9")] * rounds
        return found

    monkeypatch.setattr(study, "weigh_apart", pretended)
    monkeypatch.setattr(Peers, "require", lambda self, python: None)
    monkeypatch.setattr(study, "run_beside", beside)
    evidence = overhead(Config(peers_python="python"), Streams(0), RunFolder(tmp_path, quiet=True))
    bare, kept = evidence.measurements[2:]
    assert (bare.value, bare.high, bare.holds) == (8.0, 16.0, True)
    assert (kept.value, kept.high, kept.holds) == (4.0, 8.0, False)
    assert [row[0] for row in evidence.tables[1].rows] == list(ENGINES)


def test_what_is_compared_is_there_to_be_run() -> None:
    assert set(ENGINES) <= set(KNOWN)
    assert {name for ratio in RATIOS for name in ratio[1:3]} <= set(ENGINES)
