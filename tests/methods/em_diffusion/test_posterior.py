"""Guidance beyond the exact laws: what each posterior adds, in which units, and to whom."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.corruption import Denoising, Downsampling, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.posterior import DPS, LEAST_NOISE, MMPS, PGDM  # noqa: E402
from consilience.methods.em_diffusion.prior import Denoiser, NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.sampler import ImageNoise, noise_levels, sample_ancestral  # noqa: E402

SHAPE, IMAGES = (1, 4, 4), 3


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network_prior() -> NetworkPrior:
    """Return a prior whose Jacobian is neither symmetric nor the same everywhere."""
    network = ResidualPerceptron(*SHAPE, width=12, blocks=1).double()
    with torch.no_grad():
        for place, parameter in enumerate(network.parameters()):
            parameter.copy_(0.4 * draw(*parameter.shape, seed=place))
    return NetworkPrior(network, sigma_data=0.7, mean=-0.3).double()


def linear_prior() -> GaussianPrior:
    root = draw(16, 16, seed=9) / 4
    return GaussianPrior(draw(*SHAPE, seed=8), root @ root.T)


def posteriors(prior, physics, y):
    return (
        DPS(prior, physics, y, levels=noise_levels(5)),
        PGDM(prior, physics, y, sigma_data=0.7),
        MMPS(prior, physics, y),
    )


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_an_ancestral_step_with_dps_is_the_published_one_in_their_coordinates(strength) -> None:
    """From level s to s', in z = x / sqrt(1 + s^2): z' of the prior minus strength times the gradient in z."""
    prior, physics, y = network_prior(), Downsampling(2, noise_std=0.1), draw(IMAGES, 1, 2, 2)
    levels = noise_levels(4)
    now, later = float(levels[1]), float(levels[2])
    image, sigma = draw(IMAGES, *SHAPE, seed=1), torch.full((IMAGES,), now, dtype=torch.float64)
    scaled = (image / math.sqrt(1 + now**2)).requires_grad_()
    expected = prior(scaled * math.sqrt(1 + now**2), sigma)
    distance = (y - physics.A(expected)).flatten(1).norm(dim=1)
    (gradient,) = torch.autograd.grad(distance.sum(), scaled)
    kept = (later / now) ** 2
    unguided = (expected + kept * (image - expected)) / math.sqrt(1 + later**2)
    published = math.sqrt(1 + later**2) * (unguided - strength * gradient)
    guided = DPS(prior, physics, y, levels=levels, strength=strength)(image, sigma)
    assert torch.allclose(guided + kept * (image - guided), published, rtol=0, atol=1e-10)


def test_a_measurement_twice_as_far_moves_dps_no_further_and_another_image_not_at_all() -> None:
    prior, physics, image = network_prior(), Denoising(noise_std=0.1), draw(IMAGES, *SHAPE)
    levels = noise_levels(5)
    sigma = levels[2].double().expand(IMAGES)
    expected = prior(image, sigma).detach()
    near = DPS(prior, physics, expected + 1.0, levels=levels)(image, sigma)
    shift = torch.tensor([1.0, 2.0, 100.0], dtype=torch.float64).reshape(-1, 1, 1, 1)
    far = DPS(prior, physics, expected + shift, levels=levels)(image, sigma)
    assert torch.allclose(near, far, rtol=0, atol=1e-10)


def test_what_fits_already_is_left_alone() -> None:
    prior, physics = network_prior(), Inpainting.random(IMAGES, SHAPE, 0.5, seed=0, noise_std=0.1)
    image, sigma = draw(IMAGES, *SHAPE), noise_levels(5)[2].double().expand(IMAGES)
    expected = prior(image, sigma).detach()
    for posterior in posteriors(prior, physics, physics.A(expected)):
        assert torch.equal(posterior(image, sigma), expected)


def test_each_draws_the_expected_image_to_the_measurement() -> None:
    prior, physics = linear_prior(), Inpainting.random(IMAGES, SHAPE, 0.5, seed=0, noise_std=0.1)
    image, sigma = draw(IMAGES, *SHAPE), noise_levels(40)[20].double().expand(IMAGES)
    expected = prior(image, sigma).detach()
    y = physics.A(expected + 0.3 * draw(IMAGES, *SHAPE, seed=1))
    before = (y - physics.A(expected)).flatten(1).norm(dim=1)
    # A ball smaller than the covariance overshoots, and so does a long step of DPS.
    careful = (
        DPS(prior, physics, y, levels=noise_levels(40), strength=1e-4),
        PGDM(prior, physics, y, sigma_data=2.0),
        MMPS(prior, physics, y),
    )
    for posterior in careful:
        assert ((y - physics.A(posterior(image, sigma))).flatten(1).norm(dim=1) < before).all()


def test_a_posterior_is_a_denoiser_of_posteriors_kind_and_leaves_no_graph() -> None:
    prior, physics, y = network_prior(), Downsampling(2, noise_std=0.1), draw(IMAGES, 1, 2, 2)
    for posterior in posteriors(prior, physics, y):
        assert isinstance(posterior, Denoiser)
        with torch.no_grad():
            found = posterior(draw(IMAGES, *SHAPE), torch.ones(IMAGES, dtype=torch.float64))
        assert found.shape == (IMAGES, *SHAPE)
        assert not found.requires_grad
    assert all(parameter.grad is None for parameter in prior.parameters())


def test_without_noise_a_little_is_assumed() -> None:
    prior, y = network_prior(), draw(IMAGES, *SHAPE)
    image, sigma = draw(IMAGES, *SHAPE, seed=1), torch.ones(IMAGES, dtype=torch.float64)
    for kind in (lambda physics: PGDM(prior, physics, y, sigma_data=0.7), lambda physics: MMPS(prior, physics, y)):
        none = kind(Denoising())(image, sigma)
        assert torch.isfinite(none).all()
        assert torch.equal(none, kind(Denoising(noise_std=LEAST_NOISE))(image, sigma))
        assert not torch.allclose(none, kind(Denoising(noise_std=0.5))(image, sigma))


def test_noise_levels_of_images_are_their_own() -> None:
    prior, y = network_prior(), draw(IMAGES, *SHAPE)
    image, sigma = draw(IMAGES, *SHAPE, seed=1), torch.ones(IMAGES, dtype=torch.float64)
    levels = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    together = MMPS(prior, Denoising(noise_std=levels), y)(image, sigma)
    for place, level in enumerate(levels.tolist()):
        alone = MMPS(prior, Denoising(noise_std=level), y)(image, sigma)
        assert torch.allclose(together[place], alone[place], rtol=0, atol=1e-12)


class FromElsewhere:
    """An operator under deepinv's names, with its noise level where deepinv keeps it."""

    class Noise:
        sigma = 0.2

    noise_model = Noise()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.A(x)

    def A(self, x: torch.Tensor) -> torch.Tensor:  # noqa: N802
        return x[..., ::2] - x[..., 1::2]

    def A_adjoint(self, y: torch.Tensor) -> torch.Tensor:  # noqa: N802
        return torch.stack([y, -y], dim=-1).flatten(-2)


def test_a_physics_from_elsewhere_guides_too() -> None:
    prior, physics, truth = linear_prior(), FromElsewhere(), draw(IMAGES, *SHAPE)
    steps = noise_levels(20)
    noise = ImageNoise(0, [(i,) for i in range(IMAGES)], SHAPE, like=truth)
    guided = MMPS(prior, physics, physics.A(truth), iterations=4)
    drawn = sample_ancestral(guided, noise, steps)
    assert float((physics.A(drawn) - physics.A(truth)).std()) < 0.5 * float(physics.A(truth).std())
