import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.merging import Gathering, merge_calls, merge_levels
from consilience.ground.errors import InvalidInput


def gathered(pieces, group, chance):
    """Put pieces in a random order, merging ready groups at random moments, by writing members in brackets."""
    gathering = Gathering(len(pieces), group)
    waiting = [(0, at, piece) for at, piece in enumerate(pieces)]
    merges = []
    while waiting:
        level, index, piece = waiting.pop(int(chance.integers(len(waiting))))
        assert not gathering.complete
        ready = gathering.put(level, index, piece)
        if ready is not None:
            merges.append(ready)
            merged = f"({' '.join(member for _, member in ready.members)})"
            waiting.append((ready.level + 1, ready.index, merged))
    assert gathering.complete
    return gathering, merges


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 5), st.integers(0, 2**32))
def test_what_pieces_become_does_not_depend_on_when_they_came(there, group, seed):
    pieces = [str(at) if is_there else None for at, is_there in enumerate(there)]
    first, merges = gathered(pieces, group, np.random.default_rng(seed))
    again, _ = gathered(pieces, group, np.random.default_rng(seed + 1))
    assert first.result == again.result
    present = [piece for piece in pieces if piece is not None]
    assert first.present == len(present)
    assert (first.result or "").replace("(", " ").replace(")", " ").split() == present
    assert all(2 <= len(merge.members) <= group for merge in merges)
    assert len({(merge.level, merge.index) for merge in merges}) == len(merges)


@given(st.integers(1, 300), st.integers(2, 6))
def test_calls_and_levels_are_those_of_a_gathering(count, group):
    _, merges = gathered([str(at) for at in range(count)], group, np.random.default_rng(0))
    assert len(merges) == merge_calls(count, group)
    assert merge_levels(count, group) == max((merge.level + 1 for merge in merges), default=0)


@given(st.integers(1, 500))
def test_pairs_need_one_merge_less_than_pieces(count):
    assert merge_calls(count, 2) == count - 1


def test_nothing_is_held_once_it_was_handed_out():
    gathering = Gathering(4, 2)
    for at in range(4):
        gathering.put(0, at, "piece")
    assert gathering._rows[0] == [None] * 4


@pytest.mark.parametrize(("count", "group"), [(0, 2), (3, 1)])
def test_bad_sizes_are_refused(count, group):
    with pytest.raises(InvalidInput, match="pieces must be 1 or more, merged 2 or more at once"):
        Gathering(count, group)
