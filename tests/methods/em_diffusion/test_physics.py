"""What corruptions share: noise levels, selection of images, devices."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Composition, Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.physics import (  # noqa: E402
    Physics,
    checked_image_shape,
    measured_entries,
    noise_std_of,
    per_image,
    take_images,
)


@pytest.mark.parametrize("level", [-0.1, float("nan"), float("inf"), torch.tensor([0.1, -1.0]), torch.tensor([])])
def test_a_level_that_is_no_standard_deviation_is_refused(level) -> None:
    with pytest.raises(InvalidInput, match="noise_std"):
        Denoising(noise_std=level)


def test_a_level_for_each_channel_is_refused_but_one_an_image_of_any_shape_is_not() -> None:
    with pytest.raises(InvalidInput, match=r"one per image; got shape \(2, 3\)"):
        Denoising(noise_std=torch.ones(2, 3))
    assert Denoising(noise_std=torch.ones(2, 1, 1, 1)).noise_std.shape == (2,)
    assert noise_std_of(Denoising(noise_std=torch.tensor([[0.25]]))) == 0.25


def test_other_images_than_the_parameters_are_for_are_refused_with_both_numbers() -> None:
    physics = Denoising(noise_std=torch.ones(3))
    with pytest.raises(InvalidInput, match=r"3 images; got 2: cut it with take"):
        physics(torch.zeros(2, 1, 4, 4))


def test_parameters_for_different_numbers_of_images_are_refused() -> None:
    physics = Inpainting.random(4, (1, 5, 5), seed=0, noise_std=torch.ones(3))
    with pytest.raises(InvalidInput, match="mask for 4, noise_std for 3"):
        physics.A(torch.zeros(4, 1, 5, 5))


def test_what_all_images_share_stays_shared() -> None:
    shared = Inpainting(torch.eye(4), noise_std=0.1)
    assert shared.images is None
    assert shared.take([0, 5, 7]).mask.shape == (1, 1, 4, 4)
    own = Inpainting.random(6, (1, 4, 4), seed=0, noise_std=torch.arange(6.0))
    assert own.images == 6
    assert own.take([5, 5]).noise_std.tolist() == [5.0, 5.0]
    assert take_images(own, [2], 6).noise_std == 2.0


def test_every_tensor_of_a_corruption_is_moved_and_the_original_stays() -> None:
    physics = Composition(Inpainting(torch.eye(4)), Blur.gaussian(1.0, 3), noise_std=torch.ones(3))
    seen = []
    physics.mapped(lambda tensor: seen.append(tensor) or tensor)
    assert {id(tensor) for tensor in (physics.second.mask, physics.first.kernel, physics.noise_std)} <= set(
        map(id, seen)
    )
    moved = physics.mapped(torch.clone)
    assert moved.second.mask is not physics.second.mask
    assert torch.equal(moved.to("cpu").A(torch.ones(3, 1, 4, 4)), physics.A(torch.ones(3, 1, 4, 4)))


def test_the_rooms_corruptions_meet_the_protocol_and_a_function_does_not() -> None:
    assert isinstance(Denoising(), Physics)
    assert not isinstance(lambda x: x, Physics)


def test_numbers_of_images_broadcast_over_images_only() -> None:
    assert per_image(0.5, torch.zeros(2, 3)) == 0.5
    assert per_image(torch.ones(2), torch.zeros(2, 3, dtype=torch.float64)).dtype == torch.float64
    with pytest.raises(InvalidInput, match="2 images; got 3"):
        per_image(torch.ones(3), torch.zeros(2, 3))


@pytest.mark.parametrize("shape", [(8, 8), (1, 0, 8), (1, 1, 8, 8)])
def test_image_shapes_have_three_positive_sides(shape) -> None:
    with pytest.raises(InvalidInput, match="channel, row, column"):
        checked_image_shape(shape)


def test_entries_are_measured_unless_a_mask_hides_them() -> None:
    y = torch.zeros(2, 3, 4, 4)
    assert bool(measured_entries(Denoising(), y).all())
    seen = measured_entries(Inpainting(torch.eye(4)), y)
    assert seen.shape == y.shape
    assert int(seen.sum()) == 2 * 3 * 4
