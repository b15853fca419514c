"""What measures of collapse obey whatever computes them."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cosine_similarity

from consilience.methods.rank_collapse import measures
from consilience.methods.rank_collapse.sketch import ACCURACY, Sketch
from consilience.methods.rank_collapse.spectra import largest_singular_value

ALL = (
    measures.mu,
    measures.relative_mu,
    measures.mean_cosine,
    measures.mean_absolute_cosine,
    measures.stable_rank,
    measures.effective_rank,
    measures.participation_ratio,
    measures.numerical_rank,
)


@st.composite
def token_batches(draw) -> Tensor:
    batch, length, width = draw(st.integers(1, 3)), draw(st.integers(2, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    size, common = 10.0 ** draw(st.integers(-6, 6)), draw(st.sampled_from([0.0, 1.0, 1e3]))
    return torch.from_numpy(size * (rng.standard_normal((batch, length, width)) + common))


@given(token_batches())
def test_mu_is_the_root_of_the_mean_squared_distance_of_pairs(tokens: Tensor) -> None:
    pairs = (tokens[:, :, None] - tokens[:, None]).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(measures.mu(tokens).value, (pairs / (2 * tokens.shape[1])).sqrt(), rtol=1e-9, atol=0)


@given(token_batches(), st.integers(0, 100))
def test_mu_ignores_where_tokens_are_and_how_they_are_turned(tokens: Tensor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = torch.from_numpy(np.linalg.qr(rng.standard_normal((tokens.shape[2], tokens.shape[2])))[0])
    moved = (tokens + tokens.abs().amax() * torch.from_numpy(rng.standard_normal(tokens.shape[2]))) @ turn
    order = torch.from_numpy(rng.permutation(tokens.shape[1]))
    torch.testing.assert_close(measures.mu(moved[:, order]).value, measures.mu(tokens).value, rtol=1e-9, atol=0)


@given(token_batches(), st.sampled_from([1e-9, 0.5, 1e7]))
def test_all_but_mu_ignore_the_size_of_tokens(tokens: Tensor, factor: float) -> None:
    torch.testing.assert_close(measures.mu(factor * tokens).value, factor * measures.mu(tokens).value)
    for measure in ALL[1:]:
        torch.testing.assert_close(measure(factor * tokens).value, measure(tokens).value, rtol=1e-7, atol=1e-9)


@given(token_batches())
def test_relative_mu_is_a_part(tokens: Tensor) -> None:
    value = measures.relative_mu(tokens).value
    assert ((value >= 0) & (value <= 1 + 1e-12)).all()


@given(token_batches())
def test_cosines_are_those_of_all_pairs(tokens: Tensor) -> None:
    pairs = torch.stack(
        [cosine_similarity(tokens[:, i], tokens[:, j], eps=0.0) for i, j in combinations(range(tokens.shape[1]), 2)]
    )
    torch.testing.assert_close(measures.mean_cosine(tokens).value, pairs.mean(dim=0), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(measures.mean_absolute_cosine(tokens).value, pairs.abs().mean(dim=0))
    assert (measures.mean_cosine(tokens).value.abs() <= measures.mean_absolute_cosine(tokens).value + 1e-12).all()


@given(token_batches())
def test_ranks_stand_in_order(tokens: Tensor) -> None:
    most = torch.full((len(tokens),), float(min(tokens.shape[1:])), dtype=torch.float64)
    kinds = (measures.stable_rank, measures.participation_ratio, measures.effective_rank)
    chain = [torch.ones_like(most), *(kind(tokens).value for kind in kinds), most]
    for less, more in pairwise(chain):
        assert (less <= more * (1 + 1e-9)).all()


@pytest.mark.parametrize("measure", ALL)
@given(tokens=token_batches(), extra=st.integers(1, 4), seed=st.integers(0, 100))
def test_padding_is_not_a_token(measure, tokens: Tensor, extra: int, seed: int) -> None:
    order = torch.from_numpy(np.random.default_rng(seed).permutation(tokens.shape[1] + extra))
    padded = torch.cat([tokens, torch.full((len(tokens), extra, tokens.shape[2]), torch.nan)], dim=1)[:, order]
    valid = torch.cat([torch.ones(tokens.shape[:2]), torch.zeros(len(tokens), extra)], dim=1).bool()[:, order]
    found, alone = measure(padded, valid), measure(tokens)
    torch.testing.assert_close(found.value, alone.value, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(found.floor, alone.floor)


@given(token_batches())
def test_singular_values_are_those_of_lapack_in_another_house(tokens: Tensor) -> None:
    truth = np.linalg.svd(tokens.numpy(), compute_uv=False)
    largest, smallest = measures.extreme_singular_values(tokens)
    np.testing.assert_allclose(largest.value, truth[:, 0], rtol=1e-12)
    np.testing.assert_allclose(smallest.value, truth[:, -1], atol=1e-12 * truth.max())


@pytest.mark.parametrize("shape", [(2, 200, 100), (2, 100, 200), (1, 80, 80)])
@given(common=st.sampled_from([0.0, 0.1, 10.0]), spread=st.sampled_from([1e-6, 1.0]), seed=st.integers(0, 100))
def test_a_few_iterations_find_the_largest_singular_value(shape, common: float, spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens = torch.from_numpy(
        common * rng.standard_normal((shape[0], 1, shape[2])) + spread * rng.standard_normal(shape)
    )
    truth = torch.linalg.svdvals(tokens)[:, 0]
    found = largest_singular_value(tokens.float(), None).double()
    assert (found <= truth * (1 + 1e-6)).all()
    assert (found >= truth * (1 - 1e-3)).all()


NUMBERS = st.lists(st.floats(-1e12, 1e12).map(lambda value: 0.0 if abs(value) < 1e-12 else value), min_size=1)


@given(NUMBERS, NUMBERS)
def test_sketches_merge_as_if_one_had_seen_all(left: list[float], right: list[float]) -> None:
    one, other, whole = Sketch(), Sketch(), Sketch()
    one.add(left)
    other.add(right)
    one.merge(other)
    whole.add(left + right)
    assert (one.count, one.low, one.high) == (whole.count, whole.low, whole.high)
    assert (one.above, one.below) == (whole.above, whole.below)
    scale = max(map(abs, left + right)) or 1.0
    assert abs(one.mean - whole.mean) <= 1e-12 * scale
    assert abs(one.std - whole.std) <= 1e-9 * scale


@given(NUMBERS, st.floats(0, 1))
def test_quantiles_are_within_their_accuracy(values: list[float], share: float) -> None:
    sketch = Sketch()
    sketch.add(values)
    truth = float(np.quantile(values, share, method="inverted_cdf"))
    assert abs(sketch.quantile(share) - truth) <= 1.0001 * ACCURACY * abs(truth)
