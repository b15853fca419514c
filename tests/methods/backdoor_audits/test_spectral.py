"""Spectral signatures are of each family by itself."""

import torch

from consilience.methods.backdoor_audits.spectral import outlying


def test_what_differs_most_stands_out_in_its_own_family() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(40, 5, generator=generator)
    rows[20:] += 100  # another family, all of it far away
    rows[3, 2] += 12
    rows[33, 1] -= 12
    found = outlying(rows, ["web"] * 20 + ["shop"] * 20)
    assert set(found.argsort()[-2:].tolist()) == {3, 33}


def test_rows_that_are_all_alike_do_not_stand_out() -> None:
    assert not outlying(torch.ones(4, 3), ["web"] * 4).any()
