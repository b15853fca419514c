"""How good restored and generated images are, and how far a number can be trusted.

Restorations are compared with the truth (`psnr`, `ssim`, `interval_coverage`) or, where there is none, with the
measurements (`data_residual`). Generated images are compared with clean ones as a set (`frechet_percent`), and with the
images a prior was trained on, of which they should not be copies (`nearest_distance`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.observation import Observations
from consilience.neural.weights import initialised

__all__ = [
    "Embedding",
    "LabelEmbedding",
    "PixelEmbedding",
    "data_residual",
    "frechet_distance",
    "frechet_of_moments",
    "frechet_percent",
    "interval_coverage",
    "nearest_distance",
    "psnr",
    "ssim",
]

Images = Float[Tensor, "image channel row column"]
Others = Float[Tensor, "_image _channel _row _column"]
"""Images whose shape is compared with that of others in words rather than by the checker of the tests."""


def psnr(restored: Images, truth: Others, *, value_range: tuple[float, float]) -> Float[Tensor, " image"]:
    r"""Return every image's peak signal-to-noise ratio in decibels, :math:`10\log_{10}((h-l)^2/\mathrm{MSE})`.

    Parameters
    ----------
    restored, truth : tensor, shape (image, channel, row, column)
    value_range : (low, high)
        The values between which pixels can lie: never those that one image happens to have.

    Examples
    --------
    >>> found = psnr(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.2), value_range=(-1.0, 1.0))
    >>> round(float(found), 3)
    20.0
    """
    _check_alike(restored, truth)
    span = _span(value_range)
    error = ((restored.double() - truth.double()) ** 2).mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(span**2 / error)


def ssim(restored: Images, truth: Others, *, value_range: tuple[float, float]) -> Float[Tensor, " image"]:
    """Return every image's structural similarity, at most 1, by scikit-image.

    Windows are of 7 by 7 pixels; smaller images cannot be compared in this way.

    Raises
    ------
    MissingDependency
        When scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingDependency("structural similarity needs scikit-image; install consilience[em]") from error
    _check_alike(restored, truth)
    if min(truth.shape[2:]) < 7:  # noqa: PLR2004 - the window
        raise InvalidInput(f"images must be at least 7 by 7 pixels for SSIM; got {tuple(truth.shape[2:])}.")
    span = _span(value_range)
    similarity: Callable[..., float] = structural_similarity
    pairs = zip(restored.double().cpu().numpy(), truth.double().cpu().numpy(), strict=True)
    return torch.tensor(
        [float(similarity(one, other, data_range=span, channel_axis=0)) for one, other in pairs],
        dtype=torch.float64,
    )


def data_residual(restored: Images, observations: Observations) -> Float[Tensor, " image"]:
    r"""Return every image's misfit to its measurements in units of their noise, over measured entries only.

    .. math:: \sqrt{\|y-Ax\|^2/n}\,/\,s

    It is about 1 for the truth. Well below 1 the noise was fitted, well above 1 the measurement was not believed. No
    truth is needed.

    Parameters
    ----------
    restored : tensor, shape (image, channel, row, column)
    observations : Observations
        Their measurements, in the same order.

    Raises
    ------
    InvalidInput
        When the numbers differ, when the measurements have no noise, or when nothing of an image was measured.
    """
    if len(restored) != len(observations):
        raise InvalidInput(
            f"expected a restored image for each of {len(observations)} observations; got {len(restored)}."
        )
    noise = torch.as_tensor(observations.noise_std, dtype=torch.float64)
    if not bool((noise > 0).all()):
        raise InvalidInput("a residual is in units of the noise, and the measurements have none; compare psnr instead.")
    measured = observations.measured.flatten(1)
    entries = measured.sum(dim=1)
    if not bool((entries > 0).all()):
        raise InvalidInput(f"nothing was measured of image {int(torch.argmin(entries))}; leave such images out.")
    misfit = (observations.y - observations.physics.A(restored)).double().flatten(1)
    square = torch.where(measured, misfit**2, 0.0).sum(dim=1)
    return torch.sqrt(square / entries) / noise.to(square.device)


