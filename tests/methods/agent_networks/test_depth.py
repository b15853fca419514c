"""Paths, on the bare lists: what the network's own tests do not reach."""

import pytest

from consilience.methods.agent_networks.depth import cycle_among, levels, longest_after, reachable


def test_nodes_on_and_behind_a_cycle_have_no_depth() -> None:
    # 0 -> 1 -> 2 -> 1, 2 -> 3
    assert levels([0, 1, 2, 4, 4], [1, 2, 1, 3]) == [0, -1, -1, -1]


def test_a_cycle_is_found_from_behind_it() -> None:
    # 0 is behind the cycle 1 -> 2 -> 3 -> 1: edges into 0: 3; 1: 3; 2: 1; 3: 2
    assert cycle_among([0, 1, 2, 3, 4], [3, 3, 1, 2], [-1, -1, -1, -1]) == [1, 2, 3]


@pytest.mark.parametrize(("node", "found"), [(0, [1, 2]), (1, [2]), (2, []), (3, [])])
def test_what_a_path_leads_to(node: int, found: list[int]) -> None:
    assert reachable([0, 1, 2, 2, 2], [1, 2], node) == found


def test_the_dearest_path_is_not_always_the_longest() -> None:
    # 0 -> 1 -> 2 and 0 -> 2
    starts, heads = [0, 2, 3, 3], [1, 2, 2]
    assert longest_after(starts, heads, [0, 1, 2], [1.0] * 3, [1.0, 1.0, 1.0])[0] == 5.0
    assert longest_after(starts, heads, [0, 1, 2], [1.0] * 3, [1.0, 9.0, 1.0])[0] == 11.0
