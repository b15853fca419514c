"""The study of small language models under masks, at a size for tests."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the rank extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.rank_collapse.config import Config  # noqa: E402
from consilience.methods.rank_collapse.masks import Causal, Complete, Diagonal  # noqa: E402
from consilience.methods.rank_collapse.studies.trained import (  # noqa: E402
    ARCHITECTURES,
    DEPTH,
    MASKS,
    TOKENS,
    CharacterModel,
    shipped_text,
    trained,
)
from consilience.neural.weights import initialised  # noqa: E402

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


def test_the_same_text_is_shipped_with_the_same_digest() -> None:
    text, digest = shipped_text()
    assert len(text) > 200_000
    assert int(text.max()) < 200
    assert shipped_text()[1] == digest


def test_a_model_sees_what_its_mask_allows() -> None:
    text = torch.arange(TOKENS)[None] % 7
    changed = text.clone()
    changed[0, -1] = 6
    for mask, sees in ((Complete(), True), (Causal(), False), (Diagonal(), False)):
        model = initialised(0, lambda mask=mask: CharacterModel(7, mask.array(TOKENS), skip=True))
        same = torch.equal(model(text)[0, 0], model(changed)[0, 0])
        assert same is not sees


def test_relative_mu_is_logged_after_every_block() -> None:
    model = initialised(0, lambda: CharacterModel(7, Complete().array(TOKENS), skip=False))
    course = model.collapse(torch.arange(TOKENS)[None] % 7)
    assert course.shape == (DEPTH + 1,)
    assert course[0] > 0.8
    assert course[-1] < 0.05
