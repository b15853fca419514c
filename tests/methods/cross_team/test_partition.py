import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.merging import merge_calls, merge_levels
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.partition import groups, packed, too_long

SIZES = st.lists(st.integers(1, 2000), min_size=1, max_size=40)


def members_of(parts):
    return sorted(number for members in parts for number in members)


@given(st.integers(1, 200), st.integers(2, 9), st.integers(0, 2**32))
def test_every_candidate_is_in_exactly_one_group_and_no_group_is_larger_than_it_may_be(count, group, seed):
    parts = groups(count, group, np.random.default_rng(seed))
    assert members_of(parts) == list(range(count))
    assert sorted(map(len, parts), reverse=True)[:-1] == [group] * (len(parts) - 1)
    assert 1 <= min(map(len, parts)) <= max(map(len, parts)) <= group
    assert parts == tuple(sorted(tuple(sorted(members)) for members in parts))


@given(st.integers(1, 100), st.integers(2, 6), st.integers(0, 2**32))
def test_level_by_level_there_are_exactly_as_many_merges_as_the_formula_says(count, group, seed):
    chance, calls, levels, left = np.random.default_rng(seed), 0, 0, count
    while left > 1:
        parts = groups(left, group, chance)
        calls += sum(len(members) > 1 for members in parts)
        levels, left = levels + 1, len(parts)
    assert calls == merge_calls(count, group)
    assert levels == merge_levels(count, group)


def test_groups_belong_to_the_seed_and_are_drawn():
    one, again, other = (groups(16, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again != other
    partners = {
        next(members for members in groups(4, 2, np.random.default_rng(seed)) if 0 in members) for seed in range(40)
    }
    assert partners == {(0, 1), (0, 2), (0, 3)}


@given(SIZES, st.integers(2, 6), st.integers(1, 9000))
def test_packed_groups_hold_everybody_once_and_stay_within_the_budget_where_there_is_company(sizes, group, budget):
    parts = packed(sizes, group, budget)
    assert members_of(parts) == list(range(len(sizes)))
    for members in parts:
        own = [sizes[number] for number in members]
        assert len(members) <= group
        assert len(members) == 1 or sum(own) + 3 * max(own) <= budget


@given(SIZES, st.integers(2, 6))
def test_a_budget_that_is_large_enough_gives_the_fewest_groups(sizes, group):
    assert len(packed(sizes, group, 10**9)) == -(-len(sizes) // group)


@given(SIZES, st.integers(2, 6), st.integers(1, 9000))
def test_no_two_that_are_alone_could_have_been_together(sizes, group, budget):
    alone = [sizes[members[0]] for members in packed(sizes, group, budget) if len(members) == 1]
    assert all(too_long([one, other], budget) for at, one in enumerate(alone) for other in alone[:at])


def test_one_too_long_for_company_is_alone():
    assert packed([10, 5000, 10, 10], 4, 1000) == ((0, 2, 3), (1,))


def test_the_limit_itself_is_not_too_long():
    assert not too_long([100, 300], 1300)
    assert too_long([100, 300], 1299)
    assert not too_long([10**9], None)


@pytest.mark.parametrize(("count", "group"), [(0, 2), (3, 1)])
def test_bad_sizes_are_refused(count, group):
    with pytest.raises(InvalidInput, match="got"):
        groups(count, group, np.random.default_rng(0))
    with pytest.raises(InvalidInput, match="got"):
        packed([1] * count, group, 10)
