"""Labels ahead."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.offsets import offset_labels  # noqa: E402

TOKENS = torch.arange(1, 6)[None]


def test_padding_is_neither_predicted_nor_predicted_from() -> None:
    labels = offset_labels(TOKENS, 2, real=torch.tensor([[True, True, True, False, False]]))
    assert labels[0].tolist() == [[2, 3], [3, -100], [-100, -100], [-100, -100], [-100, -100]]


def test_rows_padded_on_the_left_are_predicted_from_their_first_token_on() -> None:
    labels = offset_labels(TOKENS, 1, real=torch.tensor([[False, False, True, True, True]]))
    assert labels[0, :, 0].tolist() == [-100, -100, 4, 5, -100]


def test_past_the_end_of_short_rows_there_is_no_target() -> None:
    assert offset_labels(torch.tensor([[7, 8]]), 3).tolist() == [[[8, -100, -100], [-100] * 3]]
    assert offset_labels(torch.tensor([[7]]), 2).tolist() == [[[-100, -100]]]


def test_there_must_be_an_offset() -> None:
    with pytest.raises(InvalidInput, match="must be at least 1; got 0"):
        offset_labels(TOKENS, 0)
