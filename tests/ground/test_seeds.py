"""Streams: reproducible, independent by name and by path, and stable across releases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground import InvalidInput, Streams

names = st.text(max_size=8)
seeds = st.integers(0, 2**64)


@given(seeds, names)
def test_same_name_same_numbers(seed: int, name: str) -> None:
    first, second = (Streams(seed).generator(name).integers(0, 2**63, 4) for _ in range(2))
    assert np.array_equal(first, second)
    assert Streams(seed).integer(name) == Streams(seed).integer(name)


@given(seeds, names, names)
def test_other_name_other_numbers(seed: int, one: str, other: str) -> None:
    streams = Streams(seed)
    same = np.array_equal(streams.generator(one).random(4), streams.generator(other).random(4))
    assert same == (one == other)


@given(seeds, names, names)
def test_a_path_is_not_a_joined_name(seed: int, parent: str, name: str) -> None:
    inner = Streams(seed).child(parent).integer(name)
    assert inner not in (Streams(seed).integer(parent + name), Streams(seed).integer(f"{parent}/{name}"))


def test_streams_are_uncorrelated() -> None:
    draws = np.stack([Streams(0).generator(f"stream {i}").standard_normal(4000) for i in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)


def test_the_numbers_behind_published_claims_stay() -> None:
    assert Streams(0).integer("gates") == 1203615200
    assert Streams(2026).child("fold 1").integer("gates") == 1389627166


def test_integers_suit_libraries_with_31_bits() -> None:
    assert all(0 <= Streams(seed).integer("x") < 2**31 for seed in range(200))


def test_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 0; got -1"):
        Streams(-1)


def test_no_global_state_is_touched() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  the global state is what is watched
    Streams(3).generator("x").random(10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
