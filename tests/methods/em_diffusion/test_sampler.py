"""Noise levels, streams of noise, and how far each sampler is from the law it samples."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.prior import NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.sampler import (  # noqa: E402
    ImageNoise,
    noise_levels,
    sample_ancestral,
    sample_heun,
    sample_multistep,
)

every_sampler = pytest.mark.parametrize("sample", [sample_ancestral, sample_multistep, sample_heun])


class White:
    """The exact denoiser of independent pixels, that counts how often it is asked."""

    def __init__(self, mean: float = 0.0, variance: float = 1.0) -> None:
        self.mean, self.variance, self.asked = mean, variance, []

    def __call__(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.asked.append(float(sigma[0]))
        gain = (self.variance / (self.variance + sigma**2)).reshape(-1, 1, 1, 1)
        return self.mean + gain * (noisy - self.mean)


class Impulses(ImageNoise):
    """Noise of one draw at a time: image k has a one in draw k and zeros in all others."""

    def __init__(self, draws: int) -> None:
        self.draws, self.next = draws, 0

    def __call__(self) -> torch.Tensor:
        noise = torch.zeros(self.draws, 1, 1, 1, dtype=torch.float64)
        noise[self.next] = 1.0
        self.next += 1
        return noise


def excess(sample, steps: int, variance: float) -> float:
    """Return by what share the variance of samples is too large; exact, for samplers here are linear in the noise."""
    moved = sample(White(variance=variance), Impulses(1 if sample is sample_heun else steps), noise_levels(steps))
    return float((moved**2).sum()) / variance - 1.0


def test_levels_fall_from_high_to_low_and_end_at_zero() -> None:
    levels = noise_levels(10, low=0.02, high=5.0)
    assert (float(levels[0]), float(levels[-2]), float(levels[-1])) == pytest.approx((5.0, 0.02, 0.0))
    assert len(levels) == 11
    assert (levels.diff() < 0).all()


def test_a_larger_curvature_puts_more_levels_near_zero() -> None:
    assert (noise_levels(10, curvature=7.0)[1:-2] < noise_levels(10, curvature=2.0)[1:-2]).all()


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 1},
        {"low": 0.0},
        {"low": 2.0, "high": 1.0},
        {"high": math.inf},
        {"low": math.nan},
        {"curvature": 0.0},
    ],
)
def test_levels_that_cannot_be_are_refused(bad) -> None:
    with pytest.raises(InvalidInput, match="at least 2 steps"):
        noise_levels(**{"steps": 5, **bad})


def test_every_image_has_a_stream_of_its_own_that_depends_on_its_name_alone() -> None:
    names = [(0,), (1,), (1, 0), (0, 1), (7, 7)]
    noise = ImageNoise(3, names, (2, 3, 4))
    first, second = noise(), noise()
    assert first.shape == (5, 2, 3, 4)
    every = torch.cat([first, second]).flatten(1)
    apart = torch.cdist(every, every) + 9 * torch.eye(10)
    assert float(apart.min()) > 0.5
    alone = ImageNoise(3, [(0, 1)], (2, 3, 4))
    assert torch.equal(torch.cat([alone(), alone()]), torch.stack([first[3], second[3]]))
    assert not torch.equal(ImageNoise(4, names, (2, 3, 4))(), first)


def test_noise_is_standard_normal_in_the_precision_asked_for() -> None:
    drawn = ImageNoise(0, [(i,) for i in range(400)], (1, 8, 8), like=torch.zeros((), dtype=torch.float64))()
    assert drawn.dtype == torch.float64
    assert float(drawn.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(drawn.var()) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize(("sample", "times"), [(sample_ancestral, 1), (sample_multistep, 1), (sample_heun, 2)])
def test_evaluations_are_as_stated_and_never_at_zero_noise(sample, times) -> None:
    denoiser = White()
    sample(denoiser, ImageNoise(0, [(0,)], (1, 2, 2)), noise_levels(7))
    assert len(denoiser.asked) == 7 * times - (times - 1)
    assert min(denoiser.asked) > 0


@every_sampler
def test_with_many_steps_samples_have_the_law_of_the_prior(sample) -> None:
    drawn = sample(White(-0.4, 0.5), ImageNoise(0, [(i,) for i in range(300)], (1, 8, 8)), noise_levels(200))
    assert float(drawn.mean()) == pytest.approx(-0.4, abs=0.04)
    assert float(drawn.var()) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("sample", "steps", "bound"), [(sample_ancestral, 128, 0.08), (sample_multistep, 40, 0.05), (sample_heun, 20, 0.08)]
)
@pytest.mark.parametrize("variance", [4.0, 1.0, 0.1])
def test_the_variance_of_samples_is_off_by_little(sample, steps, bound, variance) -> None:
    assert abs(excess(sample, steps, variance)) < bound


def test_ancestral_samples_lose_variance_in_proportion_to_the_step() -> None:
    lost = [-excess(sample_ancestral, steps, 1.0) for steps in (64, 128, 256)]
    assert lost[0] / lost[1] == pytest.approx(2.0, abs=0.2)
    assert lost[1] / lost[2] == pytest.approx(2.0, abs=0.2)


def test_multistep_errs_by_the_square_of_the_step() -> None:
    first, second = (excess(sample_multistep, steps, 1.0) for steps in (32, 64))
    assert first / second > 3.5
    assert abs(second) < abs(excess(sample_ancestral, 64, 1.0)) / 8


@every_sampler
def test_a_network_leaves_no_graph_behind(sample) -> None:
    prior = NetworkPrior(ResidualPerceptron(1, 2, 2, width=4, blocks=1), sigma_data=1.0)
    assert not sample(prior, ImageNoise(0, [(0,)], (1, 2, 2)), noise_levels(3)).requires_grad
