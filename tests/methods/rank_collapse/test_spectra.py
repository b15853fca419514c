"""Singular values and cosines; that they are right is a law."""

import torch

from consilience.methods.rank_collapse import spectra as module
from consilience.methods.rank_collapse.spectra import absolute_cosines, largest_singular_value, singular_values


def tokens_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_small_singular_values_do_not_come_from_the_gram_matrix() -> None:
    left, right = (torch.linalg.qr(tokens_of(8, 8).double() + place)[0] for place in (0, 1))
    X = left @ torch.diag(torch.logspace(0, -12, 8, dtype=torch.float64)) @ right
    assert abs(float(singular_values(X[None], None, torch.float64)[0, -1]) / 1e-12 - 1) < 1e-3


def test_one_bad_sequence_does_not_spoil_the_others() -> None:
    tokens = tokens_of(3, 6, 4)
    tokens[1, 0, 0] = torch.nan
    found = singular_values(tokens, None, torch.float64)
    assert found.isnan().all(dim=1).tolist() == [False, True, False]
    torch.testing.assert_close(found[2], torch.linalg.svdvals(tokens[2].double()))


def test_sampling_is_not_random() -> None:
    tokens = tokens_of(2, 100, 90)
    torch.manual_seed(3)
    first = largest_singular_value(tokens, None)
    assert torch.equal(first, largest_singular_value(tokens, None))
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(3)))


def test_padding_takes_no_part_in_sampling() -> None:
    tokens, valid = tokens_of(1, 150, 100), torch.arange(150)[None] < 90
    truth = torch.linalg.svdvals(tokens[0, :90])[0]
    tokens[0, 90:] = torch.nan
    torch.testing.assert_close(largest_singular_value(tokens, valid)[0], truth, rtol=1e-3, atol=0)


def test_few_features_take_no_iterations() -> None:
    tokens = tokens_of(2, 300, 64)
    torch.testing.assert_close(largest_singular_value(tokens, None), torch.linalg.svdvals(tokens)[:, 0])


def test_half_precision_is_widened() -> None:
    tokens = tokens_of(1, 80, 80).bfloat16()
    truth = torch.linalg.svdvals(tokens.double())[:, 0]
    torch.testing.assert_close(largest_singular_value(tokens, None).double(), truth, rtol=1e-3, atol=0)


def test_blocks_of_sequences_give_the_same_cosines(monkeypatch) -> None:
    tokens, valid = tokens_of(5, 9, 7), torch.rand(5, 9, generator=torch.Generator().manual_seed(1)) < 0.8
    whole = absolute_cosines(tokens, valid)
    monkeypatch.setattr(module, "BLOCK_SIZE", 1)
    torch.testing.assert_close(absolute_cosines(tokens, valid), whole)
