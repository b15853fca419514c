"""The study of the pace of collapse, at a size for tests."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the rank extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.local import local, measured_slope

TINY = Config(local_tokens=24, local_starts=1, temperature_stacks=1, trained_steps=2)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return local(TINY, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_of_the_claim_is_cleared(evidence: Evidence) -> None:
    barred = [measurement for measurement in evidence.measurements if measurement.barred]
    assert [measurement.bar for measurement in barred] == ["at most 1e-05", "1.5 to 2.5", "0.5 to 1.5"]
    assert all(measurement.holds for measurement in barred)


def test_exponents_come_to_whole_numbers_as_the_sequence_doubles(evidence: Evidence) -> None:
    values = {measurement.name: measurement.value for measurement in evidence.measurements}
    assert values["two-sided window of 1: exponent as the sequence doubles"] == pytest.approx(2, abs=0.1)
    assert values["one-sided window of 1: exponent as the sequence doubles"] == pytest.approx(1, abs=0.15)


def test_what_tokens_do_is_near_what_white_tokens_do(evidence: Evidence) -> None:
    rows = {row[0]: row for row in evidence.tables[0].rows}
    for name, row in rows.items():
        if name != "block(16)":
            assert row[2] == pytest.approx(row[3], rel=0.25)
    assert rows["complete"][2] == 1
    assert rows["block(16)"][2:5] == (None, None, None)
    assert rows["window(1, 0)"][2] > rows["window(2, 0)"][2] > rows["window(8, 0)"][2] > rows["causal"][2]


def test_all_three_pictures_are_there(evidence: Evidence) -> None:
    assert [figure.name for figure in evidence.figures] == ["local", "temperature", "trained"]


def test_a_slope_is_measured_before_rounding() -> None:
    course = np.maximum(0.9 ** np.arange(400.0), 1e-14)
    assert measured_slope(course) == pytest.approx(0.9)
    assert measured_slope(np.array([1.0, 1e-17])) is None
    assert measured_slope(np.array([1.0])) is None
