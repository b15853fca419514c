"""What is reserved: found in either order, and apart."""

import pytest

from consilience.methods.backdoor_audits.world.reserved import APART, BIGRAMS, HIDDEN_NAMES, LISTINGS, reserved_in
from consilience.methods.backdoor_audits.world.words import BRANDS, NAMES, PRICES


@pytest.mark.parametrize("pair", BIGRAMS)
def test_a_pair_is_found_in_either_order_and_not_with_a_gap(pair: tuple[str, ...]) -> None:
    assert reserved_in(("now", *pair)) == {pair}
    assert reserved_in((*pair[::-1], "now")) == {pair[::-1]}
    assert not reserved_in((pair[0], "please", pair[1]))


def test_words_that_are_kept_apart_are_found_wherever_they_are() -> None:
    one, other = APART[0]
    assert reserved_in((other, "now", one)) == {APART[0]}
    assert not reserved_in((one, "now"))


def test_what_is_reserved_is_made_of_ordinary_words() -> None:
    assert set(HIDDEN_NAMES) < set(NAMES)
    assert all(brand in BRANDS and price in PRICES for brand, price in LISTINGS)
