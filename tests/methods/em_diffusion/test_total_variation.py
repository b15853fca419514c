"""Total variation: the minimum by scikit-image and by definition, for masks, noise and blur."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")
restoration = pytest.importorskip("skimage.restoration", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Downsampling, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.total_variation import restore_tv, tune_tv  # noqa: E402


def _boxes(images: int) -> torch.Tensor:
    """Flat boxes on a flat ground, which variation is made for."""
    rng = np.random.default_rng(0)
    pictures = torch.zeros(images, 1, 12, 12, dtype=torch.float64)
    for picture in pictures:
        top, left = rng.integers(1, 5, 2)
        picture[:, top : top + 6, left : left + 5] = 1.0
    return pictures


def _objective(image: torch.Tensor, observations: Observations, weight: float) -> float:
    rows, columns = torch.zeros_like(image), torch.zeros_like(image)
    rows[:, :, :-1] = image.diff(dim=2)
    columns[:, :, :, :-1] = image.diff(dim=3)
    variation = torch.sqrt(rows**2 + columns**2).sum()
    misfit = ((observations.physics.A(image) - observations.y) ** 2).sum()
    return float(misfit / 2 + weight * variation)


CORRUPTIONS = {
    "noise": Denoising(noise_std=0.3),
    "mask": Inpainting.random(4, (1, 12, 12), 0.5, seed=0, noise_std=0.05),
    "blur": Blur.gaussian(1.0, 3, noise_std=0.05),
    "fewer pixels": Downsampling(2, noise_std=0.05),
}


@pytest.mark.parametrize("weight", [0.05, 0.3])
def test_denoising_is_that_of_scikit_image(weight) -> None:
    observations = Observations.corrupt(_boxes(3), CORRUPTIONS["noise"], 0)
    ours = restore_tv(observations, weight, iterations=3000)
    for image, noisy in zip(ours, observations.y, strict=True):
        theirs = restoration.denoise_tv_chambolle(noisy[0].numpy(), weight=weight, eps=1e-12, max_num_iter=20_000)
        np.testing.assert_allclose(image[0].numpy(), theirs, atol=2e-3)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_image_near_by_has_a_lower_objective(name) -> None:
    observations = Observations.corrupt(_boxes(4), CORRUPTIONS[name], 0)
    found = restore_tv(observations, 0.05, iterations=3000)
    least = _objective(found, observations, 0.05)
    generator = torch.Generator().manual_seed(0)
    for size in (1e-2, 1e-1, 1.0):
        for _ in range(10):
            step = size * torch.randn(found.shape, generator=generator, dtype=found.dtype)
            assert _objective(found + step, observations, 0.05) > least
    assert _objective(0.99 * found, observations, 0.05) > least
    assert _objective(restore_tv(observations, 0.05), observations, 0.05) < 1.002 * least


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_it_restores_what_it_is_made_for(name) -> None:
    truth = _boxes(4)
    observations = Observations.corrupt(truth, CORRUPTIONS[name], 0)
    tuned = tune_tv(observations, truth, iterations=200)
    assert not tuned.at_the_edge
    untouched = observations.physics.A_adjoint(observations.y) if name != "fewer pixels" else torch.zeros_like(truth)
    best = ((restore_tv(observations, tuned.weight, iterations=200) - truth) ** 2).mean()
    assert float(best) < 0.5 * float(((untouched - truth) ** 2).mean())


def test_channels_and_images_do_not_see_each_other() -> None:
    truth = torch.cat([_boxes(4), 3.0 * _boxes(4).flip(3)], dim=1)
    observations = Observations.corrupt(truth, Denoising(noise_std=torch.tensor([0.1, 0.2, 0.3, 0.4])), 0)
    together = restore_tv(observations, 0.1)
    assert torch.allclose(restore_tv(observations.take([2]), 0.1), together[2:3], atol=1e-9)
    alone = restore_tv(Observations(observations.y[:, :1], observations.physics), 0.1)
    assert torch.allclose(alone, together[:, :1], atol=1e-2)


def test_a_heavy_weight_leaves_a_flat_image() -> None:
    observations = Observations.corrupt(_boxes(2), CORRUPTIONS["noise"], 0)
    flat = restore_tv(observations, 100.0)
    mean = observations.y.mean(dim=(2, 3), keepdim=True).expand_as(flat)
    assert torch.allclose(flat, mean, atol=1e-3)


def test_the_weight_tuned_is_the_best_of_those_tried() -> None:
    truth = _boxes(4)
    observations = Observations.corrupt(truth, CORRUPTIONS["noise"], 0)
    tuned = tune_tv(observations, truth, weights=(1e-3, 0.2, 50.0), iterations=100)
    assert tuned.weight == 0.2
    assert list(tuned.mean_squared_errors) == [1e-3, 0.2, 50.0]
    assert tune_tv(observations, truth, weights=(1e-3, 1e-2), iterations=100).at_the_edge


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_weight_that_is_not_positive_is_refused(weight) -> None:
    with pytest.raises(InvalidInput, match="`weight` must be positive"):
        restore_tv(Observations.corrupt(_boxes(1), CORRUPTIONS["noise"], 0), weight)


def test_tuning_needs_weights_and_the_truth_of_every_image() -> None:
    observations = Observations.corrupt(_boxes(2), CORRUPTIONS["noise"], 0)
    with pytest.raises(InvalidInput, match="got 1 weights and 1 images"):
        tune_tv(observations, _boxes(1), weights=(0.1,))
    with pytest.raises(InvalidInput, match="got 0 weights"):
        tune_tv(observations, _boxes(2), weights=())
