"""Masks: who sees whom, and what is no mask."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.neural.masks import causal, complete, require_mask  # noqa: E402


def test_causal_and_complete_say_who_sees_whom() -> None:
    assert causal(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert complete(2).tolist() == [[True, True], [True, True]]


def test_masks_are_made_where_they_are_asked_for() -> None:
    assert causal(3, device="meta").device.type == "meta"


@pytest.mark.parametrize("make", [causal, complete])
def test_no_token_is_no_mask(make) -> None:
    with pytest.raises(InvalidInput, match="at least 1; got 0"):
        make(0)


def test_one_mask_or_one_a_sequence_is_taken() -> None:
    require_mask(causal(3), 3)
    require_mask(causal(3).expand(5, 3, 3), 3, batch=5)


@pytest.mark.parametrize(
    "mask",
    [torch.ones(3, 3), causal(4), causal(3)[None].expand(2, 3, 3), causal(3)[0], causal(3)[None, None]],
    ids=["numbers", "another length", "another batch", "a row", "four axes"],
)
def test_a_mask_that_does_not_fit_is_refused(mask) -> None:
    with pytest.raises(InvalidInput, match=r"boolean, of shape \(3, 3\)"):
        require_mask(mask, 3, batch=5)


@pytest.mark.parametrize("of_each", [False, True])
def test_the_token_that_sees_nobody_is_named(of_each) -> None:
    mask = causal(4)
    mask[2] = False
    with pytest.raises(InvalidInput, match="token 2 attends to none"):
        require_mask(torch.stack([causal(4), mask]) if of_each else mask, 4)
