"""The algebra of masks, and the one predicate behind every form."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.masks import Causal, Diagonal, Global, Ring, Window


def test_operators_are_those_of_boolean_arrays() -> None:
    left, right = Causal(), Window(2)
    assert ((left & right).array(7) == (left.array(7) & right.array(7))).all()
    assert ((left | right).array(7) == (left.array(7) | right.array(7))).all()
    assert ((~left).array(7) == ~left.array(7)).all()


def test_a_complement_of_plain_numbers_is_a_plain_no() -> None:
    assert (~Causal()).allows(2, 1, 4) is False
    assert (~Causal()).allows(1, 2, 4) is True


def test_a_mask_is_combined_with_masks_only() -> None:
    with pytest.raises(TypeError):
        Causal() & 3
    with pytest.raises(TypeError):
        Causal() | "window(2)"


@pytest.mark.parametrize(
    "mask",
    [
        Causal() & (Window(2) & Global(1)),
        (Causal() | Window(2)) & ~(Global(1) & Ring()),
        ~~Causal(),
        ~(Causal() | Diagonal()) | Window(2, 0),
        Causal() | (Window(1) | Global(2)),
    ],
    ids=str,
)
def test_what_is_written_is_read_back(mask) -> None:
    assert parse_mask(str(mask)) == mask


@pytest.mark.parametrize("tokens", [0, -1, True])
def test_a_sequence_has_a_whole_number_of_tokens(tokens) -> None:
    with pytest.raises(InvalidInput, match="tokens"):
        Causal().array(tokens)


def test_mask_mod_is_the_array_entry_by_entry() -> None:
    mask = Ring(2) & ~Diagonal() | Window(1, 0)
    allows = mask.mask_mod(6)
    entries = np.array([[allows(0, 0, query, key) for key in range(6)] for query in range(6)])
    assert (entries == mask.array(6)).all()
