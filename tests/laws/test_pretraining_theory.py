"""Equations of pretraining objectives: factorisation, bound of a probe, laws of diversity and of lengths."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.pretraining_objectives.bound import probe_bound
from consilience.methods.pretraining_objectives.diversity import ClassJoint, effective_targets, finite_residual
from consilience.methods.pretraining_objectives.factorisation import factorisation_error, spectral_loss
from consilience.methods.pretraining_objectives.joint import Joint
from consilience.methods.pretraining_objectives.lengths import (
    BetaVisible,
    EveryPrefix,
    FixedVisible,
    UniformVisible,
    coverage,
)
from consilience.methods.pretraining_objectives.spectra import spectrum

seeds = st.integers(0, 2**31)
sizes = st.tuples(st.integers(2, 15), st.integers(2, 15))


def _joint(seed: int, shape: tuple[int, int]) -> Joint:
    generator = np.random.default_rng(seed)
    return Joint.of(generator.gamma(0.3, size=shape) + 1e-12)


@given(seeds, sizes, st.integers(1, 6))
def test_the_loss_is_a_factorisation_up_to_the_norm_of_the_matrix(
    seed: int, shape: tuple[int, int], width: int
) -> None:
    joint, generator = _joint(seed, shape), np.random.default_rng(seed + 1)
    f, g = (generator.standard_normal((size, width)) for size in shape)
    error = factorisation_error(joint, f, g)
    norm = (joint.normalised.toarray() ** 2).sum()
    assert spectral_loss(joint, f, g) == pytest.approx(error - norm, rel=1e-10, abs=1e-10)


@given(seeds, sizes)
def test_no_features_lose_less_than_the_singular_vectors(seed: int, shape: tuple[int, int]) -> None:
    joint, generator = _joint(seed, shape), np.random.default_rng(seed + 1)
    found = spectrum(joint)
    f = found.features(1)
    g = found.right[:, :1] / np.sqrt(joint.targets)[:, None]
    best = spectral_loss(joint, f, g)
    assert best == pytest.approx(-(found.values[0] ** 2), abs=1e-8)
    for _ in range(5):
        away = [each + 0.1 * generator.standard_normal(each.shape) for each in (f, g)]
        assert spectral_loss(joint, *away) >= best - 1e-10


@given(seeds, sizes)
def test_the_largest_singular_value_is_one_and_belongs_to_the_margins(seed: int, shape: tuple[int, int]) -> None:
    joint = _joint(seed, shape)
    found = spectrum(joint)
    assert found.values[0] == pytest.approx(1.0)
    assert np.abs(joint.normalised @ np.sqrt(joint.targets)) == pytest.approx(np.sqrt(joint.contexts))


@given(seeds, sizes, st.integers(2, 4), st.booleans(), st.data())
def test_the_bound_of_the_probe_is_never_violated(
    seed: int, shape: tuple[int, int], labels: int, certain: bool, data: st.DataObject
) -> None:
    joint, generator = _joint(seed, shape), np.random.default_rng(seed + 1)
    mixtures = [generator.dirichlet(np.full(labels, 0.3), size=size) for size in shape]
    if certain:
        mixtures = [np.eye(labels)[mixture.argmax(axis=1)] for mixture in mixtures]
    for targets in (None, mixtures[1]):
        bound = probe_bound(spectrum(joint), mixtures[0], targets, rank=data.draw(st.integers(1, min(shape))))
        assert bound.holds
        assert 0 <= bound.alpha <= 1


def test_the_bound_is_reached_where_contexts_have_targets_of_their_own() -> None:
    joint = Joint.of(np.kron(np.eye(3), np.ones((4, 5))))
    bound = probe_bound(spectrum(joint), np.repeat(np.arange(3), 4), np.repeat(np.arange(3), 5), rank=3)
    assert bound.squared_error_bound == pytest.approx(0.0, abs=1e-12)
    assert bound.error == 0


def test_a_mean_over_a_document_errs_no_more_than_its_tokens() -> None:
    generator = np.random.default_rng(0)
    predictions, truth = generator.standard_normal((40, 6, 3)), generator.dirichlet(np.ones(3), size=40)
    alone = ((predictions - truth[:, None]) ** 2).sum(axis=2).mean(axis=1)
    assert (((predictions.mean(axis=1) - truth) ** 2).sum(axis=1) <= alone + 1e-12).all()


def test_diversity_law_in_the_limit_of_many_contexts() -> None:
    """The matrix of contexts is I/K plus (1 - 1/K) times a block a class, so that what is left over is 1/K."""
    for targets in (2, 5):
        drawn = ClassJoint.drawn(
            np.random.default_rng(targets), targets=targets, classes=2, contexts=6000, vocabulary=6, noise=0.0
        )
        found = spectrum(drawn.joint)
        assert found.values[1] ** 2 == pytest.approx(1.0)
        assert found.residual(2) ** 2 == pytest.approx(1 / targets, rel=0.06)


@pytest.mark.parametrize("targets", [2, 4, 8, 19])
def test_finite_sample_law_within_five_percent(targets: int) -> None:
    found = []
    for seed in range(4):
        drawn = ClassJoint.drawn(
            np.random.default_rng(seed), targets=targets, classes=4, contexts=400, vocabulary=30, noise=0.1
        )
        found.append(spectrum(drawn.joint, 4).residual(4) ** 2)
    assert np.mean(found) == pytest.approx(finite_residual(targets, 400, 30), rel=0.05)


def test_one_target_each_leaves_a_graph_in_pieces() -> None:
    drawn = ClassJoint.drawn(np.random.default_rng(0), targets=1, classes=2, contexts=100, vocabulary=5, noise=0.0)
    assert spectrum(drawn.joint).values == pytest.approx(np.ones(10))


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8))
def test_unequal_weights_count_as_fewer_targets(weights: list[float]) -> None:
    found = effective_targets(np.array(weights))
    assert 1 - 1e-9 <= found <= len(weights) + 1e-9
    shares = np.array(weights) / sum(weights)
    assert 1 / found == pytest.approx((shares**2).sum())


@pytest.mark.parametrize("length", [2, 7, 64])
def test_a_uniform_ratio_makes_visible_counts_uniform(length: int) -> None:
    assert UniformVisible().probabilities(length) == pytest.approx(np.full(length + 1, 1 / (length + 1)))
    assert BetaVisible(1, 1).probabilities(length) == pytest.approx(np.full(length + 1, 1 / (length + 1)))


@given(st.integers(2, 40), st.floats(0.05, 0.95), st.floats(0.05, 1.0))
def test_errors_in_testing_are_bounded_by_coverage(length: int, ratio: float, share: float) -> None:
    generator = np.random.default_rng(length)
    found = coverage(length, FixedVisible(ratio), suffix_share=share)
    tested = EveryPrefix().probabilities(length)
    seen = (1 - share) * FixedVisible(ratio).probabilities(length) + share * tested
    errors = generator.gamma(0.2, size=length + 1)
    assert tested @ errors <= found.worst_ratio * (seen @ errors) * (1 + 1e-9)
    assert found.worst_ratio <= found.prefix_ratio * (1 + 1e-9)
    assert found.prefix_ratio <= (1 + 1e-9) / share


def test_a_prefix_is_one_of_many_ways_to_see_as_many_tokens() -> None:
    found = coverage(10, UniformVisible())
    assert found.prefix_ratio == pytest.approx(11 / 10 * comb(10, 5))
