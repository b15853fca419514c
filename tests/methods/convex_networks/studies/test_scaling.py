from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import scaling as study


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = RunFolder(tmp_path_factory.mktemp("scaling"), quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "TEST_SAMPLES", 500)
        patch.setattr(study, "THREADS", 1)  # two would wait for each other while other tests run
        patch.setattr(study, "_CHOICE_SAMPLES", 600)
        # The process whose memory is read sees the module as it stands, with its 10,000 test rows.
        config = Config(scale_samples=(1000, 2000), scale_repeats=2, n_gates=10)
        return study.scaling(config, Streams(5), folder)


def test_time_memory_and_growth_are_timings_and_the_rest_is_not(evidence: Evidence) -> None:
    assert [measured.timing for measured in evidence.measurements] == [True, True, True, False, False]
    assert [table.timing for table in evidence.tables] == [False, True]
    assert all(np.isfinite(measured.value) for measured in evidence.measurements)


def test_the_process_that_fits_stays_below_two_gib(evidence: Evidence) -> None:
    peak = evidence.measurements[1]
    assert peak.unit == "GiB"
    assert 0.05 < peak.value < 2.0


def test_every_size_has_a_row(evidence: Evidence) -> None:
    assert [row[0] for row in evidence.tables[0].rows] == [1000, 2000]


def test_the_ratio_of_times_is_of_paired_repetitions() -> None:
    seconds = {
        "convex network": [2.0, 6.0, 4.0],
        "gradient boosting": [1.0, 2.0, 4.0],
        "logistic regression": [1.0] * 3,
    }
    size = study._Size(samples=5000, seconds=seconds, accuracy=dict.fromkeys(seconds, 90.0), gap=1e-4, steps=3)
    larger = study._Size(samples=10_000, seconds=seconds, accuracy=size.accuracy, gap=1e-4, steps=3)
    ratio, _, growth, *_ = study._measurements([size, larger], size, peak_mib=512.0)
    assert (ratio.value, ratio.low, ratio.high) == (2.0, 1.0, 3.0)
    assert growth.value == 0.5


def test_the_picture_is_drawn(evidence: Evidence, tmp_path: Path) -> None:
    del tmp_path
    assert [figure.name for figure in evidence.figures] == ["scaling"]
