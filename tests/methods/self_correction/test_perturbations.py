"""Perturbations: as many characters as asked, the same for the same seed, and others for another copy."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.self_correction.perturbations import perturbed

TEXT = "Give me the blue recipe for a wumple from Hix 3."


@given(text=some.text(min_size=1, max_size=60), share=some.floats(0.01, 1), copy=some.integers(0, 5))
def test_swaps_change_exactly_their_share(text: str, share: float, copy: int) -> None:
    changed = perturbed(text, "swap", share, seed=0, copy=copy)
    count = sum(one != other for one, other in zip(text, changed, strict=True))
    assert count == min(len(text), max(1, round(share * len(text))))


def test_a_patch_is_one_stretch_and_an_insertion_only_adds() -> None:
    patched = perturbed(TEXT, "patch", 0.2, seed=1, copy=0)
    places = [place for place, (one, other) in enumerate(zip(TEXT, patched, strict=True)) if one != other]
    assert max(places) - min(places) < round(0.2 * len(TEXT))
    longer = perturbed(TEXT, "insert", 0.2, seed=1, copy=0)
    assert len(longer) == len(TEXT) + round(0.2 * len(TEXT))
    rest = iter(longer)
    assert all(character in rest for character in TEXT)  # as a subsequence


@pytest.mark.parametrize("how", ["swap", "patch", "insert"])
def test_the_same_copy_is_changed_alike_and_another_otherwise(how: str) -> None:
    first = perturbed(TEXT, how, 0.2, seed=1, copy=0)
    assert first == perturbed(TEXT, how, 0.2, seed=1, copy=0)
    assert len({first, perturbed(TEXT, how, 0.2, seed=1, copy=1), perturbed(TEXT, how, 0.2, seed=2, copy=0)}) == 3


def test_nothing_to_change() -> None:
    assert perturbed("", "swap", 0.5, seed=0, copy=0) == ""
    assert perturbed(TEXT, "patch", 0.0, seed=0, copy=0) == TEXT


@pytest.mark.usefixtures("past_the_types")
def test_bad_input() -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        perturbed(TEXT, "swap", 1.5, seed=0, copy=0)
    with pytest.raises(UnknownName, match="did you mean 'swap'"):
        perturbed(TEXT, "swop", 0.1, seed=0, copy=0)
