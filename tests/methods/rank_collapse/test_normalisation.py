"""Normalisations of tokens, against torch where it has the same."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.normalisation import Centring, Sphere, Unnormalised

X = np.random.default_rng(0).standard_normal((3, 5, 7))


def test_the_sphere_keeps_directions() -> None:
    on_sphere = Sphere()(X)
    assert np.linalg.norm(on_sphere, axis=-1) == pytest.approx(1)
    assert (np.sign(on_sphere) == np.sign(X)).all()
    assert Unnormalised()(X) is X


@pytest.mark.parametrize("gain", [None, np.linspace(0.5, 2, 7)])
def test_centring_is_the_layer_norm_of_torch(gain) -> None:
    torch = pytest.importorskip("torch", reason="the rank extra is not installed")
    weight = None if gain is None else torch.from_numpy(gain)
    expected = torch.nn.functional.layer_norm(torch.from_numpy(X), (7,), weight=weight, eps=0.0)
    assert Centring(gain)(X) == pytest.approx(expected.numpy(), abs=1e-12)


def test_centring_is_the_sphere_after_a_projection() -> None:
    projection = np.eye(7) - 1 / 7
    assert Centring()(X) == pytest.approx(np.sqrt(7) * Sphere()(X @ projection), abs=1e-12)


def test_precision_is_kept() -> None:
    single = X.astype(np.float32)
    assert Sphere()(single).dtype == Centring(np.ones(7))(single).dtype == np.float32


@pytest.mark.parametrize("normalise", [Sphere(), Centring()])
@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_tokens_without_direction_are_counted(normalise, bad) -> None:
    broken = X.copy()
    broken[1, 2:4] = bad
    with pytest.raises(InvalidInput, match="2 are not"):
        normalise(broken)
