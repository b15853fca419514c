"""Observations: drawn once, cut, kept and read whole, and refused where nothing can be made of them."""

import json

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Composition,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
)
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402

SHAPE = (2, 4, 4)


def clean(images: int = 6) -> torch.Tensor:
    return torch.rand(images, *SHAPE, generator=torch.Generator().manual_seed(0))


def masked(images: int = 6, level: float | torch.Tensor = 0.1) -> Inpainting:
    return Inpainting.random(images, SHAPE, 0.5, seed=0, noise_std=level)


KINDS = {
    "denoising": lambda: Denoising(noise_std=0.3),
    "a level an image": lambda: Denoising(noise_std=torch.linspace(0.1, 0.6, 6)),
    "masks": masked,
    "blur": lambda: Blur.gaussian(1.0, 3, padding="circular", noise_std=0.1),
    "downsampling": lambda: Downsampling(2, noise_std=0.1),
    "projections": lambda: RandomProjection.random(6, SHAPE, 5, seed=0, noise_std=0.1),
    "composition": lambda: Composition(Inpainting.random(6, (2, 2, 2), 0.9, seed=1), Downsampling(2), noise_std=0.1),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_what_is_saved_is_read_to_the_bit(kind, tmp_path) -> None:
    observations = Observations.corrupt(clean(), KINDS[kind](), seed=4)
    observations.save(tmp_path / "deep" / "folder")
    again = Observations.load(tmp_path / "deep" / "folder")
    assert torch.equal(again.y, observations.y)
    assert torch.equal(again.physics.A(clean()), observations.physics.A(clean()))
    assert torch.equal(torch.as_tensor(again.noise_std), torch.as_tensor(observations.noise_std))
    assert (again.seed, again.digest, again.image_shape) == (4, observations.digest, SHAPE)
    assert sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir()) == [
        "observations.json",
        "observations.safetensors",
    ]


@every_kind
def test_corrupting_some_images_is_taking_some_observations(kind) -> None:
    physics, rows = KINDS[kind](), [5, 0, 3]
    every = Observations.corrupt(clean(), physics, seed=4)
    some = Observations.corrupt(clean()[rows], physics.take(rows), seed=4, indices=rows)
    assert torch.allclose(every.take(rows).y, some.y, rtol=0, atol=1e-6)
    assert len(every.take([2, 2, 2])) == 3
    assert torch.equal(every.take(torch.tensor([2, 2])).y[0], every.y[2])
    assert torch.equal(every.take(slice(1, 3)).y, every.y[1:3])


def test_noise_differs_between_images_and_seeds_and_has_its_level() -> None:
    x = torch.zeros(400, 1, 5, 5)
    y = Observations.corrupt(x, Denoising(noise_std=0.5), seed=0).y
    assert float(y.std()) == pytest.approx(0.5, rel=0.03)
    assert not torch.equal(y[0], y[1])
    assert not torch.equal(y, Observations.corrupt(x, Denoising(noise_std=0.5), seed=1).y)
    assert torch.equal(y, Observations.corrupt(x, Denoising(noise_std=0.5), seed=0).y)


def test_double_precision_stays_and_clean_images_are_not_kept() -> None:
    x = clean().double().requires_grad_()
    observations = Observations.corrupt(x, masked(level=0.0), seed=0)
    assert observations.y.dtype == torch.float64
    assert not observations.y.requires_grad
    assert torch.equal(observations.y, observations.physics.A(x).detach())


def test_the_digest_tells_every_part_apart() -> None:
    y = Observations.corrupt(clean(), masked(), seed=0).y
    same = Observations(y.clone(), masked(), seed=0)
    other_y = y.clone()
    other_y[0, 0][masked().mask[0, 0]] += 1
    others = [
        Observations(other_y, masked(), seed=0),
        Observations(y, masked(), seed=1),
        Observations(y, masked(level=0.2), seed=0),
        Observations(y, masked(level=torch.full((6,), 0.1)), seed=0),
        Observations(y, Denoising(noise_std=0.1), seed=0),
    ]
    digests = [one.digest for one in others]
    assert Observations(y, masked(), seed=0).digest == same.digest
    assert len({same.digest, *digests}) == 6


def test_a_users_own_measurements_need_no_truth_and_hidden_entries_become_zero() -> None:
    mask = torch.tensor([[1, 1], [0, 1]])
    painted = torch.tensor([[[[0.1, 0.2], [float("nan"), 0.3]]], [[[0.5, 0.2], [255.0, 0.1]]]])
    observations = Observations(painted, Inpainting(mask))
    assert observations.y[:, 0, 1, 0].tolist() == [0.0, 0.0]
    assert observations.seed is None
    assert torch.equal(observations.measured, mask.bool().expand(2, 1, 2, 2))


