"""The study of pruning: its bars, and an area that can fail."""

import sys

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.prune import area, prune
from consilience.methods.cross_team.studies.seeded_programs import DEFECTS, HIDDEN, UNTOLD

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are those of Linux, now and as long as that is so"
)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(prune_programs=30, prune_fuzzed=10)
    return prune(config, Streams(5), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


@pytest.mark.parametrize(
    ("goods", "bads", "value"),
    [([1, 1], [0, 0.5], 1.0), ([0, 0], [1], 0.0), ([1], [1, 1], 0.5), ([3, 1], [2], 0.5), ([1, 1], [0, 1], 0.75)],
)
def test_the_area_counts_pairs(goods: list[float], bads: list[float], value: float) -> None:
    assert area(goods, bads) == value


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    bars = [measurement.bar for measurement in evidence.measurements if measurement.barred]
    assert bars == ["at least 0.99", "at most 0", "at most 0.3 s"]
    assert all(measurement.holds for measurement in evidence.measurements if measurement.barred)


def test_the_released_rater_is_beside_it(evidence: Evidence) -> None:
    published, formula, crashes, words = evidence.measurements[4:]
    assert published.value == 0.5
    assert formula.value is not None
    assert formula.value < 0.99
    assert crashes.value is not None
    assert crashes.value > 0
    assert words.value is not None
    assert words.value > 0


def test_every_sort_of_defect_has_its_row_and_what_is_not_found_says_so(evidence: Evidence) -> None:
    rows = {row[0]: row for row in evidence.tables[0].rows}
    assert list(rows) == ["none: whole", *DEFECTS, *HIDDEN, *UNTOLD]
    assert rows["raises where no run goes"][3] == 0.5
