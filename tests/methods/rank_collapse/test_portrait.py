"""Pictures of masks, and what is said under them."""

import numpy as np
import pytest

from consilience.methods.rank_collapse.mask_facts import facts
from consilience.methods.rank_collapse.masks import Block, Causal, Window
from consilience.methods.rank_collapse.portrait import draw_mask, in_words


def test_the_picture_is_the_mask() -> None:
    mask = Causal() & Window(2)
    canvas = draw_mask(mask.array(12), facts(mask, 12))
    image = canvas.axes[0].images[0].get_array()
    assert (np.asarray(image).astype(bool) == mask.array(12)).all()
    assert canvas.axes[0].get_title() == "causal & window(2)"


def test_facts_are_said_in_lines() -> None:
    assert in_words(facts(Causal(), 32)) == [
        "51.6 % of pairs allowed",
        "radius 1; 1 centre of 32 tokens",
        "uniform attention: rate 0.5 a layer",
        "14 layers to relative mu 0.001",
    ]


def test_what_never_agrees_says_why() -> None:
    assert "4 groups hear only of themselves" in in_words(facts(Block(4), 16))[1]


def test_too_many_tokens_leave_rates_out(monkeypatch) -> None:
    monkeypatch.setattr("consilience.methods.rank_collapse.mask_facts.EXACT_UP_TO", 3)
    assert in_words(facts(Causal(), 4))[2] == "rates are computed up to 3 tokens"


@pytest.mark.parametrize("tokens", [1, 2])
def test_short_sequences_can_be_drawn(tokens) -> None:
    assert draw_mask(Causal().array(tokens), facts(Causal(), tokens)).axes
