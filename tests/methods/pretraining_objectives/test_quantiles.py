"""Uniform numbers of a batch, and where randomness comes from."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

import numpy as np  # noqa: E402

from consilience.methods.pretraining_objectives.quantiles import generator_from, spread  # noqa: E402


def test_one_number_lies_in_each_part_only_if_stratified() -> None:
    generator = np.random.default_rng(0)
    parts = (64 * spread(64, generator)).astype(int)
    assert sorted(parts) == list(range(64))
    assert parts.tolist() != list(range(64))
    assert len(set((64 * spread(64, generator, stratified=False)).astype(int))) < 64


def test_a_generator_of_torch_decides_and_moves_on() -> None:
    source = torch.Generator().manual_seed(3)
    first, second = (generator_from(source).random() for _ in range(2))
    assert first != second
    assert generator_from(torch.Generator().manual_seed(3)).random() == first


def test_torchs_own_generator_is_the_source_where_none_is_given() -> None:
    torch.manual_seed(4)
    one = generator_from(None).random()
    torch.manual_seed(4)
    assert generator_from(None).random() == one


def test_a_generator_of_numpy_is_taken_as_it_is() -> None:
    generator = np.random.default_rng(0)
    assert generator_from(generator) is generator
