"""Sampling in one place: settings reach the posterior and the sampler, and company changes no sample."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from pydantic import ValidationError  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
)
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.krylov import conjugate_gradients, gmres  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.posterior import DPS, MMPS, PGDM  # noqa: E402
from consilience.methods.em_diffusion.prior import NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402

SHAPE, IMAGES = (1, 4, 4), 4
QUICK = Sampling(steps=6, corrections=1, correction_low=0.1, high=5.0)
POSTERIORS = {
    "mmps": {},
    "mmps by gmres": {"solver": "gmres"},
    "pgdm": {"posterior": "pgdm"},
    "dps": {"posterior": "dps", "strength": 0.1},
}
SAMPLERS = ("ancestral", "multistep", "heun")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def network_prior(shape: tuple[int, int, int] = SHAPE) -> NetworkPrior:
    network = ResidualPerceptron(*shape, width=12, blocks=1)
    with torch.no_grad():
        for place, parameter in enumerate(network.parameters()):
            parameter.copy_(0.3 * draw(*parameter.shape, seed=place))
    return NetworkPrior(network, sigma_data=0.7, mean=-0.3).eval()


def observed(keep: float = 0.5, images: int = IMAGES, dtype: torch.dtype = torch.float32) -> Observations:
    masks = Inpainting.random(images, SHAPE, keep, seed=1, noise_std=torch.linspace(0.05, 0.3, images))
    return Observations.corrupt(draw(images, *SHAPE).to(dtype), masks, seed=0)


def exact() -> tuple[NetworkPrior, Observations]:
    """Both in double precision: products of other sizes round differently, and a sampler amplifies that."""
    return network_prior().double(), observed(dtype=torch.float64)


class Counted:
    """A denoiser that counts its evaluations and the images in each."""

    def __init__(self, prior) -> None:
        self.prior, self.sizes = prior, []

    def __call__(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(noisy))
        return self.prior(noisy, sigma)


def settings(posterior: str, sampler: str, **further) -> Sampling:
    return Sampling(steps=6, corrections=1, high=5.0, sampler=sampler, **POSTERIORS[posterior], **further)


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_how_many_are_sampled_at_a_time_changes_nothing(posterior, sampler) -> None:
    """A last chunk that is not full has the strength of the others: the published code took one norm over a batch."""
    prior, given = exact()
    whole, threes, single = (
        settings(posterior, sampler, chunk=chunk).restore(prior, given, samples=2, seed=0) for chunk in (4096, 3, 1)
    )
    assert whole.shape == (IMAGES, 2, *SHAPE)
    assert float((whole - threes).abs().max()) < 1e-11
    assert float((whole - single).abs().max()) < 1e-11


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_a_sample_does_not_depend_on_what_else_is_restored(posterior) -> None:
    (prior, given), some = exact(), [3, 0]
    how = settings(posterior, "multistep")
    whole = how.restore(prior, given, samples=2, seed=4)
    alone = how.restore(prior, given.take(some), samples=2, seed=4, names=some)
    more = how.restore(prior, given.take(some), samples=5, seed=4, names=some)
    assert float((whole[some] - alone).abs().max()) < 1e-11
    assert float((alone - more[:, :2]).abs().max()) < 1e-11


def test_places_are_the_names_where_none_are_given() -> None:
    given = observed()
    assert torch.equal(
        QUICK.restore(network_prior(), given, samples=2, seed=4),
        QUICK.restore(network_prior(), given, samples=2, seed=4, names=list(range(IMAGES))),
    )


def test_names_seeds_and_samples_each_give_other_noise() -> None:
    one = observed(images=4).take([2])
    first = QUICK.restore(network_prior(), one, samples=2, seed=4, names=[0])
    for seed, names in ((4, [1]), (5, [0])):
        assert not torch.allclose(QUICK.restore(network_prior(), one, samples=2, seed=seed, names=names), first)
    assert not torch.allclose(first[:, 0], first[:, 1])


def test_restoring_neither_hears_nor_moves_the_global_generator() -> None:
    prior, given, restored = network_prior(), observed(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        restored.append(QUICK.restore(prior, given, samples=1, seed=0))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*restored)


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("corrections", [0, 2])
def test_evaluations_are_as_stated(posterior, sampler, corrections) -> None:
    how = Sampling(steps=5, corrections=corrections, sampler=sampler, **POSTERIORS[posterior])
    prior = Counted(network_prior())
    how.restore(prior, observed(), samples=2, seed=0)
    assert prior.sizes == [2 * IMAGES] * how.evaluations
    assert how.evaluations >= 5


def test_chunks_are_as_large_as_allowed() -> None:
    prior = Counted(network_prior())
    Sampling(steps=2, corrections=0, chunk=3).restore(prior, observed(), samples=2, seed=0)
    assert prior.sizes == [3, 3, 3, 3, 2, 2]


def test_settings_reach_the_posterior() -> None:
    given, prior = observed(), network_prior()
    mmps = Sampling(iterations=3, value_range=None).guide(prior, given)
    assert isinstance(mmps, MMPS)
    assert (mmps.iterations, mmps.solver, mmps.value_range) == (3, conjugate_gradients, None)
    assert Sampling(solver="gmres").guide(prior, given).solver is gmres
    pgdm = Sampling(posterior="pgdm", iterations=4, value_range=(0.0, 2.0)).guide(prior, given)
    assert isinstance(pgdm, PGDM)
    assert (pgdm.iterations, pgdm.value_range) == (4, (0.0, 2.0))
    assert pgdm.sigma_data == pytest.approx(0.7)
    how = Sampling(posterior="dps", strength=0.2, steps=9)
    dps = how.guide(prior, given)
    assert isinstance(dps, DPS)
    assert dps.strength == 0.2
    assert torch.equal(dps.levels, how.levels)


def test_a_prior_that_knows_no_spread_can_be_guided_by_a_ball() -> None:
    flat = GaussianPrior(torch.zeros(SHAPE), torch.eye(16))
    assert Sampling(posterior="pgdm").guide(flat, observed()).sigma_data == 1.0


def test_corrections_bring_samples_to_the_measurement_and_settings_say_where() -> None:
    plain = Sampling(steps=6)
    assert plain.corrector.steps == 3
    assert Sampling(corrections=0).corrector is None
    assert Sampling(sampler="heun").corrector is None
    few, many = (
        Sampling(steps=6, corrections=corrections, correction_step=0.4).restore(
            network_prior(), observed(), samples=1, seed=0
        )
        for corrections in (0, 4)
    )
    assert not torch.allclose(few, many)
    nowhere = Sampling(steps=6, corrections=4, correction_low=30.0, correction_high=40.0)
    assert nowhere.evaluations == 6
    assert torch.equal(nowhere.restore(network_prior(), observed(), samples=1, seed=0), few)


@pytest.mark.parametrize(
    "make",
    [
        lambda images: Denoising(noise_std=0.2),
        lambda images: Blur.gaussian(1.0, 3, noise_std=0.2),
        lambda images: Downsampling(2, noise_std=0.2),
        lambda images: RandomProjection.random(images, (3, 4, 4), 9, seed=0, noise_std=0.2),
    ],
    ids=["noise", "blur", "fewer pixels", "projection"],
)
def test_three_channels_and_measurements_of_other_shapes_are_restored(make) -> None:
    """The published blur takes one channel; measurements there must have the shape of images."""
    given = Observations.corrupt(draw(IMAGES, 3, 4, 4), make(IMAGES), seed=0)
    for posterior in POSTERIORS:
        restored = settings(posterior, "multistep").restore(network_prior((3, 4, 4)), given, samples=2, seed=0)
        assert restored.shape == (IMAGES, 2, 3, 4, 4)
        assert bool(restored.isfinite().all())


def test_samples_are_of_the_posterior_not_of_the_prior() -> None:
    flat = GaussianPrior(torch.zeros(SHAPE), torch.eye(16))
    given = Observations.corrupt(draw(IMAGES, *SHAPE), Denoising(noise_std=0.2), seed=0)
    drawn = Sampling(steps=30, value_range=None).restore(flat, given, samples=80, seed=0)
    exact, spread = given.y / 1.04, (0.04 / 1.04) ** 0.5
    assert float((drawn.mean(dim=1) - exact).abs().mean()) < 0.06
    assert float(drawn.std(dim=1).mean()) == pytest.approx(spread, rel=0.15)


def test_generated_images_have_the_law_of_the_prior_whatever_the_chunk() -> None:
    prior = GaussianPrior(torch.full(SHAPE, -0.4), 0.3 * torch.eye(16))
    how = Sampling(steps=40)
    drawn = how.generate(prior, 300, SHAPE, seed=0)
    assert drawn.shape == (300, *SHAPE)
    assert float(drawn.mean()) == pytest.approx(-0.4, abs=0.03)
    assert float(drawn.var()) == pytest.approx(0.3, rel=0.1)
    pieces = Sampling(steps=40, chunk=7).generate(prior, 20, SHAPE, seed=0)
    assert float((pieces - drawn[:20]).abs().max()) < 1e-5
    assert not torch.allclose(how.generate(prior, 20, SHAPE, seed=1), pieces)


def test_generated_images_are_in_the_precision_asked_for() -> None:
    prior = GaussianPrior(torch.zeros(SHAPE), torch.eye(16))
    like = torch.zeros((), dtype=torch.float64)
    assert QUICK.generate(prior, 2, SHAPE, seed=0, like=like).dtype == torch.float64


def test_levels_are_those_of_the_settings() -> None:
    levels = Sampling(steps=5, low=0.1, high=4.0).levels.tolist()
    assert (levels[0], levels[-2], levels[-1]) == pytest.approx((4.0, 0.1, 0.0))
    with pytest.raises(InvalidInput, match="low < high"):
        _ = Sampling(low=2.0, high=1.0).levels


@pytest.mark.parametrize(
    "bad",
    [
        {"posterior": "mpps"},
        {"sampler": "euler"},
        {"solver": "lu"},
        {"steps": 0},
        {"iterations": 0},
        {"strength": -1.0},
        {"correction": 2},
    ],
)
def test_settings_that_cannot_be_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        Sampling(**bad)
