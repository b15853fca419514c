"""Sums over tokens, in blocks."""

import pytest
import torch

from consilience.methods.rank_collapse import moments as module
from consilience.methods.rank_collapse.moments import moments, widest


def tokens_of(batch: int, length: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, length, width, generator=torch.Generator().manual_seed(seed)) + 0.3


@pytest.mark.parametrize("size", [1, 7, 12, 40, 150, 10_000])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_blocks_of_any_size_give_the_same_sums(monkeypatch, size: int, padded: bool, precision: torch.dtype) -> None:
    tokens = tokens_of(5, 11, 6)
    valid = torch.rand(5, 11, generator=torch.Generator().manual_seed(1)) < 0.7 if padded else None
    whole = moments(tokens, valid, precision)
    monkeypatch.setattr(module, "BLOCK_SIZE", size)
    cut = moments(tokens, valid, precision)
    for name, value in vars(whole).items():
        torch.testing.assert_close(getattr(cut, name), value, rtol=1e-6, atol=0, msg=name)


def test_single_precision_is_enough_for_tokens_of_single_precision() -> None:
    tokens = tokens_of(3, 400, 300)
    fast, exact = moments(tokens, None, torch.float32), moments(tokens, None, torch.float64)
    for name in ("norm", "mu", "resultant"):
        assert getattr(fast, name).dtype == torch.float64
        torch.testing.assert_close(getattr(fast, name), getattr(exact, name), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_tokens_stay_as_they_are(kind: torch.dtype) -> None:
    tokens = tokens_of(2, 5, 4).to(kind)
    before, valid = tokens.clone(), torch.ones(2, 5, dtype=torch.bool)
    moments(tokens, None, torch.float64)
    moments(tokens, valid, torch.promote_types(kind, torch.float32))
    assert torch.equal(tokens, before)


def test_zero_tokens_have_no_direction() -> None:
    tokens = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 5.0]]])
    found = moments(tokens, None, torch.float64)
    assert (int(found.directed), int(found.tokens), int(found.features)) == (2, 3, 2)
    assert float(found.resultant) == pytest.approx(2**0.5)


def test_a_sequence_that_is_all_padding_counts_nothing() -> None:
    valid = torch.tensor([[True, True], [False, False]])
    found = moments(torch.ones(2, 2, 3), valid, torch.float64)
    assert found.tokens.tolist() == [2, 0]
    assert found.norm.tolist() == [pytest.approx(6**0.5), 0.0]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_shows(value: float) -> None:
    tokens = tokens_of(2, 4, 3)
    tokens[1, 2, 0] = value
    assert moments(tokens, None, torch.float64).norm.isfinite().tolist() == [True, False]


def test_the_widest_type_is_the_device_s() -> None:
    assert widest(torch.device("cpu")) == torch.float64
    assert widest(torch.device("mps")) == torch.float32
