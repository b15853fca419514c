"""Where the prior is Gaussian all is known exactly: denoiser, posteriors, samples, and what EM may never do."""

from itertools import islice, pairwise

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Composition,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
    noise_std_of,
)
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.gaussian_em import gaussian_em_rounds  # noqa: E402
from consilience.methods.em_diffusion.krylov import conjugate_gradients, gmres  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.posterior import DPS, MMPS, PGDM  # noqa: E402
from consilience.methods.em_diffusion.sampler import (  # noqa: E402
    ImageNoise,
    noise_levels,
    sample_ancestral,
    sample_heun,
    sample_multistep,
)

IMAGES, SHAPE, PIXELS = 6, (1, 4, 4), 16


def levels(images: int = IMAGES) -> torch.Tensor:
    return torch.linspace(0.1, 0.4, images, dtype=torch.float64)


def kernels(images: int = IMAGES) -> torch.Tensor:
    return torch.rand(images, 1, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


CORRUPTIONS = {
    "masks": lambda n: Inpainting.random(n, SHAPE, 0.5, seed=0, noise_std=0.1),
    "masks, a level an image": lambda n: Inpainting.random(n, SHAPE, 0.5, seed=0, noise_std=levels(n)),
    "one mask": lambda n: Inpainting(torch.arange(16).reshape(4, 4) % 3 > 0, noise_std=0.2),
    "denoising": lambda n: Denoising(noise_std=0.5),
    "denoising, a level an image": lambda n: Denoising(noise_std=levels(n)),
    "blur": lambda n: Blur.gaussian(1.0, 3, noise_std=0.1),
    "a kernel an image": lambda n: Blur(kernels(n), noise_std=levels(n)),
    "downsampling": lambda n: Downsampling(2, noise_std=0.1),
    "a projection an image": lambda n: RandomProjection.random(n, SHAPE, 7, seed=0, noise_std=0.1),
    "projection to more numbers than pixels": lambda n: RandomProjection.random(1, SHAPE, 40, seed=0, noise_std=0.5),
    "blurred, then masked": lambda n: Composition(
        Inpainting.random(n, SHAPE, 0.5, seed=0), Blur.gaussian(1.0, 3), noise_std=0.1
    ),
}
every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)
both_solvers = pytest.mark.parametrize("solver", [conjugate_gradients, gmres])


def random_prior(seed: int = 0, rank: int = PIXELS) -> GaussianPrior:
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(PIXELS, rank, generator=generator, dtype=torch.float64) / 4
    mean = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    return GaussianPrior(mean, root @ root.T)


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def observed(prior: GaussianPrior, name: str, images: int = IMAGES, seed: int = 3) -> Observations:
    clean = prior.sample(lambda: draw(images, *SHAPE, seed=seed))
    return Observations.corrupt(clean, CORRUPTIONS[name](images), seed=seed)


def matrices(physics, images: int = IMAGES) -> torch.Tensor:
    """Return every image's operator, column by column."""
    units = torch.eye(PIXELS, dtype=torch.float64).reshape(PIXELS, 1, *SHAPE)
    return torch.stack([physics.A(unit.expand(images, *SHAPE)).flatten(1) for unit in units], dim=2)


def by_precision(prior: GaussianPrior, given, *, sigma: float | None = None, noisy=None):
    """Return posterior means and covariances by adding precisions: of the prior, of a noisy image, of a measurement."""
    operator, y = matrices(given.physics, len(given)), given.y.flatten(1)
    noise = torch.as_tensor(noise_std_of(given.physics), dtype=torch.float64).expand(len(y))[:, None, None]
    own = torch.linalg.inv(prior.covariance)
    precision = own + operator.mT @ operator / noise**2
    right = own @ prior.mean.flatten() + (operator.mT @ y[:, :, None])[:, :, 0] / noise[:, :, 0] ** 2
    if sigma is not None:
        precision = precision + torch.eye(PIXELS, dtype=torch.float64) / sigma**2
        right = right + noisy.flatten(1) / sigma**2
    return (torch.linalg.solve(precision, right)).reshape(-1, *SHAPE), torch.linalg.inv(precision)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("sigma", [0.05, 1.0, 30.0])
def test_the_denoiser_is_the_conditional_mean(sigma) -> None:
    prior, noisy = random_prior(), draw(IMAGES, *SHAPE)
    gain = torch.linalg.solve(prior.covariance + sigma**2 * torch.eye(PIXELS, dtype=torch.float64), prior.covariance)
    expected = prior.mean + ((noisy - prior.mean).flatten(1) @ gain).reshape(noisy.shape)
    found = prior(noisy, torch.full((IMAGES,), sigma, dtype=torch.float64))
    assert relative(found, expected) < 1e-12


@every_corruption
def test_the_posterior_is_that_of_added_precisions(name) -> None:
    prior = random_prior()
    given = observed(prior, name)
    posterior = prior.posterior(given.physics, given.y)
    mean, covariance = by_precision(prior, given)
    assert relative(posterior.mean, mean) < 1e-9
    assert relative(posterior.covariance(), covariance) < 1e-9
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt().reshape(-1, *SHAPE)
    assert relative(posterior.standard_deviation(), deviation) < 1e-9


