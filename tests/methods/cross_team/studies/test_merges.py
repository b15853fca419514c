"""The study of merge calls, partitions and lineages."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies import merges as study


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    config = Config(merges_partitions=50, merges_latencies=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "LARGEST", 8)
        patch.setattr(study, "SEEDS", 2)
        return study.merges(config, Streams(1), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue_and_all_hold(evidence):
    assert [one.bar for one in evidence.measurements] == [
        *("3 to 3", "at least 100 %", "at most 24", "at most 0", "at most 1", "at least 2")
    ]
    assert [one.holds for one in evidence.measurements] == [True] * 6
    assert not any(one.timing for one in evidence.measurements)


def test_a_grouping_for_each_team_costs_more_and_less_than_nothing_remembered(evidence):
    for _, _, formula, shared, own, original in evidence.tables[0].rows:
        assert shared == formula <= own <= original


@pytest.mark.parametrize(
    ("parts", "broken"),
    [
        ([(0, 1), (2,)], []),
        ([(0, 1)], ["each in one group"]),
        ([(0, 1), (1, 2)], ["each in one group"]),
        ([(0, 1, 2)], ["groups within their size"]),
        ([(0, 1), (2,), ()], ["groups within their size"]),
    ],
)
def test_broken_rules_are_named(parts, broken):
    assert study.broken_rules(parts, 3, 2) == broken


def test_a_partition_that_breaks_a_rule_is_counted(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "GROUPS", (4,))
    monkeypatch.setattr(study, "SEEDS", 1)
    monkeypatch.setattr(study, "packed", lambda sizes, group, budget: ((*range(len(sizes)),),))
    config = Config(merges_partitions=20, merges_latencies=2)
    found = study.merges(config, Streams(1), RunFolder(tmp_path, quiet=True))
    assert found.measurements[3].value > 10
    assert found.measurements[3].holds is False
