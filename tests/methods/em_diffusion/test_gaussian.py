"""Gaussian priors beyond the exact laws: fitting, forms of low rank, large images, and what is refused."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from small_gaussians import PIXELS, SHAPE, draw, noise, planted, relative  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion import gaussian, gaussian_systems  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Inpainting, RandomProjection  # noqa: E402
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.prior import Denoiser  # noqa: E402
from consilience.methods.em_diffusion.sampler import ImageNoise  # noqa: E402


def test_low_rank_is_the_full_prior_of_the_same_covariance() -> None:
    low = planted()
    full = GaussianPrior(low.mean, low.covariance)
    assert isinstance(low, Denoiser)
    assert low.variance == pytest.approx(float(full.covariance.trace()) / PIXELS)
    noisy, sigma = draw(5, *SHAPE, seed=2), torch.linspace(0.1, 3, 5, dtype=torch.float64)
    assert torch.allclose(low(noisy, sigma), full(noisy, sigma), rtol=0, atol=1e-12)
    assert torch.allclose(low.sample(noise(5)), full.sample(noise(5)), rtol=0, atol=1e-7)
    vectors = draw(4, PIXELS, seed=3)
    assert torch.allclose(low.spread(vectors), vectors @ low.covariance, rtol=0, atol=1e-12)


def test_samples_have_the_moments_of_the_prior() -> None:
    prior = planted()
    drawn = prior.sample(noise(20000)).flatten(1)
    assert relative(drawn.mean(dim=0), prior.mean.flatten()) < 0.02
    assert relative(torch.cov(drawn.T), prior.covariance) < 0.05


def test_answers_come_in_the_precision_of_the_question() -> None:
    prior = planted()
    assert prior(torch.zeros(2, *SHAPE), torch.ones(2)).dtype == torch.float32
    y = torch.zeros(2, *SHAPE)
    posterior = prior.posterior(Denoising(noise_std=0.1), y)
    assert posterior.mean.dtype == posterior.standard_deviation().dtype == torch.float32
    assert posterior.sample(ImageNoise(0, [(0,), (1,)], SHAPE)).dtype == torch.float32


def test_a_prior_is_saved_as_its_state() -> None:
    prior, other = planted(), planted(rest=0.5)
    other.load_state_dict(prior.state_dict())
    assert torch.equal(other.covariance, prior.covariance)


def test_without_noise_the_measured_pixels_are_kept() -> None:
    prior, physics = planted(rest=0.1), Inpainting.random(4, SHAPE, 0.5, seed=0)
    truth = prior.sample(noise(4))
    found = prior.posterior(physics, physics.A(truth)).mean
    assert float((physics.A(found) - physics.A(truth)).abs().max()) < 1e-4


@pytest.mark.parametrize(
    "corruption",
    [
        lambda n: Inpainting.random(n, SHAPE, 0.5, seed=0, noise_std=0.1),
        lambda n: Blur.gaussian(torch.linspace(0.5, 1.0, n), 3, noise_std=torch.linspace(0.1, 0.3, n)),
        lambda n: RandomProjection.random(1, SHAPE, 20, seed=0, noise_std=0.2),
    ],
)
def test_large_images_are_solved_by_iteration_to_the_same_posterior(monkeypatch, corruption) -> None:
    prior = planted()
    given = Observations.corrupt(prior.sample(noise(9)), corruption(9), seed=0)
    exact = prior.posterior(given.physics, given.y)
    expected = exact.mean, exact.sample(noise(9, seed=1))
    monkeypatch.setattr(gaussian, "EXACT_PIXELS", 1)
    iterated = prior.posterior(given.physics, given.y)
    assert relative(iterated.mean, expected[0]) < 1e-3
    assert relative(iterated.sample(noise(9, seed=1)), expected[1]) < 1e-3
    with pytest.raises(InvalidInput, match="draw samples"):
        iterated.standard_deviation()


@pytest.mark.parametrize(
    "corruption",
    [
        lambda n: Inpainting.random(n, SHAPE, 0.5, seed=0, noise_std=0.1),
        lambda n: Blur.gaussian(torch.linspace(0.5, 1.0, n), 3, noise_std=0.1),
        lambda n: Denoising(noise_std=torch.linspace(0.1, 0.3, n)),
        lambda n: Denoising(noise_std=0.3),
    ],
)
def test_blocks_change_nothing(monkeypatch, corruption) -> None:
    given = Observations.corrupt(planted().sample(noise(50)), corruption(50), seed=0)

    def everything() -> list[torch.Tensor]:
        prior = fit_gaussian_em(given, iterations=4)
        posterior = prior.posterior(given.physics, given.y)
        return [prior.covariance, posterior.mean, posterior.covariance(), posterior.standard_deviation()]

    whole = everything()
    monkeypatch.setattr(gaussian_systems, "BLOCK_ENTRIES", 1000)
    monkeypatch.setattr(gaussian_systems, "KEPT_ENTRIES", 0)
    for one, other in zip(whole, everything(), strict=True):
        assert relative(one, other) < 1e-9


@pytest.mark.parametrize(
    ("covariance", "match"),
    [
        (torch.eye(3), "16 by 16"),
        (-torch.eye(PIXELS), "no negative eigenvalue"),
        (torch.eye(PIXELS) + torch.triu(torch.ones(PIXELS, PIXELS), 1), "symmetric"),
        (torch.full((PIXELS, PIXELS), float("nan")), "finite"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, match) -> None:
    with pytest.raises(InvalidInput, match=match):
        GaussianPrior(torch.zeros(SHAPE), covariance)


def test_directions_of_other_images_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 directions of 16 pixels"):
        GaussianPrior.low_rank(torch.zeros(SHAPE), torch.ones(2), torch.zeros(9, 2), 0.1)


def test_measurements_of_other_images_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"shape \(1, 4, 4\); got \(1, 3, 3\)"):
        planted().posterior(Denoising(noise_std=0.1), torch.zeros(2, 1, 3, 3))
