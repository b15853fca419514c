"""Hidden pixels: how masks are drawn, what is refused, what they leave unknown."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.mask import Inpainting  # noqa: E402


def test_the_stated_share_of_pixels_is_kept_for_all_channels_together() -> None:
    physics = Inpainting.random(200, (3, 10, 10), 0.4, seed=0)
    assert physics.mask.shape == (200, 1, 10, 10)
    assert float(physics.mask.double().mean()) == pytest.approx(0.4, abs=5 * (0.24 / 20000) ** 0.5)
    y = physics.A(torch.ones(200, 3, 10, 10))
    assert torch.equal(y[:, 0], y[:, 2])


def test_channels_may_be_hidden_one_by_one() -> None:
    mask = Inpainting.random(50, (3, 10, 10), 0.4, seed=0, per_channel=True).mask
    assert mask.shape == (50, 3, 10, 10)
    assert float((mask[:, 0] == mask[:, 1]).double().mean()) == pytest.approx(0.52, abs=0.04)


def test_a_mask_depends_on_its_place_and_the_seed_and_on_nothing_else() -> None:
    few, many, other = (Inpainting.random(n, (1, 6, 6), seed=s).mask for n, s in ((3, 1), (9, 1), (3, 2)))
    assert torch.equal(few, many[:3])
    assert not torch.equal(few, other)
    assert not torch.equal(few[0], few[1])


def test_a_box_hides_exactly_its_area_and_reaches_every_place() -> None:
    physics = Inpainting.box(300, (1, 6, 5), (3, 2), seed=0)
    hidden = ~physics.mask[:, 0]
    assert (hidden.flatten(1).sum(dim=1) == 6).all()
    assert len({tuple(torch.nonzero(image)[0].tolist()) for image in hidden}) == 4 * 4
    assert torch.equal(Inpainting.box(2, (1, 6, 5), 2, seed=7).mask, Inpainting.box(4, (1, 6, 5), 2, seed=7).mask[:2])


def test_a_hidden_pixel_is_zero_even_where_it_held_no_number() -> None:
    x = torch.tensor([[[[1.0, float("nan")], [float("inf"), 2.0]]]])
    assert Inpainting(torch.eye(2)).A(x).tolist() == [[[[1.0, 0.0], [0.0, 2.0]]]]


def test_a_mask_of_another_size_names_both() -> None:
    with pytest.raises(InvalidInput, match=r"8x8 pixels; got 4x4"):
        Inpainting(torch.eye(4)).A(torch.zeros(1, 1, 8, 8))


def test_a_mask_of_other_channels_names_both() -> None:
    with pytest.raises(InvalidInput, match=r"those of the images, 1; got 3"):
        Inpainting(torch.ones(1, 3, 4, 4)).A(torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_outside_of_zero_to_one_is_refused(keep) -> None:
    with pytest.raises(InvalidInput, match="`keep`"):
        Inpainting.random(1, (1, 4, 4), keep, seed=0)


@pytest.mark.parametrize("size", [0, 7, (6, 5), (7, 1)])
def test_a_box_must_leave_something(size) -> None:
    with pytest.raises(InvalidInput, match="of 6x5 pixels visible"):
        Inpainting.box(1, (1, 6, 5), size, seed=0)


def test_no_images_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`images`"):
        Inpainting.random(0, (1, 4, 4), seed=0)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.tensor([[0.0, 255.0]]), "found 255"),
        (torch.tensor([[1.0, float("nan")]]), "found nan"),
        (torch.zeros(3, 3), "hides all"),
        (torch.ones(3, 4, 4), r"got \(3, 4, 4\)"),
        (torch.ones(0, 4), r"got \(0, 4\)"),
    ],
)
def test_what_is_no_mask_is_refused(mask, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        Inpainting(mask)


def test_a_prior_can_be_found_through_masks_that_differ_but_not_through_one() -> None:
    assert Inpainting.random(200, (1, 8, 8), 0.4, seed=0).unidentifiable_because() is None
    assert Inpainting.box(500, (1, 8, 8), 3, seed=0).unidentifiable_because() is None
    assert Inpainting(torch.ones(8, 8)).unidentifiable_because() is None
    assert "hides the same 50%" in Inpainting(torch.tensor([[1, 0], [0, 1]])).unidentifiable_because()
    repeated = Inpainting(torch.eye(4).expand(10, 1, 4, 4))
    assert "hides the same 75%" in repeated.unidentifiable_because()


def test_pixels_and_pairs_that_are_never_seen_are_counted() -> None:
    mask = torch.ones(2, 1, 2, 2)
    mask[:, :, 0, 0] = 0
    mask[0, :, 1, 1] = 0
    assert "1 of 4 pixels are hidden by every mask" in Inpainting(mask).unidentifiable_because()
    halves = torch.stack([torch.tensor([[1, 1], [0, 0]]), torch.tensor([[0, 0], [1, 1]])])[:, None]
    assert "50.0% of the pairs of pixels are never seen together" in Inpainting(halves).unidentifiable_because()
