"""The star: equilibria, limits and the same system without LayerNorm, each against the layer itself."""

from itertools import repeat

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.dynamics import Dynamics, mu
from consilience.methods.rank_collapse.normalisation import Sphere
from consilience.methods.rank_collapse.star import Star

STARS = [Star(), Star(2, 2, 3.0, 0.5), Star(5, 9, 4.0, 0.3), Star(20, 3, 10.0, 0.4)]
normed = Dynamics(Sphere())


@pytest.mark.parametrize("star", STARS, ids=str)
def test_every_rank_has_a_stable_well_conditioned_equilibrium(star) -> None:
    for rank in range(1, min(star.tokens, star.width) + 1):
        X = star.equilibrium(rank)
        assert np.abs(normed.step(X, star.layer) - X).max() < 1e-14
        assert np.linalg.norm(X, axis=1) == pytest.approx(1)
        singular = np.linalg.svd(X, compute_uv=False)
        assert (singular > 0.03).sum() == rank
        assert singular[rank:] == pytest.approx(0, abs=1e-14)
        assert all(abs(star.multiplier(token)) < 1 for token in X[1:rank])


@pytest.mark.parametrize("star", STARS, ids=str)
def test_random_starts_end_at_the_closed_form(star) -> None:
    X = star.random_start(np.random.default_rng(0), 200)
    ends = normed.final(X, repeat(star.layer), depth=3000)
    assert ends == pytest.approx(star.limit(X), abs=1e-6)
    assert (np.linalg.matrix_rank(ends, tol=1e-4) <= star.limit_rank(X)).all()
    assert star.alive(X)[:, 1:].any()
    assert not star.alive(X)[:, 0].any()


def test_ranks_of_limits_are_the_predicted_ones() -> None:
    star = Star()
    X = star.random_start(np.random.default_rng(1), 300)
    assert (np.linalg.matrix_rank(star.limit(X), tol=1e-9) == star.limit_rank(X)).all()
    assert set(star.limit_rank(X)) >= {2, 3, 4, 5, 6, 7}


def test_a_multiplier_is_the_growth_of_a_small_change() -> None:
    star = Star()
    X = star.equilibrium(3)
    a, b = np.linalg.norm(X[2, :-1]), X[2, -1]
    moved = X.copy()
    moved[2, -1] = b + 1e-6 * a
    after = normed.step(Sphere()(moved), star.layer)[2]
    growth = (after[-1] / np.linalg.norm(after[:-1]) - b / a) / 1e-6
    assert growth == pytest.approx(star.multiplier(X[2]), abs=1e-5)


@pytest.mark.parametrize("star", STARS, ids=str)
@pytest.mark.parametrize("layers", [0, 1, 7, 25])
def test_without_layer_norm_the_closed_form_is_the_layer(star, layers) -> None:
    X = star.random_start(np.random.default_rng(2), 10)
    assert star.unnormalised(X, layers) == pytest.approx(Dynamics().final(X, repeat(star.layer), layers), abs=1e-12)


def test_a_perturbed_equilibrium_keeps_full_rank() -> None:
    star, rng = Star(), np.random.default_rng(3)
    X = star.equilibrium(8) + 0.03 * rng.standard_normal((12, 8))
    X[0] = np.eye(8)[-1]
    ends = normed.final(Sphere()(X), repeat(star.layer), depth=400)
    assert np.linalg.svd(ends, compute_uv=False)[-1] > 0.1
    assert mu(ends) > 1
    assert mu(Dynamics().final(X, repeat(star.layer), depth=60)) < 1e-14


@pytest.mark.parametrize(
    "arguments", [(1, 8), (12, 1), (12, 8, 6.0, 0.6), (12, 8, 6.0, 0.0), (12, 8, 1.0, 0.5), (12, 8, float("nan"))]
)
def test_what_the_closed_form_does_not_cover_is_refused(arguments) -> None:
    with pytest.raises(InvalidInput):
        Star(*arguments)


def test_other_ranks_do_not_exist() -> None:
    with pytest.raises(InvalidInput, match="from 1 to 8"):
        Star().equilibrium(9)
