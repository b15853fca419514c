"""Blocks of images: operators read off, kept as indices where they select pixels, cut to fit in memory."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion import gaussian_systems  # noqa: E402
from consilience.methods.em_diffusion.corruption import Blur, Denoising, Downsampling, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.gaussian_systems import blocks, noise_variance  # noqa: E402

IMAGES, SHAPE, PIXELS = 12, (1, 4, 4), 16


class Differences:
    """An operator under deepinv's names, the same for all images."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.A(x)

    def A(self, x: torch.Tensor) -> torch.Tensor:  # noqa: N802
        return x[..., ::2] - x[..., 1::2]

    def A_adjoint(self, y: torch.Tensor) -> torch.Tensor:  # noqa: N802
        return torch.stack([y, -y], dim=-1).flatten(-2)


class Masked(Differences):
    """A mask an image, under deepinv's names, changed in deepinv's way."""

    def __init__(self, mask: torch.Tensor) -> None:
        self.mask = mask

    def A(self, x: torch.Tensor) -> torch.Tensor:  # noqa: N802
        return self.mask * x

    A_adjoint = A

    def update_parameters(self, mask: torch.Tensor) -> None:
        self.mask = mask


OPERATORS = {
    "masks": lambda: Inpainting.random(IMAGES, SHAPE, 0.4, seed=0, noise_std=0.1),
    "masks of an unknown class": lambda: Masked(
        torch.rand(IMAGES, *SHAPE, generator=torch.Generator().manual_seed(0)) < 0.4
    ),
    "one mask": lambda: Inpainting(torch.eye(4)),
    "levels": lambda: Denoising(noise_std=torch.linspace(0.1, 1.0, IMAGES)),
    "a width an image": lambda: Blur.gaussian(torch.linspace(0.5, 1.0, IMAGES), 3, noise_std=0.1),
    "downsampling": lambda: Downsampling(2, noise_std=0.1),
    "an unknown class": Differences,
}
every_operator = pytest.mark.parametrize("name", OPERATORS)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cut(name: str) -> tuple[object, torch.Tensor, list]:
    physics = OPERATORS[name]()
    y = physics.A(draw(IMAGES, *SHAPE))
    return physics, y, [build() for build in blocks(physics, y, SHAPE, noise_variance(physics, y, 0.05))]


@every_operator
def test_every_image_is_in_one_block(name) -> None:
    _, _, found = cut(name)
    assert sorted(torch.cat([block.rows for block in found]).tolist()) == list(range(IMAGES))


@every_operator
def test_blocks_apply_the_operators_and_their_transposes(name) -> None:
    physics, y, found = cut(name)
    images = draw(IMAGES, PIXELS, seed=1)
    expected = physics.A(images.reshape(IMAGES, *SHAPE)).flatten(1)
    pulled = physics.A_adjoint(y).flatten(1)
    for block in found:
        measured = block.forward(images[block.rows])
        assert torch.allclose(measured, block.chosen(expected), rtol=0, atol=1e-12)
        assert torch.allclose(block.adjoint(block.chosen(y.flatten(1))), pulled[block.rows], rtol=0, atol=1e-12)


@every_operator
def test_information_is_the_square_of_what_is_whitened(name) -> None:
    _, _, found = cut(name)
    root = draw(PIXELS, PIXELS, seed=2)
    for block in found:
        factor = block.factor(root @ root.T)
        white = block.whitened(factor)
        squares = (white.mT @ white).sum(dim=0) * (len(block.rows) / len(factor))
        assert torch.allclose(block.information(factor), squares, rtol=0, atol=1e-9 * float(squares.abs().max()))


def test_masks_are_kept_as_indices_and_shared_operators_once() -> None:
    _, _, masks = cut("masks")
    assert all(block.index.shape[1] < PIXELS for block in masks)
    for name in ("one mask", "downsampling", "levels", "an unknown class"):
        (block,) = cut(name)[2]
        assert len(block.matrices) == 1


def test_small_blocks_are_built_anew_only_where_operators_are_too_many_to_keep(monkeypatch) -> None:
    physics = OPERATORS["a width an image"]()
    y = physics.A(draw(IMAGES, *SHAPE))
    variance = noise_variance(physics, y, 0.0)
    kept = blocks(physics, y, SHAPE, variance)
    assert kept[0]() is kept[0]()
    monkeypatch.setattr(gaussian_systems, "KEPT_ENTRIES", 0)
    monkeypatch.setattr(gaussian_systems, "BLOCK_ENTRIES", 5 * PIXELS**2)
    anew = blocks(physics, y, SHAPE, variance)
    assert [len(build().rows) for build in anew] == [5, 5, 2]
    assert anew[0]() is not anew[0]()


def test_noise_has_a_least_level() -> None:
    y = torch.zeros(3, *SHAPE)
    assert noise_variance(Denoising(), y, 0.1).tolist() == pytest.approx([0.01])
    levels = torch.tensor([0.0, 0.5, 1.0])
    assert noise_variance(Denoising(noise_std=levels), y, 0.1).tolist() == pytest.approx([0.01, 0.25, 1.0])
