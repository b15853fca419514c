"""Two tokens under a shear, against the layer itself."""

from itertools import repeat

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.dynamics import Dynamics
from consilience.methods.rank_collapse.normalisation import Sphere
from consilience.methods.rank_collapse.shear import Shear

POINTS = ("together", "apart", "watershed")


@pytest.mark.parametrize("strength", [1.01, 1.25, 2.0, 50.0])
@pytest.mark.parametrize("which", POINTS)
def test_fixed_points_are_fixed(strength, which) -> None:
    X = Shear(strength).fixed_point(which)
    assert np.abs(Dynamics(Sphere()).step(X, Shear(strength).layer) - X).max() < 1e-14
    assert np.linalg.norm(X, axis=1) == pytest.approx(1)


def test_two_are_stable_and_one_is_not() -> None:
    assert [Shear(3.0).multiplier(which) < 1 for which in POINTS] == [True, True, False]


@pytest.mark.parametrize("strength", [1.25, 2.0, 5.0])
def test_tokens_end_where_the_basin_says(strength) -> None:
    shear = Shear(strength)
    angles = np.linspace(0, 2 * np.pi, 999, endpoint=False) + 1e-3
    second = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    X = np.stack([np.broadcast_to([0.0, 1.0], second.shape), second], axis=1)
    ends = Dynamics(Sphere()).final(X, repeat(shear.layer), depth=400)[:, 1]
    apart = shear.ends_apart(second)
    assert ends[apart] == pytest.approx(np.tile(shear.fixed_point("apart")[1], (apart.sum(), 1)), abs=1e-6)
    assert ends[~apart] == pytest.approx(np.tile([0.0, 1.0], ((~apart).sum(), 1)), abs=1e-6)
    assert apart.mean() == pytest.approx(shear.basin, abs=2e-3)


@pytest.mark.parametrize("strength", [1.0, 0.5, float("nan")])
def test_a_weak_shear_is_refused(strength) -> None:
    with pytest.raises(InvalidInput, match="above 1"):
        Shear(strength)
