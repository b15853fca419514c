"""Reading features by the masks: ragged answers, rows, and places that are not there."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.pooling import Reading, last_position  # noqa: E402

# Two pairs: chosen 0 and 1, rejected 2 and 3; a prompt of one or two tokens, answers of one to three.
ANSWERS = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 1, 0, 0, 0], [0, 0, 1, 1, 0]])
LAST = [2, 4, 1, 3]
ACTIVATIONS = torch.arange(20.0).reshape(4, 5, 1)


def read(**how) -> list[float]:
    return Reading(**how)(ACTIVATIONS, ANSWERS).flatten().tolist()


def test_the_last_token_is_found_in_every_row() -> None:
    assert last_position(ANSWERS).tolist() == LAST


@pytest.mark.parametrize(
    ("rows", "which"), [("chosen", [0, 1]), ("rejected", [2, 3]), ("both", [0, 1, 2, 3]), ("alternate", [0, 2])]
)
def test_rows_are_chosen_first_then_rejected(rows, which) -> None:
    assert read(rows=rows) == [5.0 * row + LAST[row] for row in which]
    assert Reading(rows=rows).count(2) == len(which)


def test_tokens_before_the_last_one() -> None:
    assert read(rows="both", back=1) == [5.0 * row + LAST[row] - 1 for row in range(4)]


def test_rows_without_such_a_token_are_left_out() -> None:
    assert read(rows="both", back=3) == [5.0 + 1, 15.0 + 0]
    none = torch.zeros_like(ANSWERS)
    assert Reading(rows="both")(ACTIVATIONS, none).shape == (0, 1)
    assert Reading(rows="both", pool="mean")(ACTIVATIONS, none).shape == (0, 1)


def test_means_and_tokens_are_those_of_the_answer() -> None:
    assert read(rows="both", pool="mean") == [1.5, 8.0, 11.0, 17.5]
    assert read(rows="chosen", pool="tokens") == [1.0, 2.0, 7.0, 8.0, 9.0]


def test_the_code_of_2024_reads_padding() -> None:
    assert read(rows="alternate", pool="padded_end") == [4.0, 14.0]


def test_virtual_tokens_before_the_prompt_are_passed_over() -> None:
    virtual = torch.cat([torch.full((4, 2, 1), -1.0), ACTIVATIONS], dim=1)
    assert Reading(rows="both")(virtual, ANSWERS).flatten().tolist() == read(rows="both")


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UnknownName, match="choice of rows 'choosen'; did you mean 'chosen'"):
        Reading(rows="choosen")
    with pytest.raises(UnknownName, match="unknown pooling"):
        Reading(pool="first")
    with pytest.raises(InvalidInput, match="at least 0"):
        Reading(back=-1)
    with pytest.raises(InvalidInput, match="got 1 with pooling 'mean'"):
        Reading(pool="mean", back=1)


def test_rows_that_lie_one_after_the_other_are_set_apart() -> None:
    assert Reading(rows="both")(ACTIVATIONS.flatten(0, 1), ANSWERS).flatten().tolist() == read(rows="both")


@pytest.mark.parametrize("shape", [(7, 3), (8, 3), (3, 5, 3), (4, 4, 3), (20,)])
def test_activations_of_some_tokens_only_are_refused(shape) -> None:
    with pytest.raises(InvalidInput, match=r"features of 4 rows of 5 tokens; the module put out \("):
        Reading()(torch.zeros(shape), ANSWERS)
