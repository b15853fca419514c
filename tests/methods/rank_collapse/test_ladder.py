"""The ladder: equilibria of every rank, and the certificate of their ranks."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.dynamics import Dynamics
from consilience.methods.rank_collapse.ladder import Ladder
from consilience.methods.rank_collapse.normalisation import Sphere


@pytest.mark.parametrize(("tokens", "width"), [(2, 2), (4, 4), (9, 4), (4, 9), (16, 16), (1, 3)])
def test_every_rank_has_an_equilibrium_in_one_system(tokens, width) -> None:
    ladder, rng = Ladder(tokens, width, tokens + 1.0), np.random.default_rng(0)
    assert ladder.highest_rank == min(tokens, width)
    for rank in range(1, ladder.highest_rank + 1):
        X = ladder.equilibrium(rank, rng.choice([-1.0, 1.0], rank - 1))
        assert np.abs(Dynamics(Sphere()).step(X, ladder.layer) - X).max() < 1e-13
        assert np.linalg.norm(X, axis=1) == pytest.approx(1)


def test_pivots_are_the_diagonal_of_a_triangular_minor() -> None:
    ladder = Ladder(6, 5, 7.0)
    for rank in range(1, 6):
        minor = ladder.equilibrium(rank)[-rank:, ::-1][:, :rank]
        assert (np.triu(minor, 1) == 0).all()
        assert np.diag(minor).tolist() == ladder.pivots(rank).tolist()
        assert (ladder.pivots(rank) != 0).all()


def test_ranks_are_those_of_numbers_where_numbers_can_tell() -> None:
    for rank in range(1, 5):
        assert np.linalg.matrix_rank(Ladder(4, 4, 5.0).equilibrium(rank), tol=1e-6) == rank


@pytest.mark.parametrize("arguments", [(0, 3, 5.0), (3, 1, 5.0), (3, 3, 3.0), (3, 3, float("nan"))])
def test_systems_without_all_ranks_are_refused(arguments) -> None:
    with pytest.raises(InvalidInput, match="`strength` above `tokens`"):
        Ladder(*arguments)


@pytest.mark.parametrize("rank", [0, 4])
def test_other_ranks_do_not_exist(rank) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 3"):
        Ladder(3, 4, 5.0).equilibrium(rank)


@pytest.mark.parametrize("signs", [[1.0], [1.0, -1.0, 1.0], [1.0, 0.5]])
def test_signs_are_one_for_each_token_that_climbs(signs) -> None:
    with pytest.raises(InvalidInput, match="2 numbers, each 1 or -1"):
        Ladder(4, 4, 5.0).equilibrium(3, np.array(signs))
