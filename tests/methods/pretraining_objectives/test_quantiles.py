"""Uniform numbers of a batch."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.quantiles import spread  # noqa: E402


def test_one_number_lies_in_each_part_only_if_stratified() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = (64 * spread(64, generator)).long()
    assert parts.sort().values.tolist() == list(range(64))
    assert parts.tolist() != list(range(64))
    independent = (64 * spread(64, generator, stratified=False)).long()
    assert len(set(independent.tolist())) < 64


def test_numbers_depend_on_the_generator_alone() -> None:
    one, same = (spread(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, same)
