"""The study of consistency, at a size for tests: what falls, what stays, and how sure the slope is."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.studies import consistency as study  # noqa: E402

SMALL = Config(consistency_sequences=64)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    patch = pytest.MonkeyPatch()
    patch.setattr(study, "LENGTHS", (20, 80, 160, 320))
    patch.setattr(study, "FITTED", (80, 160, 320))
    found = study.consistency(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))
    patch.undo()
    return found


def test_every_bar_of_the_claim_is_there_with_its_uncertainty(evidence: Evidence) -> None:
    slope = evidence.measurements[0]
    assert [each.bar for each in evidence.measurements if each.barred] == ["-0.6 to -0.4"]
    assert slope.low < slope.value < slope.high
    assert -0.9 < slope.value < -0.3


def test_noise_makes_it_consistent_and_without_noise_a_floor_stays(evidence: Evidence) -> None:
    errors = {(row[0], row[1]): row[2] for row in evidence.tables[0].rows}
    along = {(row[0], row[1]): row[4] for row in evidence.tables[0].rows}
    assert errors[study.NOISY, 320] < errors[study.NOISY, 80] / 1.5
    assert errors[study.CLEAR, 320] > 0.07
    assert along[study.CLEAR, 320] == pytest.approx(errors[study.CLEAR, 320], rel=0.05)
    assert errors[study.AROUND, 320] < errors[study.AROUND, 80] / 2 < 0.02


def test_contexts_without_a_maximum_are_counted_and_trivial_answers_stand_beside(evidence: Evidence) -> None:
    rows = {(row[0], row[1]): row for row in evidence.tables[0].rows}
    assert rows[study.NOISY, 320][5] == 0
    assert rows[study.NOISY, 320][7] == pytest.approx(1, abs=0.05)
    assert rows[study.NOISY, 320][6] > 10 * rows[study.NOISY, 320][2]


def test_the_slope_of_a_power_is_its_exponent() -> None:
    errors = {examples: torch.full((4,), examples**-0.5).double() for examples in study.FITTED}
    curve = study._Curve(errors, {}, {}, {}, {})
    assert study._slope(curve) == pytest.approx(-0.5)
    assert study._resampled_slopes(curve, np.random.default_rng(0)) == pytest.approx(-0.5)
