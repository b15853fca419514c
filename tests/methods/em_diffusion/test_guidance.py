"""Strengths found without truth: estimates that are unbiased, choices that are the curve's, and who overfits noise."""

from dataclasses import replace

import pytest
from jaxtyping import TypeCheckError
from sklearn.datasets import load_digits

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Denoising, Downsampling, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.guidance import (  # noqa: E402
    Predicted,
    Strength,
    Trial,
    find_strength,
    residual_of,
)
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.quality import psnr  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402

SHAPE = (1, 8, 8)
DPS = Sampling(posterior="dps", sampler="ancestral", corrections=0, steps=20)
GRID = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


def digits(first: int, count: int) -> torch.Tensor:
    return torch.from_numpy(load_digits().data[first : first + count] / 8 - 1).float().reshape(-1, *SHAPE)


@pytest.fixture(scope="module")
def prior() -> GaussianPrior:
    pixels = digits(400, 1200).flatten(1).double()
    spread = torch.cov(pixels.T) + 1e-3 * torch.eye(64, dtype=torch.float64)
    return GaussianPrior(pixels.mean(dim=0).reshape(SHAPE), spread)


def masks(images: int, seed: int = 0, noise_std: float | torch.Tensor = 0.01) -> Inpainting:
    return Inpainting.random(images, SHAPE, 0.4, seed=seed, noise_std=noise_std)


def strength(criterion: str, *pairs: tuple[float, float]) -> Strength:
    return Strength(criterion=criterion, trials=tuple(Trial(strength=at, value=value) for at, value in pairs))


@pytest.mark.parametrize("lent", [0.5, 1.0])
def test_lent_noise_tells_the_error_on_what_was_measured(lent: float) -> None:
    truth = digits(0, 1700)
    predicted = Predicted(Observations.corrupt(truth, Denoising(noise_std=0.5), 1), lent=lent, seed=2)
    for shrunk in (1.0, 0.7, 0.0):
        restored = shrunk * predicted.shown.y
        assert predicted.error_of(restored) == pytest.approx(float((restored - truth).square().mean()), abs=0.02)
    # The plain residual would promise an error of lent^2 s^2 to who returns the noise.
    assert predicted.error_of(predicted.shown.y) > 0.2


@pytest.mark.parametrize("noise_std", [0.01, 0.3, torch.linspace(0.0, 0.4, 300)])
def test_hidden_entries_stand_for_pixels_that_were_not_measured(noise_std: float | torch.Tensor) -> None:
    truth = digits(0, 300)
    predicted = Predicted(Observations.corrupt(truth, masks(300, noise_std=noise_std), 1), seed=2)
    restored = torch.where(predicted.seen, predicted.shown.y, -0.4)
    square = (restored - truth).square()
    # Those hidden here were measured, and are as good as seen: what is estimated is the error with all of them.
    expected = 0.4 * square[predicted.seen].mean() + 0.6 * square[~predicted.seen].mean()
    assert predicted.error_of(restored) == pytest.approx(float(expected), rel=0.06)
    assert float(predicted.hidden.sum() / (predicted.hidden | predicted.seen).sum()) == pytest.approx(0.1, abs=0.02)


def test_nothing_is_hidden_where_every_pixel_was_measured() -> None:
    predicted = Predicted(Observations.corrupt(digits(0, 8), Denoising(noise_std=0.5), 1), seed=2)
    assert not predicted.hidden.any()
    assert predicted.unmeasured == 0
    assert predicted.shown.noise_std == pytest.approx(0.5 * 1.25**0.5)


def test_small_measurements_leave_pixels_unmeasured() -> None:
    given = Observations.corrupt(digits(0, 8), Downsampling(2, noise_std=0.1), 1)
    assert Predicted(given, seed=2).unmeasured == pytest.approx(0.75)


def test_what_is_hidden_is_not_shown() -> None:
    truth = digits(0, 20)
    predicted = Predicted(Observations.corrupt(truth, masks(20), 1), seed=2)
    assert bool((predicted.shown.y[predicted.hidden] == 0).all())
    assert bool((predicted.shown.physics.A(truth)[predicted.hidden] == 0).all())
    assert bool((predicted.shown.take([3, 3, 5]).measured == predicted.seen[[3, 3, 5]]).all())


def test_truth_has_a_residual_of_one_and_other_images_a_larger_one() -> None:
    truth = digits(0, 100)
    given = Observations.corrupt(truth, masks(100, noise_std=torch.linspace(0.05, 0.5, 100)), 1)
    assert residual_of(truth[:, None].expand(-1, 3, -1, -1, -1), given) == pytest.approx(1.0, abs=0.03)
    assert residual_of(torch.zeros(100, 2, *SHAPE), given) > 3


def test_residual_without_noise_is_finite() -> None:
    truth = digits(0, 4)
    given = Observations.corrupt(truth, masks(4, noise_std=0.0), 1)
    assert residual_of(truth[:, None], given) == 0
    assert residual_of(truth[:, None] + 0.01, given) == pytest.approx(1.0, rel=1e-3)


def test_discrepancy_takes_the_weakest_strength_that_explains_the_data() -> None:
    both = strength("discrepancy", (0.1, 4.0), (0.4, 0.25), (0.8, 0.5), (1.6, 2.0), (3.2, 0.9))
    assert both.chosen == pytest.approx(0.2)
    assert not both.at_the_edge


