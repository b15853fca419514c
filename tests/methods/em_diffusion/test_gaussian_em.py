"""EM for moments: planted priors are found again, clean images help, and large images get a low rank."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from small_gaussians import PIXELS, SHAPE, digits, draw, noise, planted, psnr, relative  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion import gaussian, gaussian_em  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em, gaussian_em_rounds  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402


def test_em_finds_the_prior_behind_masks() -> None:
    truth = planted(rest=0.05)
    clean = truth.sample(noise(3000))
    given = Observations.corrupt(clean, Inpainting.random(3000, SHAPE, 0.5, seed=0, noise_std=0.05), seed=0)
    found = fit_gaussian_em(given, tolerance=1e-5)
    assert relative(found.mean, truth.mean) < 0.05
    assert relative(found.covariance, truth.covariance) < 0.1


def test_em_on_digits_comes_close_to_the_moments_of_clean_images() -> None:
    images = digits()
    train, clean, test = images[:1450], images[1450:1500], images[1500:]
    given = Observations.corrupt(train, Inpainting.random(1450, (1, 8, 8), 0.4, seed=0, noise_std=0.01), seed=0)
    masked = Observations.corrupt(test, Inpainting.random(297, (1, 8, 8), 0.4, seed=1, noise_std=0.01), seed=1)

    def score(prior: GaussianPrior) -> float:
        return psnr(prior.posterior(masked.physics, masked.y).mean, test)

    moments = GaussianPrior(train.mean(dim=0), torch.cov(train.flatten(1).T))
    none, some = (score(fit_gaussian_em(given, clean=known, iterations=15)) for known in (None, clean))
    assert score(moments) - 0.5 < none < some
    assert none > 16.0


def test_clean_images_help_where_corrupted_ones_say_little() -> None:
    images = digits()
    train, clean, test = images[:500], images[500:550], images[1500:1600]
    blur = Blur.gaussian(1.0, 3, noise_std=0.1)
    given, blurred = (Observations.corrupt(x, blur, seed=s) for s, x in enumerate((train, test)))
    scores = [
        psnr(fit_gaussian_em(given, clean=c, clean_weight=w).posterior(blurred.physics, blurred.y).mean, test)
        for c, w in ((None, 1.0), (clean, 1.0))
    ]
    assert scores[1] > scores[0] + 1.0


def test_a_heavier_clean_image_counts_as_several() -> None:
    given = Observations.corrupt(planted().sample(noise(30)), Denoising(noise_std=0.5), seed=0)
    clean = draw(4, *SHAPE, seed=5)
    heavy, rounds = fit_gaussian_em(given, clean=clean, clean_weight=3.0, iterations=3, tolerance=0.0), 3
    repeated = gaussian_em_rounds(given, clean=clean, clean_weight=3.0)
    light = next(gaussian_em_rounds(given, clean=clean))
    assert next(repeated).log_likelihood != pytest.approx(light.log_likelihood)
    for _ in range(rounds - 1):
        next(repeated)
    assert torch.allclose(next(repeated).covariance, heavy.covariance, atol=1e-10)


def test_clean_images_that_are_all_the_same_do_not_stop_em() -> None:
    truth = planted(rest=0.05)
    given = Observations.corrupt(truth.sample(noise(500)), Denoising(noise_std=0.1), seed=0)
    found = fit_gaussian_em(given, clean=truth.mean.expand(3, *SHAPE), tolerance=1e-5)
    assert relative(found.covariance, truth.covariance) < 0.2


def test_low_rank_em_finds_a_planted_subspace() -> None:
    truth = planted(rank=2, rest=0.02)
    clean = truth.sample(noise(2000))
    given = Observations.corrupt(clean, Inpainting.random(2000, SHAPE, 0.6, seed=0, noise_std=0.05), seed=0)
    found = fit_gaussian_em(given, rank=2, iterations=20)
    assert relative(found.covariance, truth.covariance) < 0.12
    assert float(found.rest) == pytest.approx(0.02, rel=0.3)
    again = fit_gaussian_em(given, rank=2, iterations=20)
    assert torch.equal(found.covariance, again.covariance)


def test_images_too_large_for_a_full_covariance_get_one_of_low_rank(monkeypatch) -> None:
    monkeypatch.setattr(gaussian, "EXACT_PIXELS", PIXELS - 1)
    monkeypatch.setattr(gaussian_em, "EXACT_PIXELS", PIXELS - 1)
    truth = planted(rank=2, rest=0.02)
    clean = truth.sample(noise(400)).float()
    blur = Blur.gaussian(0.6, 3, noise_std=0.05)
    given = Observations.corrupt(clean[:380], blur, seed=0)
    found = fit_gaussian_em(given, clean=clean[380:], rank=2, iterations=10)
    assert found.vectors.shape == (PIXELS, 2)
    assert relative(found.covariance, truth.covariance) < 0.25
    default = fit_gaussian_em(given, iterations=1)
    assert default.vectors.shape == (PIXELS, PIXELS - 1)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"clean": torch.zeros(2, 1, 3, 4)}, "shape of the others"),
        ({"clean": torch.full((2, *SHAPE), float("nan"))}, "finite"),
        ({"clean_weight": 0.0}, "clean_weight > 0"),
        ({"iterations": 0}, "iterations >= 1"),
        ({"ridge": -1.0}, "ridge >= 0"),
        ({"rank": PIXELS}, "below the number of pixels, 16"),
        ({"rank": 0}, "at least 1"),
    ],
)
def test_a_fit_that_cannot_be_is_refused(options, match) -> None:
    given = Observations.corrupt(planted().sample(noise(5)), Denoising(noise_std=0.5), seed=0)
    with pytest.raises(InvalidInput, match=match):
        fit_gaussian_em(given, **options)
