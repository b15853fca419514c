"""The study of how long runs take, on latencies of milliseconds: what it says of paths, not of this machine."""

import asyncio

import pytest

from consilience.dialogue.faults import Latency
from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.ground import Evidence, RunFolder, Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import makespan as study
from consilience.methods.agent_networks.studies.makespan import BARS, ENGINES, course, faster, makespan
from consilience.methods.agent_networks.topology import topology


def outcome(makespan_s: float) -> Outcome:
    return Outcome(
        calls=10,
        cpu_s=0.01,
        built_cpu_s=0.0,
        makespan_s=makespan_s,
        critical_path_s=1.0,
        grown_mb=0.0,
        kept_bytes=0,
        version="9.9",
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(study, "NETWORKS", {"layers": ("layer", 8), "mesh": ("mesh", 5)})
    return Config(makespan_mean_s=0.004, makespan_rounds=2)


def test_a_run_is_as_long_as_its_critical_path() -> None:
    found = asyncio.run(course(topology("mesh", 6), Latency.lognormal(0.02, 0.8)))
    assert found.calls == 1 + 2 * 15 + 10
    assert 1 <= found.ratio < 1.5
    assert found.critical_path_s <= found.barrier_s <= found.alone_s


def test_the_sum_of_all_calls_bounds_a_chain_from_both_sides() -> None:
    found = asyncio.run(course(topology("chain", 5), Latency.const(0.005)))
    assert found.critical_path_s == pytest.approx(found.alone_s)
    assert found.barrier_s == pytest.approx(found.alone_s)


def test_without_peers_their_bars_are_not_measured_and_the_reason_is_said(
    small: Config, tmp_path: pytest.TempPathFactory
) -> None:
    evidence: Evidence = makespan(small, Streams(0), RunFolder(tmp_path, quiet=True))
    assert evidence.measurements[0].bar == "at most 1.03"
    peers = evidence.measurements[-len(BARS) :]
    assert [measurement.value for measurement in peers] == [None, None]
    assert [measurement.bar for measurement in peers] == ["at least 1.2", "at least 1.3"]
    assert all("--setup" in measurement.note for measurement in peers)
    assert [row[0] for row in evidence.tables[0].rows] == ["layers", "mesh"]


def test_peers_are_laid_beside(small: Config, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = {"ours": 1.0, "LangGraph": 1.5, "AutoGen": 1.25, "LangGraph, edges as steps": 2.0, "asyncio by hand": 1.0}

    def pretended(engines, networks, rounds, python, **_):
        assert python == "python-of-peers"
        return {(name, engine): [outcome(spans[engine])] * rounds for name in networks for engine in engines}

    monkeypatch.setattr(Peers, "require", lambda self, python: None)
    monkeypatch.setattr(study, "run_beside", pretended)
    config = Config(makespan_mean_s=0.004, peers_python="python-of-peers")
    evidence = makespan(config, Streams(0), RunFolder(tmp_path, quiet=True))
    langgraph, autogen = evidence.measurements[-2:]
    assert (langgraph.value, langgraph.holds) == (1.5, True)
    assert (autogen.value, autogen.holds) == (1.25, False)
    assert [row[0] for row in evidence.tables[1].rows] == list(ENGINES)


def test_a_python_without_the_peers_is_refused(small: Config, tmp_path) -> None:
    config = Config(makespan_mean_s=0.001, peers_python=str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInput, match="--setup"):
        makespan(config, Streams(0), RunFolder(tmp_path, quiet=True))


def test_ratios_are_taken_within_a_round_and_over_all_networks_together() -> None:
    beside = {
        ("a", "ours"): [outcome(1), outcome(2), outcome(1)],
        ("a", "X"): [outcome(2), outcome(4), outcome(2)],
        ("b", "ours"): [outcome(1), outcome(2), outcome(1)],
        ("b", "X"): [outcome(1), outcome(2), outcome(1)],
    }
    assert faster(beside, "X") == (1.5, 1.0, 2.0)