def test_discrepancy_that_never_reaches_the_noise_takes_what_is_closest() -> None:
    assert strength("discrepancy", (0.1, 9.0), (0.4, 3.0), (0.8, 5.0)).chosen == 0.4
    weakest = strength("discrepancy", (0.1, 0.9), (0.4, 0.5))
    assert weakest.chosen == 0.1
    assert weakest.at_the_edge


@pytest.mark.parametrize("best", [0.3, 0.5, 0.7])
def test_held_out_finds_the_lowest_point_of_a_parabola(best: float) -> None:
    grid = torch.tensor([0.1, 0.2, 0.5, 0.9, 2.0], dtype=torch.float64)
    values = 3.0 + (grid / best).log() ** 2
    assert strength("held_out", *zip(grid.tolist(), values.tolist(), strict=True)).chosen == pytest.approx(best)


def test_held_out_stays_on_the_grid_at_its_ends_and_where_it_is_flat() -> None:
    assert strength("held_out", (0.1, 1.0), (0.2, 2.0), (0.4, 3.0)).chosen == 0.1
    assert strength("held_out", (0.1, 1.0), (0.2, 1.0), (0.4, 1.0)).chosen == 0.1
    assert 0.1 < strength("held_out", (0.1, 1.0), (0.2, 0.9), (0.4, 1.0)).chosen < 0.4


def test_fit_overfits_noise_and_held_out_does_not(prior: GaussianPrior) -> None:
    tuning, truth = digits(0, 64), digits(200, 64)
    known, scored = (Observations.corrupt(x, Denoising(noise_std=0.5), seed) for seed, x in ((1, tuning), (2, truth)))

    def quality(at: float) -> float:
        drawn = replace(DPS, strength=at).restore(prior, scored, samples=4, seed=3)
        return float(psnr(drawn.mean(dim=1), truth, value_range=(-1.0, 1.0)).mean())

    oracle = max(quality(at) for at in GRID)
    fit = find_strength(prior, known, DPS, grid=GRID, criterion="fit", images=64, seed=0)
    held_out = find_strength(prior, known, DPS, grid=GRID, criterion="held_out", images=64, seed=0)
    assert min(trial.value for trial in fit.trials) < 0.8
    assert fit.chosen > 2 * held_out.chosen
    assert quality(fit.chosen) < oracle - 1.0
    assert quality(held_out.chosen) > oracle - 0.3


def test_held_out_is_near_the_oracle_where_pixels_are_missing(prior: GaussianPrior) -> None:
    tuning, truth = digits(0, 64), digits(200, 64)
    known, scored = (Observations.corrupt(x, masks(64, seed), seed) for seed, x in ((1, tuning), (2, truth)))

    def quality(at: float) -> float:
        drawn = replace(DPS, strength=at).restore(prior, scored, samples=4, seed=3)
        return float(psnr(drawn.mean(dim=1), truth, value_range=(-1.0, 1.0)).mean())

    chosen = find_strength(prior, known, DPS, grid=GRID, images=64, seed=0).chosen
    assert quality(chosen) > max(quality(at) for at in GRID) - 0.3


def test_same_seed_same_strength_and_few_images_are_enough(prior: GaussianPrior) -> None:
    given = Observations.corrupt(digits(0, 30), masks(30), 1)
    first, again = (find_strength(prior, given, DPS, grid=(1.0, 0.5), images=8, samples=1, seed=4) for _ in range(2))
    assert first == again
    assert [trial.strength for trial in first.trials] == [0.5, 1.0]
    assert first != find_strength(prior, given, DPS, grid=(1.0, 0.5), images=8, samples=1, seed=5)


def test_physics_from_elsewhere_will_do(prior: GaussianPrior) -> None:
    class GaussianNoise:
        sigma = 0.2

    class Elsewhere:
        noise_model = GaussianNoise()

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return self.A(x)

        def A(self, x: torch.Tensor) -> torch.Tensor:  # noqa: N802 - deepinv's word
            return 2.0 * x

        def A_adjoint(self, y: torch.Tensor) -> torch.Tensor:  # noqa: N802 - deepinv's word
            return 2.0 * y

    given = Observations.corrupt(digits(0, 16), Elsewhere(), 1)
    found = find_strength(prior, given, DPS, grid=(0.1, 1.0), samples=1, seed=0)
    assert all(0 < trial.value < 8 for trial in found.trials)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": (1.0,)}, "at least 2 different strengths"),
        ({"grid": (0.0, 1.0)}, "positive and finite"),
        ({"grid": (1.0, float("nan"))}, "positive and finite"),
        ({"sampling": Sampling()}, "only the posterior 'dps' has a strength"),
        ({"images": 0}, "at least 1"),
        ({"samples": 0}, "at least 1"),
    ],
)
def test_bad_input_is_refused(prior: GaussianPrior, changes: dict[str, object], message: str) -> None:
    given = Observations.corrupt(digits(0, 4), Denoising(noise_std=0.5), 1)
    asked = {"sampling": DPS, "grid": (0.5, 1.0), "seed": 0} | changes
    with pytest.raises(InvalidInput, match=message):
        find_strength(prior, given, asked.pop("sampling"), **asked)


def test_an_unknown_criterion_is_refused(prior: GaussianPrior) -> None:
    given = Observations.corrupt(digits(0, 4), Denoising(noise_std=0.5), 1)
    with pytest.raises((InvalidInput, TypeCheckError), match="held_out"):
        find_strength(prior, given, DPS, grid=(0.5, 1.0), criterion="heldout", seed=0)
