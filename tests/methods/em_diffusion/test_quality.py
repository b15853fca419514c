"""Measures of quality: Frechet's laws, residuals in units of noise, intervals that cover what they say."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.quality import (  # noqa: E402
    LabelEmbedding,
    PixelEmbedding,
    data_residual,
    frechet_distance,
    frechet_of_moments,
    frechet_percent,
    interval_coverage,
    nearest_distance,
    psnr,
    ssim,
)


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _covariance(size: int, *, seed: int) -> torch.Tensor:
    root = _normal(size, size, seed=seed)
    return root @ root.T


def _rotation(size: int) -> torch.Tensor:
    return torch.linalg.qr(_normal(size, size, seed=9))[0]


# Laws of the Frechet distance


def test_a_set_is_at_distance_zero_from_itself_even_where_its_covariance_is_singular() -> None:
    features = _normal(40, 64)
    assert float(frechet_distance(features, features)) == pytest.approx(0.0, abs=1e-10)


def test_commuting_covariances_give_the_closed_form() -> None:
    turn, one, other = _rotation(5), torch.tensor([1.0, 4, 9, 0, 2]).double(), torch.tensor([4.0, 1, 0, 3, 2]).double()
    mean, other_mean = _normal(5), _normal(5, seed=1)
    expected = ((mean - other_mean) ** 2).sum() + ((one.sqrt() - other.sqrt()) ** 2).sum()
    got = frechet_of_moments(mean, turn * one @ turn.T, other_mean, turn * other @ turn.T)
    assert float(got) == pytest.approx(float(expected), rel=1e-7)


def test_covariances_that_do_not_commute_give_the_trace_of_the_root_by_scipy() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    one, other, zero = _covariance(6, seed=1), _covariance(6, seed=2), torch.zeros(6).double()
    expected = np.trace(one.numpy() + other.numpy() - 2.0 * linalg.sqrtm(one.numpy() @ other.numpy()).real)
    assert float(frechet_of_moments(zero, one, zero, other)) == pytest.approx(expected, rel=1e-8)


def test_large_samples_of_known_gaussians_come_near_the_distance_of_the_gaussians() -> None:
    scale, shift = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([0.0, 1.0, 0.0]).double()
    got = frechet_distance(_normal(100_000, 3), _normal(100_000, 3, seed=1) * scale + shift)
    assert float(got) == pytest.approx(1.0 + 1.0 + 0.25, rel=0.02)


def test_the_distance_is_symmetric_and_does_not_see_rotations() -> None:
    one, other, turn = _normal(50, 7), 2.0 * _normal(30, 7, seed=1) + 1.0, _rotation(7)
    distance = float(frechet_distance(one, other))
    assert float(frechet_distance(other, one)) == pytest.approx(distance, rel=1e-10)
    assert float(frechet_distance(one @ turn, other @ turn)) == pytest.approx(distance, rel=1e-10)


def test_percent_is_of_the_references_variance_and_needs_no_scale() -> None:
    one, other = _normal(50, 1, 3, 3), _normal(60, 1, 3, 3, seed=1) + 0.3
    embedding = PixelEmbedding()
    raw = float(frechet_distance(one.flatten(1), other.flatten(1)))
    variance = float(other.flatten(1).var(dim=0).sum())
    assert frechet_percent(one, other, embedding) == pytest.approx(100.0 * raw / variance, rel=1e-10)
    assert frechet_percent(5.0 * one, 5.0 * other, embedding) == pytest.approx(100.0 * raw / variance, rel=1e-10)


def test_one_vector_has_no_covariance() -> None:
    with pytest.raises(InvalidInput, match="at least 2 feature vectors; got 1"):
        frechet_distance(_normal(1, 3), _normal(9, 3))


# Comparison with the truth


def test_psnr_is_every_images_own_and_under_the_stated_range() -> None:
    truth = torch.zeros(2, 1, 4, 4)
    restored = truth + torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1)
    expected = [-10 * math.log10(0.01), -10 * math.log10(0.04)]
    assert psnr(restored, truth, value_range=(0.0, 1.0)).tolist() == pytest.approx(expected, abs=1e-5)
    wider = psnr(restored, truth, value_range=(-1.0, 1.0)) - psnr(restored, truth, value_range=(0.0, 1.0))
    assert wider.tolist() == pytest.approx([20 * math.log10(2)] * 2)


def test_a_perfect_image_has_no_finite_psnr_and_a_similarity_of_one() -> None:
    truth = _normal(2, 3, 8, 8)
    assert psnr(truth, truth, value_range=(-1.0, 1.0)).isinf().all()
    assert ssim(truth, truth, value_range=(-1.0, 1.0)).tolist() == pytest.approx([1.0, 1.0])


def test_similarity_falls_with_noise_and_is_every_images_own() -> None:
    truth = _normal(3, 1, 9, 9).float()
    noise = _normal(3, 1, 9, 9, seed=1).float()
    little, much = (ssim(truth + level * noise, truth, value_range=(-2.0, 2.0)) for level in (0.1, 1.0))
    assert (little > much).all()
    alone = ssim(truth[1:2] + noise[1:2], truth[1:2], value_range=(-2.0, 2.0))
    assert float(alone[0]) == pytest.approx(float(much[1]))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_images_of_another_shape_and_an_empty_range_are_refused(measure) -> None:
    with pytest.raises(InvalidInput, match=r"truth's shape, \(2, 1, 8, 8\); got \(1, 1, 8, 8\)"):
        measure(torch.zeros(1, 1, 8, 8), torch.zeros(2, 1, 8, 8), value_range=(0.0, 1.0))
    with pytest.raises(InvalidInput, match="low < high"):
        measure(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), value_range=(1.0, 1.0))


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 7 by 7"):
        ssim(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), value_range=(0.0, 1.0))


# Comparison with the measurements


def test_the_truth_has_a_residual_of_about_one_whatever_the_noise_of_an_image() -> None:
    truth = _normal(2, 1, 60, 60)
    levels = torch.tensor([0.1, 2.0])
    for physics in (Inpainting.random(2, (1, 60, 60), 0.3, seed=0, noise_std=levels), Denoising(noise_std=levels)):
        residual = data_residual(truth, Observations.corrupt(truth, physics, 0))
        assert residual.tolist() == pytest.approx([1.0, 1.0], abs=0.1)


def test_only_what_was_measured_counts() -> None:
    truth = _normal(1, 1, 4, 4)
    observations = Observations.corrupt(truth, Inpainting(torch.eye(4), noise_std=0.5), 0)
    elsewhere = truth + 7.0 * (1.0 - torch.eye(4))
    assert torch.equal(data_residual(elsewhere, observations), data_residual(truth, observations))
    off_by_one = data_residual(observations.y + 1.0, observations)
    assert off_by_one.tolist() == pytest.approx([2.0])


def test_a_residual_of_other_corruptions_is_between_measurements() -> None:
    truth = _normal(3, 1, 6, 6)
    blur = Blur.gaussian(1.0, 3, noise_std=0.1)
    observations = Observations(blur.A(truth) + 0.2, blur)
    assert data_residual(truth, observations).tolist() == pytest.approx([2.0] * 3)


def test_residuals_without_noise_or_of_other_images_are_refused() -> None:
    truth = _normal(3, 1, 4, 4)
    with pytest.raises(InvalidInput, match="measurements have none"):
        data_residual(truth, Observations.corrupt(truth, Denoising(), 0))
    with pytest.raises(InvalidInput, match="each of 3 observations; got 2"):
        data_residual(truth[:2], Observations.corrupt(truth, Denoising(noise_std=1.0), 0))


# Posterior samples


@pytest.mark.parametrize(("draws", "level"), [(8, 0.6), (19, 0.9), (40, 0.9), (64, 0.5)])
def test_intervals_cover_a_further_draw_as_often_as_they_say(draws, level) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).random((draws + 1, 50, 1, 20, 20)))
    assert interval_coverage(pixels[:-1], pixels[-1], level=level) == pytest.approx(level, abs=0.015)


def test_samples_that_are_too_sure_cover_too_little() -> None:
    pixels = _normal(40, 20, 1, 8, 8)
    truth = _normal(20, 1, 8, 8, seed=1)
    assert interval_coverage(0.3 * pixels, truth) < 0.5
    assert interval_coverage(pixels, truth) > 0.85


def test_a_level_wider_than_all_samples_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"at most 0\.778; got 0\.9"):
        interval_coverage(torch.zeros(8, 1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    with pytest.raises(InvalidInput, match="truth's shape"):
        interval_coverage(torch.zeros(40, 2, 1, 2, 2), torch.zeros(1, 1, 2, 2))


def test_a_copy_is_at_distance_zero_and_another_at_its_distance_from_the_nearest() -> None:
    known = _normal(60, 1, 8, 8)
    images = torch.cat([known[17:18], known[3:4] + 0.01])
    assert nearest_distance(images, known).tolist() == pytest.approx([0.0, 0.08], abs=1e-12)


# Embeddings


def _stripes(images: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (images,), generator=generator)
    down = torch.arange(8).remainder(2).float().expand(1, 8, 8)
    pictures = torch.where(labels.reshape(-1, 1, 1, 1) == 1, down, down.mT)
    return pictures + 0.3 * torch.randn(images, 1, 8, 8, generator=generator), labels


def test_the_embedding_learns_the_labels_and_says_what_it_is() -> None:
    images, labels = _stripes(200, 0)
    embedding = LabelEmbedding.fit(images, labels, seed=0, steps=40, trained_on="stripes")
    unseen, truth = _stripes(100, 1)
    assert float((embedding.classify(unseen) == truth).double().mean()) > 0.95
    assert embedding(unseen).shape == (100, 64)
    assert embedding(unseen).dtype == torch.float64
    assert embedding.name == "64-d layer of a CNN trained on stripes"
    assert PixelEmbedding().name == "raw pixels"


def test_an_embedding_is_its_seeds_and_leaves_the_global_generator_alone() -> None:
    images, labels = _stripes(64, 0)
    before = torch.random.get_rng_state()
    one, same, other = (LabelEmbedding.fit(images, labels, seed=seed, steps=3)(images) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_every_image_needs_a_label() -> None:
    with pytest.raises(InvalidInput, match="each of 3 images; got 2"):
        LabelEmbedding.fit(torch.zeros(3, 1, 8, 8), torch.zeros(2, dtype=torch.int64), seed=0)
