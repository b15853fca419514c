"""The study of lineage: its bars, and a truth with merges in it."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.origins import origins


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(lineage_histories=2, lineage_runs=1)
    return origins(config, Streams(5), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue_and_hold(evidence: Evidence) -> None:
    assert [measurement.bar for measurement in evidence.measurements] == ["at least 100 %"] * 3
    assert [measurement.value for measurement in evidence.measurements] == [100.0] * 3


def test_several_teams_gave_parts(evidence: Evidence) -> None:
    givers = {row[1] for row in evidence.tables[0].rows}
    assert len(givers) > 1
    assert any("::" in str(row[0]) for row in evidence.tables[0].rows)
