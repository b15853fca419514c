"""All facts of a mask in one record."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.mask_facts import contraction, facts
from consilience.methods.rank_collapse.masks import Block, Causal, Window


def test_facts_of_a_mask_and_of_its_array_agree() -> None:
    of_mask, of_array = facts(Window(3), 20), facts(Window(3).array(20))
    assert of_mask.mask == "window(3)"
    assert of_array.mask == ""
    assert (of_mask.connectivity, of_mask.rate, of_mask.layers) == (
        of_array.connectivity,
        of_array.rate,
        of_array.layers,
    )


def test_counts_are_those_of_the_array() -> None:
    found = facts(Causal(), 8)
    assert (found.tokens, found.allowed, found.most_neighbours, found.self_loops) == (8, 36, 8, True)
    assert found.density == 36 / 64
    assert not facts(~Block(2), 8).self_loops


def test_the_theorem_is_above_the_rate() -> None:
    for mask in (Causal(), Window(2), Window(2, 0), ~Block(2)):
        found = facts(mask, 16)
        assert found.rate < found.uniform_bound < 1


def test_no_centre_is_a_reason_and_no_number() -> None:
    found = facts(Block(4), 8)
    assert (found.rate, found.layers, found.uniform_bound) == (1.0, None, None)
    assert found.reason.startswith("no centre")


def test_beyond_a_size_rates_are_left_out_with_the_reason(monkeypatch) -> None:
    monkeypatch.setattr("consilience.methods.rank_collapse.mask_facts.EXACT_UP_TO", 10)
    found = facts(Window(2), 11)
    assert (found.rate, found.layers, found.connectivity.radius) == (None, None, 3)
    assert found.reason == "rates are computed up to 10 tokens"


def test_a_collapse_too_slow_for_numbers_is_no_missing_centre() -> None:
    left, right = Window(8, 1).array(160), Window(1, 8).array(160)  # two ends, and next to nothing that goes between
    found = facts(np.where(np.arange(160)[:, None] < 80, left, right))
    assert found.connectivity.collapses
    assert (found.rate, found.layers) == (1.0, None)
    assert "so slow" in found.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Causal(),), "give `tokens`"),
        ((np.ones((3, 3)),), "boolean array; got float64"),
        ((np.ones((3, 3), dtype=bool), 4), r"shape \(4, 4\)"),
        ((~Causal(), 4), "token 3"),
    ],
)
def test_what_has_no_facts_is_refused(arguments, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        facts(*arguments)


@pytest.mark.parametrize("tokens", [4, 2000])
def test_thresholds_are_checked_at_every_length(tokens) -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        facts(Causal(), tokens, threshold=5.0)


def test_contraction_is_a_factor_per_layer() -> None:
    assert contraction(0.25, 2) == pytest.approx((1 - 1 / 16) ** 0.5)
    assert 1 - contraction(1e-4, 3) == pytest.approx(1e-12 / 3, rel=1e-3)
    for smallest, depth in ((0.0, 1), (1.5, 1), (0.5, 0)):
        with pytest.raises(InvalidInput):
            contraction(smallest, depth)
