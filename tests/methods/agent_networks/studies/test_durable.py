"""The study of what a kill costs, on a small mesh."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import durable as study


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(durable_nodes=10, durable_kills=2, durable_permutations=4)
    return study.durable(config, Streams(1), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    bars = [measurement.bar for measurement in evidence.measurements]
    assert bars == [
        *("at least 100 %", "at most 0", "at most 1", "at most 1 s", "at least 100 %"),
        *("", "", "", "at most 1", "at most 1", "at least 2"),
    ]


def test_a_journal_of_a_size_has_a_bar(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(study, "BARRED_BYTES", 1)
    config = Config(durable_nodes=4, durable_kills=1, durable_permutations=2)
    found = study.durable(config, Streams(1), RunFolder(tmp_path, quiet=True))
    sizes = [one for one in found.measurements if one.name.startswith("bytes of the journal")]
    assert [one.bar for one in sizes] == ["at most 1.2", "at most 1.2"]
    assert [one.holds for one in sizes] == [one.value <= 1.2 for one in sizes]


def test_all_holds(evidence: Evidence) -> None:
    for measurement in evidence.measurements:
        assert measurement.holds is not False, measurement


def test_every_kill_is_in_the_table(evidence: Evidence) -> None:
    rows = evidence.tables[0].rows
    assert len(rows) == 2
    for kept, in_flight, repeated, lost, replayed, *_ in rows:
        assert repeated <= in_flight
        assert lost == 0
        assert replayed == kept + in_flight - repeated
