"""Users' images become observations: in the prior's units exactly, whatever lies where nothing was measured."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.corruption import Blur, Inpainting
from consilience.methods.em_diffusion.images import Scale
from consilience.methods.em_diffusion.own_images.observing import corrupt_on_the_spot, observe, read_truth
from consilience.methods.em_diffusion.own_images.request import Corrupting, Source

ANY = Source()


@pytest.fixture
def clean() -> np.ndarray:
    return np.random.default_rng(0).uniform(10.0, 30.0, (6, 8, 8))


def kept(folder: Path, name: str, values: np.ndarray) -> Path:
    np.save(folder / name, values)
    return folder / name


def test_a_blur_of_pixels_is_the_blur_of_what_priors_see(tmp_path: Path, clean: np.ndarray) -> None:
    physics = Blur.gaussian(1.0)
    blurred = physics.A(torch.from_numpy(clean)[:, None])[:, 0].numpy()
    source = Source(value_range=(10.0, 30.0))
    given = observe(kept(tmp_path, "y.npy", blurred), Corrupting(kind="blur"), source)
    seen = physics.A(given.scale.inward(clean[:, None]))
    torch.testing.assert_close(given.observations.y, seen, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["motion", "downsample", "denoise"])
def test_every_known_corruption_can_be_named(tmp_path: Path, clean: np.ndarray, kind: str) -> None:
    named = Corrupting(kind=kind, noise_std=0.3)
    given = observe(kept(tmp_path, "y.npy", clean), named, ANY)
    assert given.observations.noise_std == pytest.approx(0.3)
    assert given.observations.image_shape == ((1, 16, 16) if kind == "downsample" else (1, 8, 8))
    assert corrupt_on_the_spot(tmp_path / "y.npy", named, ANY, seed=0).truth is not None


def test_what_lies_behind_a_mask_does_not_matter(tmp_path: Path, clean: np.ndarray) -> None:
    visible = np.random.default_rng(1).random(clean.shape) < 0.5
    np.save(tmp_path / "m.npy", visible)
    masked = Corrupting(mask=tmp_path / "m.npy")
    hidden = [
        observe(kept(tmp_path, "y.npy", np.where(visible, clean, other)), masked, ANY) for other in (0, np.nan, 1e9)
    ]
    marked = observe(kept(tmp_path, "y.npy", np.where(visible, clean, np.nan)), Corrupting(kind="inpaint"), ANY)
    for given in [*hidden, marked]:
        assert given.scale == Scale(low=float(clean[visible].min()), high=float(clean[visible].max()))
        assert given.observations.digest == hidden[0].observations.digest


def test_masks_may_be_a_folder_and_the_first_images_take_the_first_masks(tmp_path: Path, clean: np.ndarray) -> None:
    visible = np.random.default_rng(1).random(clean.shape) < 0.5
    (tmp_path / "masks").mkdir()
    for place, mask in enumerate(visible):
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "masks" / f"{place}.png")
    path, few = kept(tmp_path, "y.npy", clean), Source(limit=4)
    given = observe(path, Corrupting(mask=tmp_path / "masks"), few)
    physics = given.observations.physics
    assert isinstance(physics, Inpainting)
    assert np.array_equal(physics.mask[:, 0].numpy(), visible[:4])
    on_the_spot = corrupt_on_the_spot(path, Corrupting(mask=tmp_path / "masks"), few, keep_clean=1, seed=0)
    assert len(on_the_spot.observations) == 3
    rows = [int(name[:-1].rpartition("[")[2]) for name in on_the_spot.names]
    assert np.array_equal(on_the_spot.observations.measured[:, 0].numpy(), visible[rows])


def test_clean_images_are_not_among_the_corrupted(tmp_path: Path, clean: np.ndarray) -> None:
    given = corrupt_on_the_spot(kept(tmp_path, "x.npy", clean), Corrupting(kind="inpaint"), ANY, keep_clean=2, seed=3)
    assert given.clean is not None
    assert given.truth is not None
    both = torch.cat([given.clean, given.truth])
    order = both.flatten(1)[:, 0].argsort()
    whole = given.scale.inward(clean[:, None])
    torch.testing.assert_close(both[order], whole[whole.flatten(1)[:, 0].argsort()])
    assert (
        given.observations.digest
        == corrupt_on_the_spot(
            tmp_path / "x.npy", Corrupting(kind="inpaint"), ANY, keep_clean=2, seed=3
        ).observations.digest
    )


def test_the_units_of_a_prior_are_taken(tmp_path: Path, clean: np.ndarray) -> None:
    path = kept(tmp_path, "y.npy", clean)
    scale = Scale(low=0.0, high=40.0)
    given = observe(path, Corrupting(kind="denoise", noise_std=0.1), ANY, scale=scale)
    torch.testing.assert_close(given.observations.y[:, 0], scale.inward(clean))
    np.save(path, clean.astype(np.uint8))
    with pytest.raises(InvalidInput, match=r"one scale, here real from 0 to 40; .* has uint8"):
        observe(path, Corrupting(kind="denoise", noise_std=0.1), ANY, scale=scale)


def test_no_noise_is_a_little_noise_and_said(tmp_path: Path, clean: np.ndarray) -> None:
    given = observe(kept(tmp_path, "y.npy", clean), Corrupting(kind="blur", noise_std=0.0), ANY)
    assert given.observations.noise_std == pytest.approx(0.01)
    assert "noise level 0: 0.01 is assumed" in given.notes[0]


@pytest.mark.parametrize(
    ("spoil", "corrupting", "message"),
    [
        (lambda y: y[3].fill(7.0), Corrupting(kind="blur"), r"all pixels of y.npy\[3\] are 7"),
        (lambda y: y[2, 1].fill(np.nan), Corrupting(kind="blur"), r"y.npy\[2\] holds NaN"),
        (lambda y: y[2].fill(np.nan), Corrupting(kind="inpaint"), r"every pixel of y.npy\[2\] is hidden"),
        (lambda y: None, Corrupting(kind="inpaint"), "which pixels are hidden"),
        (lambda y: None, Corrupting(), "say how the images were corrupted"),
    ],
)
def test_images_that_cannot_be_used_are_named(tmp_path: Path, clean: np.ndarray, spoil, corrupting, message) -> None:
    spoil(clean)
    with pytest.raises(InvalidInput, match=message):
        observe(kept(tmp_path, "y.npy", clean), corrupting, ANY)


def drawn(folder: Path, images: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    for name, image in images.items():
        Image.fromarray(image.astype(np.uint8)).save(folder / name)
    return folder


def test_masks_and_the_truth_go_with_the_images_they_are_named_after(tmp_path: Path, clean: np.ndarray) -> None:
    seen = np.random.default_rng(1).random(clean.shape) < 0.5
    numbers = (1, 2, 3, 10, 11, 20)
    images = {f"img{number}.png": 10 * number + image for number, image in zip(numbers, clean, strict=True)}
    folder = drawn(tmp_path / "images", images)
    masks = drawn(tmp_path / "masks", {f"img{n}_mask.png": 255 * m for n, m in zip(numbers, seen, strict=True)})
    truth = drawn(
        tmp_path / "truth", {f"true-{n}.png": image for n, image in zip(numbers, images.values(), strict=True)}
    )
    for few in (ANY, Source(limit=4)):
        given = observe(folder, Corrupting(mask=masks), few)
        assert given.names[:3] == ("img1.png", "img10.png", "img11.png")
        found = read_truth(truth, folder, few, given)
        assert len(found) == len(given.names)
        for row, name in enumerate(given.names):
            place = numbers.index(int(name[3:-4]))
            assert np.array_equal(given.observations.measured[row, 0].numpy(), seen[place])
            assert torch.equal(found[row, 0], given.scale.inward(images[name].astype(np.uint8)))
    on_the_spot = corrupt_on_the_spot(folder, Corrupting(mask=masks), ANY, seed=0)
    assert np.array_equal(on_the_spot.observations.measured[1, 0].numpy(), seen[3])
    (masks / "img20_mask.png").rename(masks / "img21_mask.png")
    with pytest.raises(InvalidInput, match=r"nothing for img20\.png"):
        observe(folder, Corrupting(mask=masks), ANY)


def test_masks_count_by_number_against_an_array(tmp_path: Path, clean: np.ndarray) -> None:
    many = np.concatenate([clean, clean + 1])
    seen = np.random.default_rng(1).random(many.shape) < 0.5
    masks = drawn(tmp_path / "masks", {f"{place}.png": 255 * mask for place, mask in enumerate(seen)})
    path = kept(tmp_path, "y.npy", many)
    assert np.array_equal(observe(path, Corrupting(mask=masks), ANY).observations.measured[:, 0].numpy(), seen)
    folder = drawn(tmp_path / "images", {f"{place}.png": image for place, image in enumerate(many)})
    with pytest.raises(InvalidInput, match=r"image m\.npy\[2\] belongs to: 10\.png by the alphabet, 2\.png by number"):
        observe(folder, Corrupting(mask=kept(tmp_path, "m.npy", seen)), ANY)


def test_as_many_true_images_as_observations(tmp_path: Path, clean: np.ndarray) -> None:
    noisy, path = Corrupting(kind="denoise", noise_std=0.1), kept(tmp_path, "y.npy", clean)
    three = Source(limit=3)
    given = observe(path, noisy, three)
    for count in (3, 6):
        assert len(read_truth(kept(tmp_path, "x.npy", clean[:count]), path, three, given)) == 3
    with pytest.raises(InvalidInput, match="one image for each of 3; got 2"):
        read_truth(kept(tmp_path, "x.npy", clean[:2]), path, three, given)


def test_a_range_beside_that_of_a_prior_is_refused(tmp_path: Path, clean: np.ndarray) -> None:
    path, noisy = kept(tmp_path, "y.npy", clean), Corrupting(kind="denoise", noise_std=0.1)
    scale = Scale(low=0.0, high=40.0)
    observe(path, noisy, Source(value_range=(0.0, 40.0)), scale=scale)
    with pytest.raises(InvalidInput, match=r"that of the prior, \(0.0, 40.0\); got \(0.0, 1.0\): leave it out"):
        observe(path, noisy, Source(value_range=(0.0, 1.0)), scale=scale)


def test_pixels_that_hardly_differ_on_a_prior_s_scale_are_mentioned(tmp_path: Path, clean: np.ndarray) -> None:
    bytes_, noisy = Scale.of_type("uint8"), Corrupting(kind="denoise", noise_std=0.1)
    small = kept(tmp_path, "y.npy", clean / 100)
    for given in (
        observe(small, noisy, ANY, scale=bytes_),
        corrupt_on_the_spot(small, noisy, ANY, seed=0, scale=bytes_),
    ):
        assert "0.1% of the range from 0 to 255 that becomes -1 to 1: are they in the same units?" in given.notes[0]
    assert (
        observe(small, noisy, ANY).notes
        == observe(kept(tmp_path, "x.npy", clean), noisy, ANY, scale=bytes_).notes
        == ()
    )
