"""Hidden pixels filled without learning: what was measured stays, everything but masks is refused."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Downsampling, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.filling import (  # noqa: E402
    fill_biharmonic,
    fill_with_constant,
    fill_with_mean_image,
    visible_pixels,
)
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402


def _slopes() -> torch.Tensor:
    row, column = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    return torch.stack([row + 2 * column, 3 - row + column, row - column + 0.5])[:, None]


@pytest.fixture
def observations() -> Observations:
    return Observations.corrupt(_slopes(), Inpainting.random(3, (1, 8, 8), 0.5, seed=0), 0)


FILLINGS = {
    "constant": fill_with_constant,
    "mean image": lambda observations: fill_with_mean_image(observations, _slopes()),
    "biharmonic": fill_biharmonic,
}


@pytest.mark.parametrize("name", FILLINGS)
def test_what_was_measured_stays_and_an_image_is_filled_by_itself(name, observations) -> None:
    filled = FILLINGS[name](observations)
    assert torch.equal(filled[observations.measured], observations.y[observations.measured])
    assert torch.allclose(FILLINGS[name](observations.take([1])), filled[1:2])


def test_hidden_pixels_get_the_mean_of_the_visible_or_the_value_given(observations) -> None:
    seen = observations.measured[1]
    filled = fill_with_constant(observations)
    assert torch.allclose(filled[1][~seen], observations.y[1][seen].mean())
    assert (fill_with_constant(observations, -1.0)[~observations.measured] == -1.0).all()


def test_hidden_pixels_get_the_mean_image(observations) -> None:
    hidden = ~observations.measured
    filled = fill_with_mean_image(observations, _slopes())
    assert torch.allclose(filled[hidden], _slopes().mean(dim=0, keepdim=True).expand(3, -1, -1, -1)[hidden])


def test_a_slope_is_restored_by_the_smoothest_surface_far_better_than_by_a_constant(observations) -> None:
    smooth, flat = (
        float(((filled - _slopes()) ** 2).mean())
        for filled in (fill_biharmonic(observations), fill_with_constant(observations))
    )
    assert smooth < 0.02 * flat


def test_masks_are_told_from_everything_else(observations) -> None:
    assert torch.equal(visible_pixels(observations), observations.measured)
    assert visible_pixels(Observations.corrupt(_slopes(), Denoising(noise_std=1.0), 0)).all()
    for physics in (Blur.gaussian(1.0, 3), Downsampling(2)):
        with pytest.raises(InvalidInput, match="this is for masked images"):
            fill_with_constant(Observations.corrupt(_slopes(), physics, 0))


def test_a_mean_image_of_another_size_is_refused(observations) -> None:
    with pytest.raises(InvalidInput, match=r"\(1, 8, 8\); got \(1, 4, 4\)"):
        fill_with_mean_image(observations, torch.zeros(5, 1, 4, 4))
