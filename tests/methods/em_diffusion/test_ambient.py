"""Ambient Diffusion: hidden pixels never count, what is shown is less than what is measured, and it learns."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.ambient import AmbientPrior, fit_ambient  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.filling import fill_with_constant  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.posterior import PGDM  # noqa: E402
from consilience.methods.em_diffusion.prior import Denoiser  # noqa: E402
from consilience.methods.em_diffusion.quality import PixelEmbedding, frechet_percent  # noqa: E402
from consilience.methods.em_diffusion.sampler import ImageNoise, noise_levels, sample_ancestral  # noqa: E402

SHAPE = (1, 6, 6)


def _waves(images: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(images, 1, 1, 1, generator=generator)
    row, column = torch.arange(6.0)[:, None], torch.arange(6.0)[None]
    return 1.0 + torch.sin(0.8 * row + 0.4 * column + phase)


def _masked(images: int, seed: int) -> Observations:
    return Observations.corrupt(_waves(images, seed), Inpainting.random(images, SHAPE, 0.4, seed=seed), seed)


@pytest.fixture(scope="module")
def prior() -> AmbientPrior:
    return fit_ambient(_masked(300, 0), _waves(20, 1), seed=0, steps=400, width=64, learning_rate=3e-3)


class Recorder(torch.nn.Module):
    """Answers with a constant and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = torch.nn.Parameter(torch.zeros(()))
        self.shown = []

    def forward(self, seen, label):
        self.shown.append(seen.detach().clone())
        return self.constant.expand(len(seen), seen.shape[1] - 1, *seen.shape[2:])

    def __deepcopy__(self, _):
        return Recorder()


def test_hidden_pixels_are_zero_to_the_network_and_some_measured_ones_are_hidden_too() -> None:
    recorder, observations = Recorder(), _masked(50, 0)
    fit_ambient(observations, seed=0, steps=30, batch_size=64, further=0.3, network=recorder)
    image, mask = torch.cat(recorder.shown).chunk(2, dim=1)
    assert (image[mask == 0] == 0).all()
    assert float(mask.mean()) == pytest.approx(0.4 * 0.7, abs=0.02)


def test_half_of_the_clean_share_is_shown_whole() -> None:
    recorder = Recorder()
    fit_ambient(_masked(50, 0), _waves(5, 1), seed=0, steps=10, batch_size=40, clean_share=0.2, network=recorder)
    whole = torch.stack(recorder.shown)[:, :, 1].flatten(2).all(dim=2)
    assert (whole.sum(dim=1) == 4).all()


def test_the_loss_asks_for_measured_pixels_only() -> None:
    """Hidden pixels are zero in the observations; the best constant is the mean of the others."""
    losses = []
    observations = Observations(
        torch.where(_masked(50, 0).measured, 5.0, 0.0) + _masked(50, 0).y, _masked(50, 0).physics
    )
    fit_ambient(
        observations, seed=0, steps=1, batch_size=5000, network=Recorder(), on_step=lambda _, loss: losses.append(loss)
    )
    assert losses == pytest.approx([float(observations.y[observations.measured].var())], rel=0.05)


def test_what_is_hidden_has_no_say(prior) -> None:
    noisy, sigma = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.full((4,), 0.5)
    mask = _masked(4, 3).measured
    other = torch.where(mask, noisy, torch.tensor(float("1e6")))
    assert torch.equal(prior.through(mask)(noisy, sigma), prior.through(mask)(other, sigma))
    assert not torch.equal(prior.through(mask)(noisy, sigma), prior(noisy, sigma))


def test_one_evaluation_restores_far_better_than_the_mean_and_keeps_what_was_measured(prior) -> None:
    unseen, truth = _masked(100, 7), _waves(100, 7)
    restored = prior.restore(unseen)
    assert torch.equal(restored[unseen.measured], unseen.y[unseen.measured])
    error, trivial = (float(((image - truth) ** 2).mean()) for image in (restored, fill_with_constant(unseen)))
    assert error < 0.3 * trivial


