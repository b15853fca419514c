"""Joint distributions from counts and from documents."""

import numpy as np
import pytest
from scipy import sparse

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.joint import Joint, cooccurrence


def test_margins_and_normalisation() -> None:
    joint = Joint.of([[2, 0, 1], [0, 0, 1]])
    assert joint.shape == (2, 3)
    assert joint.contexts == pytest.approx([0.75, 0.25])
    assert joint.targets == pytest.approx([0.5, 0.0, 0.5])
    expected = joint.dense()[0, 0] / np.sqrt(0.75 * 0.5)
    assert joint.normalised.toarray()[0, 0] == pytest.approx(expected)
    assert joint.normalised.toarray()[:, 1].tolist() == [0, 0]


def test_dense_and_sparse_counts_are_the_same() -> None:
    counts = np.array([[1.0, 2.0], [0.0, 3.0]])
    assert Joint.of(sparse.coo_array(counts)).dense() == pytest.approx(Joint.of(counts).dense())


@pytest.mark.parametrize("counts", [[[0, 0]], [[1, -1]], [[np.nan, 1]], [1.0, 2.0]])
def test_what_is_no_matrix_of_counts_is_refused(counts: object) -> None:
    with pytest.raises(InvalidInput, match="counts must be a matrix"):
        Joint.of(counts)


def test_samples_are_frequencies_that_tend_to_the_distribution() -> None:
    joint = Joint.of([[1, 2], [3, 4]])
    few, many = (joint.sample(pairs, np.random.default_rng(0)) for pairs in (10, 10**6))
    assert (few.dense() * 10).round(9).tolist() == (few.dense() * 10).round().tolist()
    assert many.dense() == pytest.approx(joint.dense(), abs=2e-3)
    with pytest.raises(InvalidInput, match="`pairs`"):
        joint.sample(0, np.random.default_rng(0))


def test_documents_are_counted_under_an_objective() -> None:
    joint = cooccurrence([np.array([0, 1, 1]), np.array([1, 0])], "around:1", size=3)
    assert (joint.dense() * 6).round(9).tolist() == [[0, 2, 0], [2, 2, 0], [0, 0, 0]]


def test_an_empty_corpus_short_documents_and_strange_tokens_are_refused() -> None:
    for empty in ([], [np.array([], dtype=np.int64)]):
        with pytest.raises(InvalidInput, match="empty corpus"):
            cooccurrence(empty, "ahead:1", size=3)
    with pytest.raises(InvalidInput, match="every document is too short"):
        cooccurrence([np.array([0]), np.array([1])], "ahead:1", size=3)
    with pytest.raises(InvalidInput, match="between 0 and 2"):
        cooccurrence([np.array([0, 3])], "ahead:1", size=3)
