"""The study of what a call over HTTP costs, at a size at which nothing can be said about time."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import http as study
from consilience.methods.agent_networks.studies.http import http


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "LATENCY_S", 0.05)
        config = Config(http_in_flight=20, http_calls=80, http_rounds=1)
        return http(config, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_the_bar_is_that_of_the_issue(evidence: Evidence) -> None:
    assert [measurement.bar for measurement in evidence.measurements] == ["at most 0.8 ms", "", "", ""]
    assert all(measurement.timing for measurement in evidence.measurements)
    assert all(measurement.low <= measurement.value <= measurement.high for measurement in evidence.measurements)


def test_every_client_has_both_of_its_rows(evidence: Evidence) -> None:
    rows = evidence.tables[0].rows
    assert [row[1] for row in rows] == [64, 20] * 4
    for _, in_flight, middle, least, most, seen in rows:
        assert least <= middle <= most
        assert in_flight / 2 < seen <= in_flight