@every_corruption
def test_posterior_samples_have_the_posterior_moments(name) -> None:
    """Matheron's rule is affine in the noise: unit noises give its covariance without any chance."""
    prior = random_prior()
    given = observed(prior, name, images=1)
    posterior = prior.posterior(given.physics, given.y)
    draws = 1 + -(-given.y[0].numel() // PIXELS)

    def from_noise(noise: torch.Tensor) -> torch.Tensor:
        parts = iter(noise.reshape(draws, 1, *SHAPE))
        return posterior.sample(lambda: next(parts)).flatten()

    centre = from_noise(torch.zeros(draws * PIXELS, dtype=torch.float64))
    root = torch.stack([from_noise(unit) - centre for unit in torch.eye(draws * PIXELS, dtype=torch.float64)])
    assert relative(centre.reshape(1, *SHAPE), posterior.mean) < 1e-9
    assert relative(root.T @ root, posterior.covariance()[0]) < 1e-9


@every_corruption
@both_solvers
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_mmps_is_exact(name, solver, sigma) -> None:
    prior = random_prior()
    given = observed(prior, name)
    noisy = prior.mean + sigma * draw(IMAGES, *SHAPE)
    mmps = MMPS(prior, given.physics, given.y, iterations=60, solver=solver)
    expected, _ = by_precision(prior, given, sigma=sigma, noisy=noisy)
    assert relative(mmps(noisy, torch.full((IMAGES,), sigma, dtype=torch.float64)), expected) < 1e-8


@every_corruption
@both_solvers
def test_mmps_is_exact_in_single_precision(name, solver) -> None:
    prior = random_prior()
    given = observed(prior, name)
    noisy = prior.mean + draw(IMAGES, *SHAPE)
    mmps = MMPS(prior, given.physics, given.y.float(), iterations=30, solver=solver)
    expected, _ = by_precision(prior, given, sigma=1.0, noisy=noisy)
    assert relative(mmps(noisy.float(), torch.ones(IMAGES)), expected) < 1e-5


@every_corruption
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_pgdm_is_exact_where_the_covariance_is_a_ball(name, sigma) -> None:
    prior = GaussianPrior(random_prior().mean, 0.49 * torch.eye(PIXELS, dtype=torch.float64))
    given = observed(prior, name)
    noisy = prior.mean + sigma * draw(IMAGES, *SHAPE)
    pgdm = PGDM(prior, given.physics, given.y, sigma_data=0.7, iterations=40)
    expected, _ = by_precision(prior, given, sigma=sigma, noisy=noisy)
    assert relative(pgdm(noisy, torch.full((IMAGES,), sigma, dtype=torch.float64)), expected) < 1e-8


@pytest.mark.parametrize("name", ["masks", "masks, a level an image", "denoising", "downsampling"])
def test_one_step_of_pgdm_is_exact_where_rows_are_orthogonal(name) -> None:
    prior = GaussianPrior(random_prior().mean, 0.49 * torch.eye(PIXELS, dtype=torch.float64))
    given = observed(prior, name)
    noisy, ones = prior.mean + draw(IMAGES, *SHAPE), torch.ones(IMAGES, dtype=torch.float64)
    expected, _ = by_precision(prior, given, sigma=1.0, noisy=noisy)
    assert relative(PGDM(prior, given.physics, given.y, sigma_data=0.7)(noisy, ones), expected) < 1e-12


def posteriors(prior, physics, y, steps):
    return {
        "dps": DPS(prior, physics, y, levels=steps, strength=0.7),
        "pgdm": PGDM(prior, physics, y, sigma_data=0.7, iterations=2),
        "mmps": MMPS(prior, physics, y, iterations=3),
        "mmps by gmres": MMPS(prior, physics, y, iterations=3, solver=gmres),
    }


every_posterior = pytest.mark.parametrize("posterior", ["dps", "pgdm", "mmps", "mmps by gmres"])
varied = pytest.mark.parametrize("name", ["masks, a level an image", "a kernel an image", "a projection an image"])


@every_posterior
@varied
@pytest.mark.parametrize("sample", [sample_ancestral, sample_heun, sample_multistep])
def test_a_sample_does_not_depend_on_its_batch(posterior, name, sample) -> None:
    prior, steps = random_prior(), noise_levels(6)
    given = observed(prior, name, images=64)
    given = Observations(given.y.float(), given.physics)
    together = sample(
        posteriors(prior, given.physics, given.y, steps)[posterior],
        ImageNoise(0, [(image,) for image in range(64)], SHAPE),
        steps,
    )
    for image in (0, 17, 63):
        one = given.take([image])
        alone = sample(posteriors(prior, one.physics, one.y, steps)[posterior], ImageNoise(0, [(image,)], SHAPE), steps)
        size = max(1.0, float(alone.abs().max()))
        assert float((alone - together[image : image + 1]).abs().max()) < 1e-5 * size


@every_posterior
def test_noise_levels_may_differ_within_a_batch(posterior) -> None:
    prior, steps = random_prior(), noise_levels(8)
    given = observed(prior, "masks")
    noisy, sigma = prior.mean + draw(IMAGES, *SHAPE), steps[[0, 2, 3, 5, 6, 7]].double()
    together = posteriors(prior, given.physics, given.y, steps)[posterior](noisy, sigma)
    for image in range(IMAGES):
        one, at = given.take([image]), slice(image, image + 1)
        alone = posteriors(prior, one.physics, one.y, steps)[posterior](noisy[at], sigma[at])
        assert torch.allclose(alone, together[at], rtol=0, atol=1e-12)


@every_posterior
@pytest.mark.parametrize(("sample", "evaluations"), [(sample_ancestral, 9), (sample_multistep, 9), (sample_heun, 17)])
def test_the_denoiser_is_evaluated_once_a_guided_step(posterior, sample, evaluations) -> None:
    prior, steps, seen = random_prior(), noise_levels(9), []

    def counting(noisy, sigma):
        seen.append(len(noisy))
        return prior(noisy, sigma)

    given = observed(prior, "masks")
    guided = posteriors(counting, given.physics, given.y, steps)[posterior]
    sample(guided, ImageNoise(0, [(image,) for image in range(IMAGES)], SHAPE), steps)
    assert seen == [IMAGES] * evaluations


@pytest.mark.parametrize("name", ["masks", "blur", "denoising"])
@pytest.mark.parametrize(("sample", "steps"), [(sample_multistep, 40), (sample_ancestral, 128)])
def test_sampling_with_mmps_gives_posterior_samples(name, sample, steps) -> None:
    prior, images, samples = random_prior(rank=24), 2, 1500
    truth = prior.sample(lambda: draw(images, *SHAPE, seed=5))
    given = Observations.corrupt(truth, CORRUPTIONS[name](images), seed=5)
    mean, covariance = by_precision(prior, given)
    many = given.take([image for image in range(images) for _ in range(samples)])
    noise = ImageNoise(0, [(i, s) for i in range(images) for s in range(samples)], SHAPE)
    drawn = sample(MMPS(prior, many.physics, many.y, iterations=10), noise, noise_levels(steps))
    drawn = drawn.double().reshape(images, samples, *SHAPE)
    assert relative(drawn.mean(dim=1), mean) < 0.05
    away = (drawn - mean[:, None]).reshape(-1, PIXELS)
    assert relative(away.T @ away / len(away), covariance.mean(dim=0)) < 0.10
    low, high = drawn.quantile(0.05, dim=1), drawn.quantile(0.95, dim=1)
    # Against draws of the exact posterior, so that two truths need not be lucky.
    fresh = prior.posterior(many.physics, many.y).sample(ImageNoise(1, [(i,) for i in range(len(many))], SHAPE))
    fresh = fresh.reshape(drawn.shape)
    covered = ((fresh >= low[:, None]) & (fresh <= high[:, None])).double().mean()
    assert 0.85 < float(covered) < 0.95


@every_corruption
@pytest.mark.parametrize("ridge", [0.0, 0.01])
@pytest.mark.parametrize("clean_weight", [None, 3.0])
def test_the_likelihood_never_falls(name, ridge, clean_weight) -> None:
    prior = random_prior(rank=5)
    given = observed(prior, name, images=40)
    clean = None if clean_weight is None else prior.sample(lambda: draw(7, *SHAPE, seed=9))
    rounds = gaussian_em_rounds(given, clean=clean, clean_weight=clean_weight or 1.0, ridge=ridge)
    values = [stage.log_likelihood for stage in islice(rounds, 25)]
    assert all(after >= before - 1e-7 * abs(before) for before, after in pairwise(values))
    assert values[-1] > values[0] + 1.0


@every_corruption
def test_a_round_of_em_averages_posterior_moments(name) -> None:
    given = observed(random_prior(rank=5), name, images=20)
    before, after = islice(gaussian_em_rounds(given), 2)
    posterior = GaussianPrior(before.mean, before.covariance).posterior(given.physics, given.y)
    means = posterior.mean.flatten(1)
    assert relative(after.mean.flatten(), means.mean(dim=0)) < 1e-9
    moments = posterior.covariance().mean(dim=0) + torch.cov(means.T, correction=0)
    assert relative(after.covariance, moments) < 1e-9


@every_corruption
def test_the_likelihood_is_the_density_of_the_measurements(name) -> None:
    given = observed(random_prior(), name, images=5)
    stage = next(gaussian_em_rounds(given))
    seen = given.measured.flatten(1)
    noise = torch.as_tensor(noise_std_of(given.physics), dtype=torch.float64).expand(5)
    total = 0.0
    for image, operator in enumerate(matrices(given.physics, 5)):
        rows = seen[image] if name.startswith("masks") else torch.ones_like(seen[image])
        used = operator[rows]
        spread = used @ stage.covariance @ used.T + noise[image] ** 2 * torch.eye(len(used), dtype=torch.float64)
        centre = used @ stage.mean.flatten()
        density = torch.distributions.MultivariateNormal(centre, spread)
        total += float(density.log_prob(given.y.flatten(1)[image, rows]))
    assert stage.log_likelihood == pytest.approx(total, rel=1e-9)
