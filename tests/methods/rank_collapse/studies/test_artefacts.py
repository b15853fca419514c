"""The two artefacts: what is not relative, and what is left on."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.masks import Causal
from consilience.methods.rank_collapse.studies.artefacts import DROPOUT, Artefacts, _Dropped, artefacts


@pytest.fixture(scope="module")
def found() -> Artefacts:
    return artefacts(Streams(0))


def test_mu_shows_a_difference_that_relative_mu_does_not(found: Artefacts) -> None:
    absolute, relative = (measurement.value for measurement in found.measurements)
    assert absolute > 1e30
    assert relative == pytest.approx(1, abs=0.2)


def test_without_dropout_both_collapse_to_rounding(found: Artefacts) -> None:
    for row in found.tables[0].rows:
        assert (row[5] < 2e-15) == (row[1] == "off")


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    layer = Averaging.uniform(Causal().array(100), 50)
    X = np.ones((100, 50))
    made = _Dropped(layer, np.random.default_rng(0))(X)
    assert (made == 0).mean() == pytest.approx(DROPOUT, abs=0.02)
    assert made.mean() == pytest.approx(1, abs=0.02)
    assert (_Dropped(layer, np.random.default_rng(0)).attention(X) == layer.attention(X)).all()
