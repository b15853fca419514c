"""The small language model: what it sees, and what it reads."""

import pytest

torch = pytest.importorskip("torch", reason="the rank extra is not installed")

from consilience.methods.rank_collapse.masks import Causal, Complete, Diagonal  # noqa: E402
from consilience.methods.rank_collapse.studies.character_model import DEPTH, CharacterModel, shipped_text  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402

TOKENS = 40


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
