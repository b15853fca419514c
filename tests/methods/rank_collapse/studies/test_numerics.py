"""The study of how exact measures are."""

from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.numerics import COLOURS, LEVELS, exact_mu, numerics


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(numerics_trials=2, spectra_trials=1)
    return numerics(config, Streams(3), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_is_cleared(evidence: Evidence) -> None:
    barred = [measurement for measurement in evidence.measurements if measurement.barred]
    assert [measurement.bar for measurement in barred] == [
        "at most 1e-12",
        "at most 1e-08",
        "at least 100 %",
        "at least 100 %",
        "at most 0.001",
    ]
    assert all(measurement.holds for measurement in barred)


def test_the_usual_shortcuts_stand_beside(evidence: Evidence) -> None:
    table = evidence.tables[0]
    assert table.columns[1 : 1 + len(COLOURS)] == tuple(COLOURS)
    assert len(table.rows) == len(LEVELS)
    near = next(row for row in table.rows if row[0] == "1e-09")
    assert float(near[1]) < 1e-8
    assert float(near[2]) > 0.1
    assert near[-2:] == ("no", "yes")
    assert evidence.measurements[-1].value < 1e-4
    assert float(evidence.measurements[-1].note.rpartition(" ")[2]) > 1


def test_exact_arithmetic_knows_what_doubles_hold() -> None:
    assert exact_mu(np.array([[3.0, 0.0], [-3.0, 8.0]])) == 50**0.5
    tiny = np.array([[1.0], [1.0 + 2.0**-52]])
    assert exact_mu(tiny) == 2.0**-53 * 2**0.5


def test_the_picture_is_there(evidence: Evidence, tmp_path: Path) -> None:
    assert evidence.figures[0].file == "figures/numerics.svg"
