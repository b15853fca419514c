"""The table that says why real text is not what generation is measured on."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import RunFolder
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.corpus import Corpus
from consilience.methods.pretraining_objectives.studies import plateau as module


def test_three_objectives_and_the_plateau(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    words = [f"word{chr(97 + number)}" for number in range(20)]
    texts = [("a", " ".join(generator.choice(words, 80))) for _ in range(30)]
    monkeypatch.setattr(module, "docstring_corpus", lambda: Corpus.of(texts))
    monkeypatch.setattr(module, "HELD_OUT", 8)
    monkeypatch.setattr(module, "BATCH", 4)
    table = module.plateau_table(Config(plateau_steps=2), RunFolder(str(tmp_path), quiet=True))
    assert [row[:2] for row in table.rows] == [
        ("AR", ""),
        ("MLM 15 %", "tight"),
        ("MLM 15 %", "full"),
        ("variable", "tight"),
        ("variable", "full"),
        ("unigram plateau", ""),
    ]
    plateau = table.rows[-1][2]
    assert np.log(20) < plateau < np.log(1000)
    assert "one seed" in table.note
