"""Steps and runs of tokens, and mu in two passes."""

from itertools import repeat

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.dynamics import Dynamics, mu, relative_mu
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.masks import Causal, Complete
from consilience.methods.rank_collapse.normalisation import Sphere

X = np.random.default_rng(0).standard_normal((6, 4))
LAYER = Averaging.uniform(Causal().array(6), 4)


def test_a_step_is_skip_attention_normalisation() -> None:
    made = LAYER.weights @ X
    assert Dynamics().step(X, LAYER) == pytest.approx(made)
    assert Dynamics(skip=0.5).step(X, LAYER) == pytest.approx(made + 0.5 * X)
    assert Dynamics(Sphere(), skip=1.0).step(X, LAYER) == pytest.approx(Sphere()(made + X))


def test_a_run_begins_at_the_start_and_ends_after_its_depth() -> None:
    path = list(Dynamics().run(X, repeat(LAYER), depth=3))
    assert len(path) == 4
    assert path[0] is X
    assert path[3] == pytest.approx(np.linalg.matrix_power(LAYER.weights, 3) @ X)
    assert (Dynamics().final(X, repeat(LAYER), depth=3) == path[3]).all()
    assert len(list(Dynamics().run(X, [LAYER, LAYER]))) == 3


def test_a_batch_is_its_sequences_one_by_one() -> None:
    batch = np.stack([X, 2 * X[::-1]])
    together = Dynamics(Sphere()).final(batch, repeat(LAYER), depth=5)
    for one, start in zip(together, batch, strict=True):
        assert one == pytest.approx(Dynamics(Sphere()).final(start, repeat(LAYER), depth=5), abs=1e-14)


def test_tokens_that_are_no_numbers_are_counted() -> None:
    broken = X.copy()
    broken[0, :2] = np.nan, np.inf
    with pytest.raises(InvalidInput, match="2 of 24 numbers are not"):
        next(Dynamics().run(broken, repeat(LAYER)))


def test_mu_is_half_the_sum_over_pairs() -> None:
    pairs = sum(np.sum((a - b) ** 2) for a in X for b in X)
    assert mu(X) == pytest.approx(np.sqrt(pairs / (2 * len(X))))
    assert relative_mu(X) == pytest.approx(mu(X) / np.linalg.norm(X))
    assert relative_mu(np.stack([X, X + 100])).shape == (2,)


def test_mu_is_small_where_tokens_are_all_but_equal() -> None:
    away = X - X.mean(axis=0)
    common = 1e9 * np.ones(4)
    assert mu(common + away) == pytest.approx(np.linalg.norm(away), rel=1e-6)
    assert mu(Dynamics().step(X, Averaging.uniform(Complete().array(6), 4))) < 1e-15


def test_it_is_the_measure_of_the_probe() -> None:
    torch = pytest.importorskip("torch", reason="the rank extra is not installed")
    from consilience.methods.rank_collapse import measures

    for ours, theirs in ((mu, measures.mu), (relative_mu, measures.relative_mu)):
        assert float(ours(X)) == pytest.approx(float(theirs(torch.from_numpy(X)).value), rel=1e-12)
