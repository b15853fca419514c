"""Orders in which tokens are hidden."""

import numpy as np
import pytest

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.pretraining_objectives.patterns import (
    MixturePattern,
    RandomPattern,
    SuffixPattern,
    as_pattern,
)

NOISE = np.random.default_rng(0).random((6, 5))
RNG = np.random.default_rng(1)


def test_a_random_order_is_the_noise_and_a_suffix_goes_from_the_end() -> None:
    assert (RandomPattern().order(NOISE, RNG) == NOISE).all()
    assert SuffixPattern().order(NOISE, RNG)[0].argsort().tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(("share", "pattern"), [(0.0, RandomPattern()), (1.0, SuffixPattern())])
def test_a_mixture_of_one_kind_is_that_kind(share, pattern) -> None:
    assert (MixturePattern(share).order(NOISE, RNG) == pattern.order(NOISE, RNG)).all()


def test_patterns_are_read_by_name() -> None:
    assert as_pattern("suffix") == as_pattern(SuffixPattern()) == SuffixPattern()
    assert as_pattern("random") == RandomPattern()
    with pytest.raises(UnknownName, match="did you mean 'suffix'"):
        as_pattern("sufix")
    with pytest.raises(InvalidInput, match="between 0 and 1; got 2"):
        as_pattern("mixture", 2)