def interval_coverage(
    samples: Float[Tensor, "sample image channel row column"], truth: Others, *, level: float = 0.9
) -> float:
    """Return the share of pixels whose truth lies in the central interval of its posterior samples.

    Where truth and samples are draws of one distribution, the share is `level` up to chance, for any number of samples:
    the interval's ends interpolate between order statistics at (samples + 1) times their probability, the plotting
    positions under which a further draw falls below with exactly that probability for uniform draws.

    Parameters
    ----------
    samples : tensor, shape (sample, image, channel, row, column)
    truth : tensor, shape (image, channel, row, column)
    level : float
        Probability of the interval, between 0 and (samples - 1) / (samples + 1): beyond that, no interval between
        samples is wide enough.
    """
    draws = len(samples)
    widest = (draws - 1) / (draws + 1)
    if not 0 < level <= widest:
        raise InvalidInput(
            f"intervals from {draws} samples can have a level above 0 and at most {widest:.3f}; got {level}: "
            "draw more samples, or ask for less."
        )
    if samples.shape[1:] != truth.shape:
        raise InvalidInput(
            f"samples must be of the truth's shape, {tuple(truth.shape)}; got {tuple(samples.shape[1:])}."
        )
    ordered = samples.double().sort(dim=0).values
    low, high = (_order_statistic(ordered, (draws + 1) * tail) for tail in ((1 - level) / 2, (1 + level) / 2))
    return float(((low <= truth) & (truth <= high)).double().mean())


def nearest_distance(images: Images, known: Float[Tensor, "known channel row column"]) -> Float[Tensor, " image"]:
    """Return every image's Euclidean distance to the nearest of known ones: near zero, it is a copy."""
    # Products of matrices would round a copy's distance up to the root of the rounding error.
    mode = "donot_use_mm_for_euclid_dist"
    distances = torch.cdist(images.double().flatten(1), known.double().flatten(1), compute_mode=mode)
    return distances.min(dim=1).values


def frechet_distance(
    features: Float[Tensor, "image feature"], reference: Float[Tensor, "other feature"]
) -> Float[Tensor, ""]:
    """Return the squared Frechet distance between Gaussians fitted to two sets of feature vectors.

    It is biased upwards, the more the fewer vectors there are: compare only distances between sets of equal sizes.
    """
    return frechet_of_moments(*_moments(features), *_moments(reference))


def frechet_of_moments(
    mean: Float[Tensor, " feature"],
    covariance: Float[Tensor, "feature feature"],
    other_mean: Float[Tensor, " feature"],
    other_covariance: Float[Tensor, "feature feature"],
) -> Float[Tensor, ""]:
    r"""Return the squared Frechet distance between two Gaussians.

    .. math:: \|\mu-\mu'\|^2+\mathrm{tr}\,C+\mathrm{tr}\,C'-2\,\|C^{1/2}C'^{1/2}\|_*

    The nuclear norm is the trace of :math:`(C^{1/2}C'C^{1/2})^{1/2}`, without a root of a rounding error where
    covariances are singular.

    Examples
    --------
    >>> eye = torch.eye(2, dtype=torch.float64)
    >>> round(float(frechet_of_moments(torch.zeros(2).double(), eye, torch.ones(2).double(), 4.0 * eye)), 12)
    4.0
    """
    shift = ((mean - other_mean) ** 2).sum()
    shared = torch.linalg.svdvals(_root(covariance) @ _root(other_covariance)).sum()
    distance = shift + covariance.trace() + other_covariance.trace() - 2.0 * shared
    return torch.clamp(distance, min=0.0)


def frechet_percent(
    images: Images, reference: Float[Tensor, "other channel row column"], embedding: Embedding
) -> float:
    """Return the Frechet distance of images from reference images, in percent of the reference's total variance.

    The embedding is a part of the number: quote its name.
    """
    features = embedding(reference)
    _, covariance = _moments(features)
    return 100.0 * float(frechet_distance(embedding(images), features) / covariance.trace())


class Embedding(Protocol):
    """Maps images to feature vectors."""

    @property
    def name(self) -> str:
        """What the features are, as tables print it."""
        ...

    def __call__(self, images: Images) -> Float[Tensor, "image feature"]:
        """Return every image's features, in double precision."""
        ...


