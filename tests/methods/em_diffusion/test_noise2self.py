"""Noise2Self: no pixel has a say about itself, and noisy images alone teach to denoise."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.noise2self import Noise2Self, fit_noise2self  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402


def _waves(images: int, seed: int) -> torch.Tensor:
    """Plane waves: every pixel follows from the others."""
    generator = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(images, 1, 1, 1, generator=generator)
    row, column = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    return 2.0 + torch.sin(0.8 * row + 0.4 * column + phase)


@pytest.fixture(scope="module")
def observations() -> Observations:
    return Observations.corrupt(_waves(400, 0), Denoising(noise_std=0.5), 0)


@pytest.fixture(scope="module")
def fitted(observations) -> Noise2Self:
    return fit_noise2self(observations, seed=0, steps=300)


def test_what_is_said_of_a_pixel_does_not_depend_on_it(fitted) -> None:
    noisy = _waves(1, 1)
    each_pixel_changed = noisy + 0.5 * torch.eye(64).reshape(64, 1, 8, 8)
    change = (fitted.predict(each_pixel_changed) - fitted.predict(noisy)).reshape(64, 64)
    assert float(change.diagonal().abs().max()) < 1e-5
    assert float(change.abs().max()) > 0.01


def test_noise_is_taken_off_images_never_seen(fitted) -> None:
    truth = _waves(100, 2)
    unseen = Observations.corrupt(truth, Denoising(noise_std=0.5), 3)
    noisy, predicted, restored = (
        float(((image - truth) ** 2).mean()) for image in (unseen.y, fitted.predict(unseen.y), fitted.restore(unseen))
    )
    assert predicted < 0.3 * noisy
    assert restored < predicted


def test_the_error_on_noisy_pixels_is_that_on_clean_ones_plus_the_noise(fitted) -> None:
    truth = _waves(400, 4)
    unseen = Observations.corrupt(truth, Denoising(noise_std=0.5), 5)
    error = float(((fitted.predict(unseen.y) - truth) ** 2).mean())
    assert fitted.held_out_error == pytest.approx(error + 0.25, rel=0.05)


def test_images_with_less_noise_are_changed_less(fitted) -> None:
    levels = torch.tensor([1e-3, 0.5])
    pair = Observations.corrupt(_waves(2, 6), Denoising(noise_std=levels), 0)
    change = (fitted.restore(pair) - pair.y).flatten(1).norm(dim=1)
    assert float(change[0]) < 0.05 * float(change[1])


def test_the_seed_decides_and_the_global_generator_is_left_alone(observations) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (fit_noise2self(observations, seed=seed, steps=5).predict(observations.y) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_generators_of_other_devices_are_left_alone(observations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    fit_noise2self(observations, seed=0, steps=1)


def test_training_ends_where_nothing_is_to_be_learned() -> None:
    steps = []
    noise = Observations.corrupt(torch.zeros(60, 1, 8, 8), Denoising(noise_std=1.0), 0)
    fitted = fit_noise2self(noise, seed=0, steps=5000, batch_size=16, on_step=lambda step, _: steps.append(step))
    assert len(steps) < 2000
    assert fitted.steps < len(steps)
    assert fitted.held_out_error == pytest.approx(1.0, rel=0.15)


def test_a_network_of_ones_own_takes_the_place_of_the_perceptron() -> None:
    class Convolution(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Conv2d(4, 3, 3, padding=1)

        def forward(self, images, label):
            return self.inner(images)

    colours = _waves(40, 0).repeat(1, 3, 1, 1) + torch.tensor([0.0, 1.0, 2.0]).reshape(3, 1, 1)
    noisy = Observations.corrupt(colours, Denoising(noise_std=0.5), 0)
    fitted = fit_noise2self(noisy, seed=0, steps=60, learning_rate=1e-2, network=Convolution())
    assert float(((fitted.restore(noisy) - colours) ** 2).mean()) < 0.2


@pytest.mark.parametrize("physics", [Blur.gaussian(1.0, 3), Inpainting.random(4, (1, 8, 8), 0.5, seed=0)])
def test_anything_but_noise_is_refused(physics) -> None:
    with pytest.raises(InvalidInput, match=r"use another method for it"):
        fit_noise2self(Observations.corrupt(_waves(4, 0), physics, 0), seed=0)


def test_one_image_is_too_few(observations) -> None:
    with pytest.raises(InvalidInput, match="at least 2 images"):
        fit_noise2self(observations.take([0]), seed=0)
