"""The study of cross products at a size for tests: exactness holds, speed is left to larger recipes."""

from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.algebra import cross


def study(path: Path) -> Evidence:
    return cross(Config(cross_dimensions=(3, 24), cross_repeats=1), Streams(0), RunFolder(path, quiet=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def evidence(folder: Path) -> Evidence:
    return study(folder)


def test_exactness_holds_and_speed_is_not_measured(evidence: Evidence, folder: Path) -> None:
    exact = [measurement for measurement in evidence.measurements if measurement.barred and not measurement.timing]
    assert [measurement.holds for measurement in exact] == [True, True, True, True, None]
    speed = [measurement for measurement in evidence.measurements if measurement.timing]
    assert all(measurement.value is None and "in this recipe" in measurement.note for measurement in speed)
    assert [row[0] for row in evidence.tables[0].rows] == [3, 24]
    assert (folder / evidence.figures[0].file).read_text().startswith("<?xml")


def test_all_but_the_times_is_the_same_again(evidence: Evidence, tmp_path: Path) -> None:
    first, second = evidence, study(tmp_path)
    assert [m.value for m in first.measurements if not m.timing] == [
        m.value for m in second.measurements if not m.timing
    ]