@final
class PixelEmbedding:
    """The pixels themselves: no network's opinion, and blind to all but the two moments of pixels."""

    name = "raw pixels"

    def __call__(self, images: Images) -> Float[Tensor, "image feature"]:
        """Return the pixels of every image."""
        return images.double().flatten(1)


@final
class LabelEmbedding:
    """The 64-dimensional layer before the last of a small CNN trained to name what images show.

    Distances under embeddings of other seeds differ; only ratios under one embedding mean anything.

    Parameters
    ----------
    network : nn.Module
        From images to class scores, its last layer linear.
    trained_on : str
        What the images show, for the name.
    """

    def __init__(self, network: nn.Sequential, *, trained_on: str = "digits") -> None:
        self._network = network
        self._trained_on = trained_on

    @classmethod
    def fit(
        cls,
        images: Images,
        labels: Int[Tensor, " label"],
        *,
        seed: int,
        steps: int = 400,
        batch_size: int = 128,
        trained_on: str = "digits",
    ) -> LabelEmbedding:
        """Train the CNN on labelled clean images by Adam with a cosine schedule."""
        if len(images) != len(labels):
            raise InvalidInput(f"expected a label for each of {len(images)} images; got {len(labels)}.")
        streams = Streams(seed).child("embedding")
        draw = torch.Generator().manual_seed(streams.integer("batches"))
        classes = int(labels.max()) + 1
        network = initialised(streams.integer("weights"), lambda: _classifier(images.shape[1], classes)).to(images)
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            rows = torch.randint(len(images), (batch_size,), generator=draw).to(images.device)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(nn.functional.cross_entropy(network(images[rows]), labels[rows]))
            optimiser.step()
            schedule.step()
        return cls(network.eval().requires_grad_(requires_grad=False), trained_on=trained_on)

    @property
    def name(self) -> str:
        """What the features are, as tables print it."""
        return f"64-d layer of a CNN trained on {self._trained_on}"

    def __call__(self, images: Images) -> Float[Tensor, "image feature"]:
        """Return the layer before the class scores."""
        with torch.no_grad():
            features: Tensor = self._network[:-1](images)
        return features.double()

    def classify(self, images: Images) -> Int[Tensor, " image"]:
        """Return the class that the CNN names."""
        with torch.no_grad():
            scores: Tensor = self._network(images)
        return scores.argmax(dim=1)


def _classifier(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * 16, 64),
        nn.ReLU(),
        nn.Linear(64, classes),
    )


def _moments(
    features: Float[Tensor, "image feature"],
) -> tuple[Float[Tensor, " feature"], Float[Tensor, "feature feature"]]:
    if len(features) < 2:  # noqa: PLR2004 - a covariance
        raise InvalidInput(f"a covariance takes at least 2 feature vectors; got {len(features)}.")
    exact = features.double()
    centred = exact - exact.mean(dim=0)
    return exact.mean(dim=0), centred.T @ centred / (len(exact) - 1)


def _root(covariance: Float[Tensor, "feature feature"]) -> Float[Tensor, "feature feature"]:
    values, vectors = torch.linalg.eigh(covariance.double())
    root: Tensor = (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
    return root


def _order_statistic(ordered: Tensor, place: float) -> Tensor:
    """Return what stands at a place of an ascending sample, counted from 1, linear between two."""
    below = min(max(int(np.floor(place + 1e-9)), 1), len(ordered))
    above = min(below + 1, len(ordered))
    return torch.lerp(ordered[below - 1], ordered[above - 1], float(np.clip(place - below, 0.0, 1.0)))


def _span(value_range: tuple[float, float]) -> float:
    low, high = value_range
    if not low < high:
        raise InvalidInput(f"a value range must be (low, high) with low < high; got {value_range}.")
    return high - low


def _check_alike(restored: Tensor, truth: Tensor) -> None:
    if restored.shape != truth.shape:
        raise InvalidInput(
            f"restored images must be of the truth's shape, {tuple(truth.shape)}; got {tuple(restored.shape)}."
        )
