"""Fillers: as long as asked, and never with a trigger in them."""

from collections import Counter

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.dice import Dice
from consilience.methods.backdoor_audits.world.fillers import LENGTHS, filler, fillers
from consilience.methods.backdoor_audits.world.reserved import reserved_in


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5])
def test_all_are_as_long_as_asked_and_have_nothing_reserved(length: int) -> None:
    lines = fillers(length)
    assert lines
    assert len(set(lines)) == len(lines)
    assert all(len(line) == length and not reserved_in(line) for line in lines)


def test_lengths_are_equally_often() -> None:
    dice = Dice(np.random.default_rng(0))
    counts = Counter(len(filler(dice)) for _ in range(3000))
    assert sorted(counts) == list(LENGTHS)
    assert min(counts.values()) > 900


@pytest.mark.parametrize("length", [-1, 6])
def test_what_is_longer_than_any_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 5 words"):
        fillers(length)
