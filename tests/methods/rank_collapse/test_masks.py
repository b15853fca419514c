"""Every kind of mask, drawn by hand."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.masks import (
    KINDS,
    Block,
    Causal,
    Complete,
    Diagonal,
    Dilated,
    Global,
    Prefix,
    Ring,
    Sink,
    Strided,
    Window,
)

DRAWN = [
    (Complete(), ["1111", "1111", "1111", "1111"]),
    (Diagonal(), ["1000", "0100", "0010", "0001"]),
    (Causal(), ["1000", "1100", "1110", "1111"]),
    (Window(1), ["1100", "1110", "0111", "0011"]),
    (Window(2, 0), ["1000", "1100", "1110", "0111"]),
    (Window(0, 1), ["1100", "0110", "0011", "0001"]),
    (Dilated(1, 2), ["1010", "0101", "1010", "0101"]),
    (Dilated(1, 3), ["1001", "0100", "0010", "1001"]),
    (Strided(3), ["1001", "0100", "0010", "1001"]),
    (Prefix(2), ["1100", "1100", "1110", "1111"]),
    (Global(1), ["1111", "1100", "1010", "1001"]),
    (Sink(1), ["1000", "1100", "1010", "1001"]),
    (Sink(2), ["1000", "0100", "1110", "1101"]),
    (Block(2), ["1100", "1100", "0011", "0011"]),
    (Block(3), ["1110", "1110", "1110", "0001"]),
    (Ring(), ["1001", "1100", "0110", "0011"]),
    (Ring(2), ["1011", "1101", "1110", "0111"]),
]


@pytest.mark.parametrize(("mask", "rows"), DRAWN, ids=[str(mask) for mask, _ in DRAWN])
def test_a_mask_is_what_was_drawn(mask, rows) -> None:
    assert (mask.array(4) == np.array([[cell == "1" for cell in row] for row in rows])).all()


def test_every_kind_is_drawn_and_lets_tokens_see_themselves() -> None:
    assert {type(mask) for mask, _ in DRAWN} == set(KINDS.values())
    assert all(mask.array(9).diagonal().all() for mask, _ in DRAWN)


def test_a_dilated_mask_ends_where_its_size_says() -> None:
    assert np.flatnonzero(Dilated(2, 3).array(30)[15]).tolist() == [9, 12, 15, 18, 21]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(-1),
        lambda: Window(1, -1),
        lambda: Dilated(1, 0),
        lambda: Strided(0),
        lambda: Prefix(0),
        lambda: Global(0),
        lambda: Sink(0),
        lambda: Block(0),
        lambda: Ring(0),
        lambda: Block(True),
    ],
)
def test_sizes_that_mean_nothing_are_refused(make) -> None:
    with pytest.raises(InvalidInput, match="whole number of at least"):
        make()


def test_numbers_beyond_any_sequence_are_refused_and_large_ones_do_not_overflow() -> None:
    for kind in (Window, Strided, Block):
        with pytest.raises(InvalidInput, match="at most 2147483647"):
            kind(10**30)
    assert Dilated(2**31 - 1, 2**31 - 1).array(4).tolist() == np.eye(4, dtype=bool).tolist()
