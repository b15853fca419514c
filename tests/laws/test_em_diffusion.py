"""What EM relies on, whatever the code: images do not hear of each other, and the truth is where EM stays."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Composition,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
)
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.held_out import PartlySeen  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.prior import NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402

IMAGES, SHAPE = 64, (1, 4, 4)
LEVELS = torch.linspace(0.1, 0.5, IMAGES, dtype=torch.float64)

CORRUPTIONS = {
    "masks": lambda: Inpainting.random(IMAGES, SHAPE, 0.5, seed=0, noise_std=LEVELS),
    "boxes": lambda: Inpainting.box(IMAGES, SHAPE, 2, seed=0, noise_std=0.1),
    "noise": lambda: Denoising(noise_std=LEVELS),
    "blur": lambda: Blur.gaussian(LEVELS + 0.3, 3, noise_std=0.1),
    "motion": lambda: Blur.motion(3.0, 360 * LEVELS, padding="circular", noise_std=0.1),
    "blocks": lambda: Downsampling(2, noise_std=0.1),
    "projections": lambda: RandomProjection.random(IMAGES, SHAPE, 6, seed=0, noise_std=0.1),
    "blurred blocks": lambda: Composition(Downsampling(2, noise_std=0.1), Blur.gaussian(1.0, 3)),
}
POSTERIORS = {
    "mmps": {},
    "mmps by gmres": {"solver": "gmres"},
    "pgdm": {"posterior": "pgdm"},
    "dps": {"posterior": "dps", "strength": 0.1},
}
SAMPLERS = ("ancestral", "multistep", "heun")

every_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS)
every_posterior = pytest.mark.parametrize("posterior", POSTERIORS)
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network_prior() -> NetworkPrior:
    network = ResidualPerceptron(*SHAPE, width=12, blocks=1).double()
    with torch.no_grad():
        for place, parameter in enumerate(network.parameters()):
            parameter.copy_(0.2 * draw(*parameter.shape, seed=place))
    return NetworkPrior(network, sigma_data=0.7, mean=-0.3).double().eval()


def observed(corruption: str) -> Observations:
    return Observations.corrupt(draw(IMAGES, *SHAPE), CORRUPTIONS[corruption](), seed=0)


def e_step(given: Observations, how: Sampling, rows: list[int]) -> torch.Tensor:
    """Restore some of the observations by streams of their own names."""
    return how.restore(network_prior(), given.take(rows), samples=1, seed=0, names=rows)


@every_posterior
@every_sampler
def test_an_image_alone_is_restored_as_among_sixty_four(posterior, sampler) -> None:
    """The published code, as others do, takes one norm over a batch: eight times less guidance among sixty-four."""
    given, how = observed("masks"), Sampling(steps=4, corrections=1, sampler=sampler, **POSTERIORS[posterior])
    together = e_step(given, how, list(range(IMAGES)))
    for row in (0, 17, 63):
        assert float((e_step(given, how, [row]) - together[row]).abs().max()) < 1e-9


@every_posterior
@every_corruption
def test_an_image_alone_is_restored_as_among_others_whatever_corrupted_it(corruption, posterior) -> None:
    given, how = observed(corruption), Sampling(steps=3, corrections=0, **POSTERIORS[posterior])
    together = e_step(given, how, list(range(IMAGES)))
    assert float((e_step(given, how, [41]) - together[41]).abs().max()) < 1e-9


@every_posterior
def test_the_order_of_observations_changes_nothing(posterior) -> None:
    given, how = observed("masks"), Sampling(steps=4, corrections=1, **POSTERIORS[posterior])
    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(0)).tolist()
    assert float((e_step(given, how, order) - e_step(given, how, list(range(IMAGES)))[order]).abs().max()) < 1e-9


@every_posterior
def test_no_image_hears_of_another_one_s_measurement(posterior) -> None:
    given, how = observed("noise"), Sampling(steps=4, corrections=1, value_range=None, **POSTERIORS[posterior])
    loud = given.y.clone()
    loud[5] *= 1e6
    rows = [row for row in range(IMAGES) if row != 5]
    restored = [e_step(Observations(y, given.physics), how, list(range(IMAGES))) for y in (given.y, loud)]
    assert float((restored[0] - restored[1])[rows].abs().max()) < 1e-9
    assert float((restored[0] - restored[1])[5].abs().max()) > 1e-2


@every_corruption
def test_a_corruption_that_is_partly_looked_at_has_its_adjoint(corruption) -> None:
    physics, x = CORRUPTIONS[corruption](), draw(IMAGES, *SHAPE)
    y = draw(*physics.A(x).shape, seed=1)
    seen = torch.rand(y.shape, generator=torch.Generator().manual_seed(2)) < 0.7
    partly = PartlySeen(physics, seen)
    left = (partly.A(x) * y).flatten(1).sum(dim=1)
    right = (x * partly.A_adjoint(y)).flatten(1).sum(dim=1)
    assert torch.allclose(left, right, rtol=0, atol=1e-12)
    assert not bool(partly.A(x)[~seen].any())


@pytest.mark.parametrize("corruption", ["masks", "noise", "blocks", "projections"])
def test_the_truth_is_where_em_stays(corruption) -> None:
    """Posterior samples of measurements of images are images: averaged over y, p(x | y) is p(x)."""
    place = torch.arange(16, dtype=torch.float64)
    apart = (place[:, None] // 4 - place // 4) ** 2 + (place[:, None] % 4 - place % 4) ** 2
    truth = GaussianPrior(torch.full(SHAPE, -0.3, dtype=torch.float64), 0.5 * torch.exp(-apart / 3.0))
    root, repeats = torch.linalg.cholesky(truth.covariance), 12
    images = (draw(repeats * IMAGES, 16, seed=3) @ root.T - 0.3).reshape(-1, *SHAPE)
    physics = CORRUPTIONS[corruption]().take(list(range(IMAGES)) * repeats)
    given = Observations.corrupt(images, physics, seed=0)
    how = Sampling(steps=60, iterations=16, corrections=0, value_range=None)
    drawn = how.restore(truth, given, samples=1, seed=0)[:, 0].flatten(1)
    assert float((drawn.mean(dim=0) + 0.3).abs().max()) < 4 * (0.5 / len(drawn)) ** 0.5
    variances, directions = torch.linalg.eigh(truth.covariance)
    along = ((drawn + 0.3) @ directions).square().mean(dim=0) / variances
    chance = (2 / len(drawn)) ** 0.5
    assert float((along - 1).abs().max()) < 4 * chance
    assert float(along.mean()) == pytest.approx(1.0, abs=4 * chance / 4)
    # The samples are no copies of the images, and know more of them than the prior.
    misfit = float((drawn - images.flatten(1)).square().mean())
    assert 1e-3 < misfit < 0.9


@pytest.mark.parametrize("keep", [0.1, 0.4, 0.9])
def test_masks_show_the_share_that_was_asked_for(keep) -> None:
    """The published code hides nine tenths, whatever its settings say."""
    masks = Inpainting.random(400, (3, 8, 8), keep, seed=0)
    share = float(Observations.corrupt(draw(400, 3, 8, 8), masks, seed=0).measured.double().mean())
    assert share == pytest.approx(keep, abs=4 * (keep * (1 - keep) / (400 * 64)) ** 0.5)
