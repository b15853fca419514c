"""Masks are graphs: what is said of them is what brute force finds, for every small graph and every named mask."""

from itertools import product

import numpy as np
import pytest

from consilience.methods.rank_collapse.averaging import layers_to_collapse, second_modulus, uniform_attention, white_mu
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.mask_facts import facts
from consilience.methods.rank_collapse.mask_formats import padded
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.masks import KINDS, Causal, Complete, Prefix, Ring, Sink, Window

NODES = 4


def every_mask(looped: bool) -> list[np.ndarray]:
    """All masks of four tokens: with every self-loop, or a spread of those without some, none with an empty row."""
    off = ~np.eye(NODES, dtype=bool)
    if looped:
        masks = []
        for edges in product((False, True), repeat=12):
            mask = np.eye(NODES, dtype=bool)
            mask[off] = edges
            masks.append(mask)
        return masks
    codes = range(0, 2**16, 37)
    masks = [np.array([bool(code >> bit & 1) for bit in range(16)]).reshape(NODES, NODES) for code in codes]
    return [mask for mask in masks if mask.any(axis=1).all()]


def news(mask: np.ndarray, start: int, *, waiting: bool) -> list[set[int]]:
    """Who holds the news of one token after 0, 1, ... layers; `waiting` lets a holder keep it."""
    held = [{start}]
    for _ in range(NODES**2 + 1):
        last = held[-1]
        spread = {i for i in range(NODES) for j in last if mask[i, j]}
        held.append(spread | last if waiting else spread)
    return held


def first_complete(held: list[set[int]]) -> int | None:
    return next((layers for layers, who in enumerate(held) if len(who) == NODES), None)


@pytest.mark.parametrize("looped", [True, False])
def test_centres_radius_depth_and_connectivity_are_those_of_brute_force(looped) -> None:
    for mask in every_mask(looped):
        found = connectivity(mask)
        reach = [first_complete(news(mask, token, waiting=True)) for token in range(NODES)]
        exact = [first_complete(news(mask, token, waiting=False)) for token in range(NODES)]
        centres = tuple(token for token in range(NODES) if reach[token] is not None)
        assert found.centres == centres
        assert found.radius == min((layers for layers in reach if layers is not None), default=None)
        assert found.depth == min((layers for layers in exact if layers is not None), default=None)
        assert found.quasi_strong == bool(centres)
        assert found.strong == (len(centres) == NODES)
        if looped:
            assert found.depth == found.radius


@pytest.mark.parametrize("looped", [True, False])
def test_tokens_collapse_if_and_only_if_the_second_eigenvalue_is_below_one(looped) -> None:
    for mask in every_mask(looped)[::7]:
        found = connectivity(mask)
        rate = second_modulus(mask)
        assert found.collapses == (rate < 1)
        assert bool(found.reason) == (rate == 1)
        if not found.quasi_strong:
            first, second = found.sources[:2]
            X = np.zeros((NODES, 1))
            X[list(first)], X[list(second)] = 1.0, -1.0
            after = np.linalg.matrix_power(uniform_attention(mask), 500) @ X
            assert after[list(first)] == pytest.approx(1)
            assert after[list(second)] == pytest.approx(-1)


def test_the_crossing_that_bisection_finds_is_the_first() -> None:
    for mask in every_mask(looped=True)[::29]:
        layers = layers_to_collapse(mask)
        if layers is not None:
            course = white_mu(mask, layers)
            assert (course[:-1] >= 1e-3).all()
            assert course[-1] < 1e-3


@pytest.mark.parametrize("tokens", [2, 3, 9, 32, 61])
def test_radii_of_named_masks_have_closed_forms(tokens) -> None:
    for mask in (Complete(), Causal(), Prefix(1), Sink(1)):
        assert facts(mask, tokens).connectivity.radius == 1
    for width in (1, 2, 4, 8):
        assert facts(Window(width, 0), tokens).connectivity.radius == -(-(tokens - 1) // width)
        assert facts(Window(width), tokens).connectivity.radius == -(-(tokens // 2) // width)
        assert facts(Ring(width), tokens).connectivity.radius == -(-(tokens - 1) // min(width, tokens - 1))
    assert facts(Ring(), tokens).connectivity.strong


@pytest.mark.parametrize("text", ["causal", "window(3)", "ring(2)", "~block(4)", "sink(2)", "window(1, 0)", "block(8)"])
def test_facts_follow_tokens_that_are_renamed(text) -> None:
    mask = parse_mask(text).array(16)
    order = np.random.default_rng(0).permutation(16)
    here, there = facts(mask), facts(mask[np.ix_(order, order)])
    assert there.connectivity.radius == here.connectivity.radius
    assert there.connectivity.depth == here.connectivity.depth
    assert there.layers == here.layers
    assert there.rate == pytest.approx(here.rate, abs=1e-9)
    assert sorted(order[list(there.connectivity.centres)]) == list(here.connectivity.centres)


ONE_OF_EACH = (
    "block(2)", "causal", "complete", "diagonal", "dilated(2, 2)", "global(2)", "prefix(2)", "ring(2)", "sink(2)",
    "strided(3)", "window(2, 1)",
)  # fmt: skip


def test_there_is_one_of_each_kind() -> None:
    assert {text.partition("(")[0] for text in ONE_OF_EACH} == set(KINDS)


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("text", [*ONE_OF_EACH, "causal & (window(1) | global(1))", "~block(3) | diagonal"])
def test_padding_changes_nothing_among_tokens(text, side) -> None:
    mask, place, counts = parse_mask(text), np.arange(9), np.array([9, 5, 5, 1, 0, 8])
    begins = {"left": 9 - counts, "right": 0 * counts, "both": (9 - counts) // 2}[side]
    valid = (place >= begins[:, None]) & (place < (begins + counts)[:, None])
    for seen, here, count in zip(padded(mask, valid), valid, counts.tolist(), strict=True):
        if count:
            assert (seen[np.ix_(here, here)] == mask.array(count)).all()
        assert not seen[np.ix_(here, ~here)].any()
        assert (seen[~here] == np.eye(9, dtype=bool)[~here]).all()
