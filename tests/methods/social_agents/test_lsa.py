"""Latent semantic analysis: words of like company are near, and a fit is a kind of its own."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.social_agents.embedding import Embedder, HashedNgrams
from consilience.methods.social_agents.lsa import Lsa
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store

TOLD = [
    "the vet saw our cat", "our kitten was at the vet", "a cat and a kitten", "the train was late", "late trains",
    "a train to the sea", "the sea is cold", "cold water",
]  # fmt: skip


def test_words_of_like_company_are_near_without_a_letter_in_common() -> None:
    vectors = Lsa.fit(TOLD, dimensions=2).embed(["cat", "vet", "train"])
    spelled = HashedNgrams().embed(["cat", "vet"])
    assert vectors[0] @ vectors[1] > 0.9
    assert abs(vectors[0] @ vectors[2]) < 0.3
    assert spelled[0] @ spelled[1] < 0.3


def test_vectors_have_length_one_or_nothing_to_say() -> None:
    lsa = Lsa.fit(TOLD, dimensions=4)
    vectors = lsa.embed([*TOLD, "", "the of", "zzz", "\x00"])
    assert isinstance(lsa, Embedder)
    assert vectors.shape == (len(TOLD) + 4, lsa.dimensions) == (12, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1] * len(TOLD) + [0] * 4)
    assert lsa.embed([]).shape == (0, 4)


def test_a_vector_depends_on_its_text_alone() -> None:
    lsa = Lsa.fit(TOLD, dimensions=3)
    assert np.allclose(lsa.embed(TOLD)[2], lsa.embed([TOLD[2]])[0])


def test_the_same_texts_give_the_same_and_others_another_name(tmp_path: Path) -> None:
    one, again, other = Lsa.fit(TOLD, 3), Lsa.fit(TOLD, 3), Lsa.fit(TOLD[:-1], 3)
    assert one.name == again.name != other.name
    one.save(tmp_path / "lsa.npz")
    read = Lsa.load(tmp_path / "lsa.npz")
    assert read.name == one.name
    assert np.array_equal(read.embed(TOLD), one.embed(TOLD))


def test_a_store_recalls_by_it_and_makes_vectors_anew_for_another_fit(tmp_path: Path) -> None:
    place = tmp_path / "memory.db"
    with Store.open(place, embedder=Lsa.fit(TOLD, 2)) as store:
        ann = store.add_person("ann", "Ann")
        chat, other = store.conversation([ann]), store.conversation([ann])
        noon = datetime(2024, 5, 2, 12, tzinfo=UTC)
        told = [NewMessage(chat, ann.id, noon, "a kitten!"), NewMessage(other, ann.id, noon, "late for the train")]
        store.add_messages(told)
        assert store.memory(ann).recall("vet", 1)[0].messages == (1,)
    with Store.open(place, embedder=Lsa.fit(TOLD[1:], 2)) as store:
        assert store.memory("ann").rebuild_episodes() == 2


@pytest.mark.parametrize("texts", [[], ["one"], ["the", "of"], ["word", "word"]])
def test_too_little_to_be_fitted_to_is_told(texts: list[str]) -> None:
    with pytest.raises(InvalidInput, match="give more"):
        Lsa.fit(texts)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`dimensions`"):
        Lsa.fit(TOLD, 0)
    with pytest.raises(InvalidInput, match="for each word"):
        Lsa(["a"], np.ones(2), np.ones((1, 2)))


def test_another_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.npz").write_bytes(b"PK\x03\x04 cut off")
    for name in ("other.npz", "none.npz"):
        with pytest.raises(InvalidInput, match="name another"):
            Lsa.load(tmp_path / name)


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(MissingDependency, match="scikit-learn"):
        Lsa.fit(TOLD)
