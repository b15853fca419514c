"""The study of text heads: paired, honest about splits, and silent where the extra is missing."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.corpus import Corpus, docstring_corpus
from consilience.methods.convex_networks.embeddings import LatentSemantics
from consilience.methods.convex_networks.studies import text as study

NAMES = [
    "accuracy above logistic regression",
    "accuracy above MLPClassifier(200)",
    "accuracy above tuned SVC",
    "fit time over MLPClassifier(200)'s",
]


@pytest.fixture
def small_corpus(monkeypatch: pytest.MonkeyPatch) -> Corpus:
    corpus = docstring_corpus({"numbers": ("math", "statistics"), "files": ("pathlib", "shutil", "os")})
    monkeypatch.setattr(study, "docstring_corpus", lambda: corpus)
    return corpus


@pytest.fixture
def config() -> Config:
    return replace(Config(), text_splits=2, text_samples=100, n_gates=10)


def words(corpus: Corpus) -> object:
    semantics = LatentSemantics.fit(corpus.texts, n_features=8)

    def embed(texts: Sequence[str]) -> np.ndarray:
        return semantics(texts)

    return lambda: embed


def test_every_bar_is_measured_on_the_same_splits(
    small_corpus: Corpus, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "SentenceEmbedder", words(small_corpus))
    evidence = study.text(config, Streams(1), RunFolder(tmp_path, quiet=True))
    assert [measurement.name for measurement in evidence.measurements] == NAMES
    assert all(measurement.value is not None and measurement.barred for measurement in evidence.measurements)
    assert [measurement.timing for measurement in evidence.measurements] == [False, False, False, True]
    assert len(set(evidence.seeds)) == 2
    accuracy, times = evidence.tables
    assert small_corpus.digest[:12] in accuracy.note
    assert times.timing
    assert (tmp_path / evidence.figures[0].file).exists()
    again = study.text(config, Streams(1), RunFolder(tmp_path / "again", quiet=True))
    assert again.measurements[:3] == evidence.measurements[:3]
    assert again.tables[0] == accuracy


def test_without_the_extra_nothing_is_measured(
    config: Config, small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    evidence = study.text(config, Streams(1), RunFolder(tmp_path, quiet=True))
    assert [measurement.name for measurement in evidence.measurements] == NAMES
    assert all(measurement.value is None and measurement.barred for measurement in evidence.measurements)
    assert all("consilience[text]" in measurement.note for measurement in evidence.measurements)
