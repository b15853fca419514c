"""Measures of attention weights."""

import math

import pytest
import torch

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.attention_measures import attention_entropy, smallest_edge

UNIFORM = torch.full((1, 1, 4, 4), 0.25)
CAUSAL = torch.tril(torch.ones(4, 4)) / torch.arange(1, 5)[:, None]


def test_entropy_is_the_logarithm_of_how_many_are_looked_at() -> None:
    weights = torch.stack([UNIFORM[0, 0], torch.eye(4), CAUSAL])[None]
    found = attention_entropy(weights)
    expected = [math.log(4), 0.0, sum(math.log(n) for n in range(1, 5)) / 4]
    torch.testing.assert_close(found.value, torch.tensor([expected], dtype=torch.float64), rtol=1e-6, atol=1e-12)
    assert found.below_floor.tolist() == [[False, True, False]]


def test_queries_that_are_padding_do_not_count() -> None:
    valid = torch.tensor([[True, True, False, False]])
    assert float(attention_entropy(CAUSAL[None, None], valid).value) == pytest.approx(math.log(2) / 2, rel=1e-6)


def test_the_smallest_edge_is_on_the_mask() -> None:
    weights = CAUSAL.clone()
    assert float(smallest_edge(weights[None, None]).value) == 0.25
    weights[3, 0], weights[3, 3] = 0.0, 0.5
    allowed = torch.tril(torch.ones(1, 1, 4, 4)).bool()
    assert float(smallest_edge(weights[None, None], allowed).value) == 0
    assert float(smallest_edge(weights[None, None]).value) == 0.25
    assert bool(smallest_edge(weights[None, None], allowed).below_floor)


@pytest.mark.parametrize("measure", [attention_entropy, smallest_edge])
def test_weights_must_be_finite(measure) -> None:
    with pytest.raises(InvalidInput, match="weights must be finite"):
        measure(torch.full((1, 1, 2, 2), torch.nan))


def test_something_must_be_allowed_and_asked() -> None:
    nothing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    with pytest.raises(InvalidInput, match="a query and a key"):
        smallest_edge(UNIFORM, nothing)
    with pytest.raises(InvalidInput, match="a query and a key"):
        attention_entropy(UNIFORM, nothing[:, 0, 0])
