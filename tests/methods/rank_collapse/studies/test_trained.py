"""The study of small language models under masks, at a size for tests."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the rank extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.trained import (
    ARCHITECTURES,
    MASKS,
    trained,
)

TINY = Config(trained_steps=3, trained_seeds=(0, 1))


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return trained(TINY, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_mask_and_both_baselines_are_in_the_table(evidence: Evidence) -> None:
    rows = evidence.tables[0].rows
    assert len(rows) == len(MASKS) * len(ARCHITECTURES) + 2
    assert {row[2] for row in rows} == {1, 4, 16, 63, None}
    assert rows[-1][3] < rows[-2][3] < np.log(110)


def test_a_correlation_of_models_that_learned_nothing_is_not_reported(evidence: Evidence) -> None:
    for measurement in evidence.measurements[:2]:
        assert measurement.value is None
        assert "no model learned more than the frequencies of characters" in measurement.note
