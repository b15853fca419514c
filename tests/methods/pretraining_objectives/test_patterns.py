"""Orders in which tokens are hidden."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.pretraining_objectives.patterns import (  # noqa: E402
    MixturePattern,
    RandomPattern,
    SuffixPattern,
    as_pattern,
)

NOISE = torch.rand(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_random_order_is_the_noise_and_a_suffix_goes_from_the_end() -> None:
    assert torch.equal(RandomPattern().order(NOISE, None), NOISE)
    assert SuffixPattern().order(NOISE, None)[0].argsort().tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(("share", "pattern"), [(0.0, RandomPattern()), (1.0, SuffixPattern())])
def test_a_mixture_of_one_kind_is_that_kind(share, pattern) -> None:
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(MixturePattern(share).order(NOISE, generator), pattern.order(NOISE, None))


def test_patterns_are_read_by_name() -> None:
    assert as_pattern("suffix") == as_pattern(SuffixPattern()) == SuffixPattern()
    assert as_pattern("random") == RandomPattern()
    with pytest.raises(UnknownName, match="did you mean 'suffix'"):
        as_pattern("sufix")
    with pytest.raises(InvalidInput, match="between 0 and 1; got 2"):
        as_pattern("mixture", 2)
