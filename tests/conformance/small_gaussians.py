"""Small Gaussian priors, their noise, and digits, for tests of what fits and uses such priors."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from consilience.methods.em_diffusion.gaussian import GaussianPrior
from consilience.methods.em_diffusion.sampler import ImageNoise

SHAPE, PIXELS = (1, 4, 4), 16


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planted(rank: int = 3, rest: float = 0.01) -> GaussianPrior:
    vectors = torch.linalg.qr(draw(PIXELS, rank))[0]
    return GaussianPrior.low_rank(draw(*SHAPE, seed=1), torch.arange(rank, 0, -1).double(), vectors, rest)


def noise(images: int, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> ImageNoise:
    return ImageNoise(seed, [(i,) for i in range(images)], shape, like=draw(1))


def digits() -> torch.Tensor:
    images = torch.from_numpy(load_digits().data / 8.0 - 1.0).float().reshape(-1, 1, 8, 8)
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]


def psnr(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / (found - truth).square().mean(dim=(1, 2, 3))).mean())


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())
