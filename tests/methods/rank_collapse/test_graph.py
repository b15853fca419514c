"""Who hears of whom: graphs small enough to see the answer, and arrays that are no masks."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.mask_language import parse_mask


def found(text: str, tokens: int):
    return connectivity(parse_mask(text).array(tokens))


def test_direction_is_that_of_information() -> None:
    assert found("causal", 5).centres == (0,)
    assert connectivity(parse_mask("causal").array(5).T).centres == (4,)
    assert not found("causal", 5).strong
    assert found("causal", 5).quasi_strong


def test_a_graph_in_two_parts_has_no_centre_and_says_why() -> None:
    graph = found("block(3)", 6)
    assert (graph.centres, graph.radius, graph.depth, graph.collapses) == ((), None, None, False)
    assert graph.sources == ((0, 1, 2), (3, 4, 5))
    assert graph.reason == "no centre: 2 groups hear only of themselves, such as tokens 0 to 2 and 3 to 5"


def test_two_roots_have_no_centre_though_the_graph_is_in_one_piece() -> None:
    allowed = np.eye(5, dtype=bool)
    allowed[2:, :2] = True
    graph = connectivity(allowed)
    assert graph.sources == ((0,), (1,))
    assert "tokens 0 and 1" in graph.reason


def test_without_waiting_the_depth_exceeds_the_radius() -> None:
    graph = found("~diagonal", 4)
    assert (graph.radius, graph.depth) == (1, 2)


def test_tokens_that_take_turns_never_agree() -> None:
    graph = connectivity(np.roll(np.eye(4, dtype=bool), 1, axis=0))
    assert graph.strong
    assert (graph.radius, graph.depth) == (3, None)
    assert "in turns" in graph.reason


def test_turns_are_seen_among_centres_alone() -> None:
    allowed = np.zeros((5, 5), dtype=bool)
    allowed[[0, 1, 2, 3, 4, 4], [1, 0, 0, 2, 3, 4]] = True
    graph = connectivity(allowed)
    assert (graph.centres, graph.radius, graph.depth) == ((0, 1), 3, None)
    allowed[0, 0] = True
    assert connectivity(allowed).depth == 3


@pytest.mark.parametrize("text", ["window(3)", "~block(4)", "ring(2) & ~diagonal", "ring(2)", "ring | global(2)"])
def test_paths_and_powers_find_the_same_radius(text, monkeypatch) -> None:
    radii = set()
    for share in (0.0, 1.0):
        monkeypatch.setattr("consilience.methods.rank_collapse.graph.DENSE", share)
        graph = found(text, 24)
        radii.add((graph.radius, graph.depth))
    assert len(radii) == 1


def test_many_tokens_are_no_trouble() -> None:
    assert found("window(8)", 512).radius == 32
    assert found("window(8) | global(1)", 512).radius == 1
    assert found("~block(8)", 512).depth == 2


def test_a_single_token_is_its_own_centre() -> None:
    graph = found("causal", 1)
    assert (graph.centres, graph.radius, graph.depth) == ((0,), 0, 0)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        (np.ones((2, 3), dtype=bool), r"square.*\(2, 3\)"),
        (np.ones(4, dtype=bool), "square"),
        (np.ones((0, 0), dtype=bool), "at least one token"),
        (np.tri(4, k=-1, dtype=bool), "1 of 4, such as token 0: add"),
    ],
)
def test_what_is_no_mask_is_refused(allowed, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        connectivity(allowed)
