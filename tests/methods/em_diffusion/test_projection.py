"""Fewer pixels and random weighings: shapes, exact values, and what is refused."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")
from torch.nn import functional  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.projection import Downsampling, RandomProjection  # noqa: E402


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_downsampling_is_average_pooling() -> None:
    x = images(3, 2, 6, 9)
    assert torch.allclose(Downsampling(3).A(x), functional.avg_pool2d(x, 3))


def test_the_pseudo_inverse_of_downsampling_repeats_and_the_adjoint_spreads() -> None:
    y = images(1, 1, 1, 2)
    assert torch.equal(Downsampling(2).A_dagger(y)[0, 0, 1], y.repeat_interleave(2, dim=3)[0, 0, 0])
    assert torch.allclose(Downsampling(2).A_adjoint(y).sum(), y.sum())


def test_a_factor_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"6x8 pixels; got 4"):
        Downsampling(4).A(images(1, 1, 6, 8))
    with pytest.raises(InvalidInput, match="`factor` must be at least 1; got 0"):
        Downsampling(0)


def test_only_a_factor_of_one_keeps_detail() -> None:
    assert Downsampling(1).unidentifiable_because() is None
    assert "2x2" in Downsampling(2).unidentifiable_because()


def test_pixels_are_weighed_in_the_order_channel_row_column() -> None:
    matrix = torch.zeros(1, 12)
    matrix[0, 7] = 1
    x = torch.arange(12.0).reshape(1, 2, 3, 2)
    assert RandomProjection(matrix, (2, 3, 2)).A(x).tolist() == [[x[0, 1, 0, 1].item()]]


def test_weights_keep_lengths_on_average_and_depend_on_place_and_seed_alone() -> None:
    physics = RandomProjection.random(30, (1, 6, 6), 40, seed=3)
    assert float((physics.matrix**2).sum(dim=1).mean()) == pytest.approx(1, rel=0.03)
    assert torch.equal(RandomProjection.random(2, (1, 6, 6), 40, seed=3).matrix, physics.matrix[:2])
    assert not torch.equal(physics.matrix[0], physics.matrix[1])


def test_enough_measurements_give_the_image_back() -> None:
    x = images(2, 1, 4, 4)
    physics = RandomProjection.random(1, (1, 4, 4), 30, seed=0)
    assert torch.allclose(physics.A_dagger(physics.A(x)), x, rtol=0, atol=1e-12)


def test_images_and_measurements_of_other_shapes_are_refused() -> None:
    physics = RandomProjection.random(1, (1, 4, 4), 5, seed=0)
    with pytest.raises(InvalidInput, match=r"\(1, 4, 4\); got \(1, 2, 8\)"):
        physics.A(images(1, 1, 2, 8))
    for inverse in (physics.A_adjoint, physics.A_dagger):
        with pytest.raises(InvalidInput, match=r"5 numbers an image; got \(6,\)"):
            inverse(images(1, 6))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.ones(2, 15), r"16 pixels .* got \(2, 15\)"),
        (torch.ones(16), r"got \(16,\)"),
        (torch.full((2, 16), float("nan")), "finite"),
        (torch.ones(2, 16, dtype=torch.int64), "int64"),
    ],
)
def test_what_is_no_matrix_for_the_images_is_refused(matrix, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        RandomProjection(matrix, (1, 4, 4))


def test_no_measurements_are_refused() -> None:
    with pytest.raises(InvalidInput, match="got 1 and 0"):
        RandomProjection.random(1, (1, 4, 4), 0, seed=0)


def test_few_projections_leave_images_unknown_and_many_different_ones_do_not() -> None:
    few = RandomProjection.random(1, (1, 4, 4), 5, seed=0)
    assert "5 of 16 dimensions" in few.unidentifiable_because()
    assert RandomProjection.random(1, (1, 4, 4), 16, seed=0).unidentifiable_because() is None
    assert RandomProjection.random(20, (1, 4, 4), 5, seed=0).unidentifiable_because() is None
    assert "too few for 136" in RandomProjection.random(5, (1, 4, 4), 5, seed=0).unidentifiable_because()