def test_measurements_may_come_one_by_one() -> None:
    assert len(Observations(list(clean()), Denoising())) == 6
    with pytest.raises(InvalidInput, match=r"number 0 is \(2, 4, 4\), number 1 is \(2, 4, 5\)"):
        Observations([torch.rand(2, 4, 4), torch.rand(2, 4, 5)], Denoising())
    with pytest.raises(InvalidInput, match="got none"):
        Observations([], Denoising())


def test_numbers_that_are_none_are_named_unless_hidden() -> None:
    y = clean()
    y[3, 0, 1, 1] = float("nan")
    with pytest.raises(InvalidInput, match=r"number 3 of 6 does not; .*Inpainting"):
        Observations(y, Denoising())
    assert len(Observations(y, Inpainting(y.isfinite()))) == 6
    y[[0, 5]] = float("inf")
    with pytest.raises(InvalidInput, match="3 of 6 do not: numbers 0, 3, 5"):
        Observations(y, Denoising())
    with pytest.raises(InvalidInput, match="clean images must hold finite numbers"):
        Observations.corrupt(y, Denoising(), seed=0)


def test_a_constant_image_is_named_unless_pixels_are_hidden_or_there_is_but_one() -> None:
    y = clean()
    y[2] = 0.5
    with pytest.raises(InvalidInput, match="an observation must vary; number 2 of 6"):
        Observations(y, Denoising(noise_std=0.1))
    assert len(Observations(y, masked())) == 6
    assert len(Observations(torch.ones(3, 1, 1, 1), Denoising())) == 3


def test_an_inverted_mask_is_suspected() -> None:
    mask = masked(1).mask
    painted = torch.where(mask, clean(), torch.zeros(6, *SHAPE))
    assert len(Observations(painted, Inpainting(mask))) == 6
    with pytest.raises(InvalidInput, match="is the mask inverted"):
        Observations(painted, Inpainting(~mask))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Observations(torch.rand(6, 1, 5, 5), masked()), r"5x5 pixels; got 4x4"),
        (lambda: Observations(clean(5), masked()), "6 images; got 5 observations"),
        (lambda: Observations(torch.rand(2, 7), RandomProjection.random(1, SHAPE, 5, seed=0)), r"5 numbers.*\(7,\)"),
        (lambda: Observations(torch.ones(2, 1, 4, 4, dtype=torch.int64), Denoising()), "int64"),
        (lambda: Observations(torch.rand(0, 1, 4, 4), Denoising()), "at least one image"),
        (lambda: Observations(torch.rand(4), Denoising()), r"got \(4,\)"),
        (lambda: Observations.corrupt(clean(), Denoising(), 0, indices=[1, 2]), "6 images; got 2"),
    ],
)
def test_what_does_not_fit_is_refused(make, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_folder_that_is_not_whole_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="must be a folder of saved observations"):
        Observations.load(tmp_path)
    Observations.corrupt(clean(), masked(), seed=0).save(tmp_path)
    header = tmp_path / "observations.json"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace('"version": 1', '"version": 2'), encoding="utf-8")
    with pytest.raises(InvalidInput, match="version"):
        Observations.load(tmp_path)
    header.write_text(text[:40], encoding="utf-8")
    with pytest.raises(InvalidInput, match="must be of format"):
        Observations.load(tmp_path)
    header.write_text(text, encoding="utf-8")
    tensors = tmp_path / "observations.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(InvalidInput, match="not the file that"):
        Observations.load(tmp_path)


def test_settings_that_make_no_corruption_are_refused(tmp_path) -> None:
    Observations.corrupt(clean(), masked(), seed=0).save(tmp_path)
    header = tmp_path / "observations.json"
    fields = json.loads(header.read_text(encoding="utf-8"))
    header.write_text(json.dumps(fields | {"corruption": "Blur"}), encoding="utf-8")
    with pytest.raises(InvalidInput, match="does not make a corruption"):
        Observations.load(tmp_path)


def test_saving_again_replaces_what_was_there(tmp_path) -> None:
    Observations.corrupt(clean(), masked(), seed=0).save(tmp_path)
    second = Observations.corrupt(clean(), Denoising(noise_std=1.0), seed=1)
    second.save(tmp_path)
    assert Observations.load(tmp_path).digest == second.digest
