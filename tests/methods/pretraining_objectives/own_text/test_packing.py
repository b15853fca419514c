"""Rows from documents."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.own_text.packing import pack, separate  # noqa: E402

DOCUMENTS = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=3, max_size=6)


@given(DOCUMENTS, st.integers(2, 3))
def test_rows_end_to_end_are_the_documents_closed_by_marks(documents, window) -> None:
    packed = pack(documents, window, end=0)
    expected = [token for document in documents for token in (*document, 0)]
    assert packed.rows.flatten().tolist() + expected[packed.tokens :] == expected
    assert packed.left_over == len(expected) - packed.tokens < window
    owners = [number for number, document in enumerate(documents) for _ in range(len(document) + 1)]
    assert packed.documents.flatten().tolist() == owners[: packed.tokens]


def test_the_last_rows_are_held_out() -> None:
    packed = pack([[1, 2, 3, 4, 5]], 2, end=0)
    trained, kept = packed.split(1)
    assert (trained.rows.tolist(), kept.rows.tolist()) == ([[1, 2], [3, 4]], [[5, 0]])
    assert kept[0]["input_ids"].tolist() == [5, 0]
    assert len(packed.split(0)[1]) == 0


def test_documents_have_a_row_each() -> None:
    rows = separate([[1], [2, 3]], 3, end=0)
    assert [rows[place]["input_ids"] for place in range(len(rows))] == [[1, 0], [2, 3, 0]]
    assert rows.tokens == 5
    assert len(rows.split(1)[0]) == 1


def test_too_little_and_too_long_are_refused() -> None:
    with pytest.raises(InvalidInput, match="3 tokens and a row takes 4"):
        pack([[1, 2]], 4, end=0)
    with pytest.raises(InvalidInput, match=r"document 1 and 1 more is longer than the window \(4 tokens, 3\)"):
        separate([[1], [1, 2, 3], [1, 2, 3]], 3, end=0)
