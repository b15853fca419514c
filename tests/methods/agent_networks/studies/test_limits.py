"""The study of rates and budgets, so short that nothing can be said about rates."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import limits as study
from consilience.methods.agent_networks.studies.limits import CASES, _Case, _read, limits


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(limits_s=1.5, limits_budgets=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "AT_ONCE", len(CASES))
        patch.setattr(study, "ATTEMPTS", 1)
        return limits(config, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    bars = [measurement.bar for measurement in evidence.measurements]
    assert bars == ["at least 95 %", "at most 1 %", "", "", "at most 0 %", ""]
    assert evidence.measurements[4].value == 0


def test_every_server_has_its_row(evidence: Evidence) -> None:
    assert [row[0] for row in evidence.tables[0].rows] == [case.words for case in CASES]
    assert all(row[3] > 0 for row in evidence.tables[0].rows)
    assert [row[0] for row in evidence.tables[1].rows] == ["calls", "tokens", "usd"]


def test_a_log_is_read_after_the_warm_up_only():
    visits = [
        *(("a", 0.0, 1.0, "replied"), ("b", 0.9, 1.0, "rate_limited"), ("c", 1.0, 3.0, "replied")),
        *(("d", 1.5, 1.5, "rate_limited"), ("e", 2.9, 3.1, "replied"), ("f", 3.0, 3.1, "replied")),
    ]
    tokens = dict.fromkeys("abcdef", 100)
    found = _read(_Case("window", 120, 3000), visits, tokens, 1.0, 2.0)
    assert (found.used, found.calls) == (2.0, 3)  # of 100 tokens; of requests it is half
    assert found.refused == pytest.approx(1 / 3)
