"""Noise alone, one corruption after another, and the question whether clean images are needed."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Composition,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
    is_identifiable,
    noise_std_of,
    restored,
    unidentifiable_because,
)


def test_plain_noise_is_identifiable_and_keeps_images_as_they_are() -> None:
    x = torch.rand(2, 1, 3, 3)
    assert torch.equal(Denoising(noise_std=1.0).A_dagger(Denoising().A(x)), x)
    assert is_identifiable(Denoising(noise_std=1.0))
    with pytest.raises(InvalidInput, match="channel, row, column"):
        Denoising().shape_of_measurement((3, 3))


def test_a_composition_applies_the_second_to_the_first() -> None:
    x = torch.rand(3, 1, 6, 6, dtype=torch.float64)
    blur, low = Blur.gaussian(1.0, 3), Downsampling(3)
    assert torch.equal(Composition(low, blur).A(x), low.A(blur.A(x)))
    y = torch.rand(3, 1, 2, 2, dtype=torch.float64)
    assert torch.equal(Composition(low, blur).A_adjoint(y), blur.A_adjoint(low.A_adjoint(y)))


def test_the_noise_of_a_composition_is_that_of_the_second_unless_given() -> None:
    blur = Blur.gaussian(1.0, 3)
    assert noise_std_of(Composition(Downsampling(2, noise_std=0.3), blur)) == 0.3
    assert noise_std_of(Composition(Downsampling(2, noise_std=0.3), blur, noise_std=0.1)) == 0.1
    with pytest.raises(InvalidInput, match="free of noise"):
        Composition(Downsampling(2), Blur.gaussian(1.0, 3, noise_std=0.1))


def test_a_composition_has_no_pseudo_inverse() -> None:
    physics = Composition(Downsampling(2), Denoising())
    assert not physics.has_dagger
    with pytest.raises(InvalidInput, match="no pseudo-inverse in closed form"):
        physics.A_dagger(torch.zeros(1, 1, 2, 2))


def test_parts_that_do_not_fit_are_refused() -> None:
    projection = RandomProjection.random(1, (1, 4, 4), 3, seed=0)
    with pytest.raises(InvalidInput, match=r"\(1, 4, 4\); got \(1, 2, 2\)"):
        Composition(projection, Downsampling(2)).A(torch.zeros(1, 1, 4, 4))
    with pytest.raises(InvalidInput, match="channel, row, column"):
        Composition(Denoising(), projection).A(torch.zeros(1, 1, 4, 4))
    masks = Composition(Inpainting.random(3, (1, 4, 4), seed=0), Inpainting.random(2, (1, 4, 4), seed=0))
    with pytest.raises(InvalidInput, match=r"first\.mask for 2, second\.mask for 3"):
        masks.A(torch.zeros(3, 1, 4, 4))


def test_a_composition_hides_what_either_part_hides() -> None:
    varied, sharp = Inpainting.random(200, (1, 8, 8), 0.5, seed=0), Blur.gaussian(0.5, 3)
    assert is_identifiable(Composition(varied, sharp))
    assert "blocks" in unidentifiable_because(Composition(Downsampling(2), sharp))
    assert "frequencies" in unidentifiable_because(Composition(varied, Blur.gaussian(2.0, 9)))


def test_compositions_of_compositions_are_restored() -> None:
    inner = Composition(Inpainting.random(4, (1, 4, 4), seed=0), Blur.motion(3.0, 30.0))
    outer = Composition(RandomProjection.random(1, (1, 4, 4), 3, seed=0), inner, noise_std=0.2)
    again = restored("Composition", outer.parameters(), outer.settings(), 0.2)
    x = torch.rand(4, 1, 4, 4)
    assert torch.equal(again.A(x), outer.A(x))
    assert repr(again) == repr(outer)


def test_an_unknown_corruption_is_not_restored() -> None:
    with pytest.raises(UnknownName, match="did you mean 'Inpainting'"):
        restored("Inpaintings", {}, {}, 0.0)
