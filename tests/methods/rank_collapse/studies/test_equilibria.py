"""The study of equilibria, at a size for tests."""

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.ladder import Ladder
from consilience.methods.rank_collapse.studies.equilibria import equilibria, residual

TINY = Config(circle_starts=400, equilibria_starts=40)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return equilibria(TINY, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_is_cleared(evidence: Evidence) -> None:
    barred = [measurement for measurement in evidence.measurements if measurement.barred]
    assert [measurement.bar for measurement in barred] == [
        "at most 1e-06",
        "at most 1e-12",
        "at most 1e-14",
        "at least 99.9 %",
    ]
    assert all(measurement.holds for measurement in barred)


def test_the_limit_of_the_star_is_printed(evidence: Evidence) -> None:
    free = evidence.measurements[-1]
    assert free.value > 95
    assert "the first token has to start at its fixed point" in free.note


def test_the_largest_ladder_has_sixteen_tokens(evidence: Evidence) -> None:
    assert [row[0] for row in evidence.tables[1].rows][-1] == 16
    assert [row[0] for row in evidence.tables[2].rows] == list(range(1, 9))


def test_a_residual_tells_an_equilibrium_from_tokens_near_it() -> None:
    ladder = Ladder(3, 3, 4.0)
    X = ladder.equilibrium(3)
    assert residual(X, ladder.layer) < 1e-14
    assert residual(np.roll(X, 1, axis=1), ladder.layer) > 0.1