def test_generated_images_resemble_clean_ones_far_more_than_masked_ones_do(prior) -> None:
    generated = prior.generate(100, SHAPE, seed=0, levels=noise_levels(20))
    distance, masked = (
        frechet_percent(images, _waves(100, 8), PixelEmbedding()) for images in (generated, _masked(100, 9).y)
    )
    assert distance < 0.3 * masked


def test_an_image_is_generated_alike_in_any_batch(prior) -> None:
    levels = noise_levels(5)
    many = prior.generate(6, SHAPE, seed=3, levels=levels)
    assert torch.allclose(prior.generate(2, SHAPE, seed=3, first=4, levels=levels), many[4:], atol=1e-5)
    assert not torch.allclose(prior.generate(2, SHAPE, seed=4, levels=levels), many[:2], atol=0.1)


def test_it_is_a_denoiser_that_posteriors_take(prior) -> None:
    assert isinstance(prior, Denoiser)
    unseen, truth = _masked(50, 7), _waves(50, 7)
    posterior = PGDM(prior, unseen.physics, unseen.y, sigma_data=0.7)
    samples = sample_ancestral(posterior, ImageNoise(0, [(i,) for i in range(50)], SHAPE), noise_levels(20))
    error, trivial = (float(((image - truth) ** 2).mean()) for image in (samples, fill_with_constant(unseen)))
    assert error < 0.5 * trivial


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    sigma = torch.full((3,), 0.5)
    one, same, other = (
        fit_ambient(_masked(20, 0), _waves(4, 1), seed=seed, steps=3, batch_size=8, width=16)(_waves(3, 2), sigma)
        for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_generators_of_other_devices_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    fit_ambient(_masked(20, 0), _waves(4, 1), seed=0, steps=1, batch_size=8, width=16)


def test_channels_that_are_hidden_one_by_one_have_a_mask_each() -> None:
    colours = _waves(30, 0).repeat(1, 3, 1, 1)
    masks = Inpainting.random(30, (3, 6, 6), 0.5, seed=0, per_channel=True)
    prior = fit_ambient(Observations.corrupt(colours, masks, 0), seed=0, steps=3, batch_size=8, width=16)
    assert prior.mask_channels == 3
    assert prior.generate(2, (3, 6, 6), seed=0, levels=noise_levels(3)).shape == (2, 3, 6, 6)
    assert prior.restore(Observations.corrupt(colours, masks, 0)).shape == colours.shape


def test_it_moves_with_the_unit_of_the_pixels() -> None:
    """In another unit and from another zero, the same images are restored."""
    masks = Inpainting.random(40, SHAPE, 0.5, seed=0)
    one, other = (
        fit_ambient(Observations(masks.A(pixels), masks), seed=0, steps=20, batch_size=16, width=16).restore(
            Observations(masks.A(pixels), masks)
        )
        for pixels in (_waves(40, 0), 100.0 * _waves(40, 0) + 30.0)
    )
    assert torch.allclose(100.0 * one + 30.0, other, atol=0.5)


@pytest.mark.parametrize("physics", [Blur.gaussian(1.0, 3), Denoising(noise_std=0.1)])
def test_anything_but_hidden_pixels_is_refused(physics) -> None:
    with pytest.raises(InvalidInput, match=r"masked images|some pixels are hidden"):
        fit_ambient(Observations.corrupt(_waves(4, 0), physics, 0), seed=0)


def test_clean_images_of_another_shape_and_shares_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\(1, 6, 6\); got \(1, 8, 8\)"):
        fit_ambient(_masked(4, 0), torch.zeros(2, 1, 8, 8), seed=0)
    with pytest.raises(InvalidInput, match="`further` must be a share"):
        fit_ambient(_masked(4, 0), seed=0, further=1.0)
    with pytest.raises(InvalidInput, match="at least 1; got 0"):
        fit_ambient(_masked(4, 0), seed=0, steps=0)
