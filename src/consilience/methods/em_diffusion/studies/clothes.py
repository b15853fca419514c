"""The images of claim em.fashion: clothes of 28 by 28 pixels, or any others whose files the configuration names."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground import InvalidInput, Streams
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import Inpainting
from consilience.methods.em_diffusion.images import read_images
from consilience.methods.em_diffusion.observation import Observations

__all__ = ["Clothes"]

NOISE_STD = 0.01

Images = Float[Tensor, "image channel row column"]
Some = Float[Tensor, "_image channel row column"]
"""Images of another number."""


@dataclass(frozen=True, kw_only=True)
class Clothes:
    """The images of the one split."""

    test: Some
    """Restored by all arms; from a file of their own."""
    tune: Some
    """Seen by nothing but the choice of the weight of total variation."""
    clean: Some
    hidden: Images
    """Images that are seen corrupted only."""
    labels: Tensor
    """Of `clean` and `hidden`, for the embedding."""

    @classmethod
    def draw(cls, config: Config, streams: Streams) -> Clothes:
        """Read the files and split what they hold.

        Raises
        ------
        InvalidInput
            When a file is missing, is none of images, or holds too few.
        """
        folder = Path(config.fashion_folder)
        images = read_images(folder / config.fashion_training).images
        labels = _read_labels(folder / config.fashion_labels, len(images))
        test = read_images(folder / config.fashion_testing).images
        few, many, tune = config.clean_images, config.fashion_images, config.fashion_tuning_images
        _expect(len(images), few + many + tune, folder / config.fashion_training)
        _expect(len(test), config.fashion_test_images, folder / config.fashion_testing)
        if test.shape[1:] != images.shape[1:]:
            raise InvalidInput(
                f"test images must be of the shape of the others, {tuple(images.shape[1:])}; "
                f"got {tuple(test.shape[1:])}."
            )
        order = torch.from_numpy(streams.generator("split").permutation(len(images)))
        picked = torch.from_numpy(streams.generator("test").permutation(len(test)))[: config.fashion_test_images]
        return cls(
            test=test[picked],
            tune=images[order[few + many :][:tune]],
            clean=images[order[:few]],
            hidden=images[order[few : few + many]],
            labels=labels[order[: few + many]],
        )

    def to(self, device: torch.device) -> Clothes:
        """Return the same images on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("test", "tune", "clean", "hidden", "labels")}
        return Clothes(**moved)

    @property
    def reference(self) -> Images:
        """The clean images that generated ones are held against."""
        return torch.cat([self.clean, self.hidden])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, row, column)."""
        channels, rows, columns = self.test.shape[1:]
        return channels, rows, columns

    def observe(self, images: Images, config: Config, streams: Streams, name: str) -> Observations:
        """Corrupt images; the same ones are hidden and noisy in the same places on every device."""
        seed = streams.integer(f"corruption of {name}")
        physics = Inpainting.random(len(images), self.shape, config.fashion_keep, seed=seed, noise_std=NOISE_STD)
        return Observations.corrupt(images, physics.to(images.device), seed)


def _expect(found: int, needed: int, file: Path) -> None:
    if found < needed:
        raise InvalidInput(f"expected at least {needed} images in {file}; got {found}: ask for fewer.")


def _read_labels(file: Path, images: int) -> Tensor:
    """Read one whole number an image, from an IDX file or a ``.npy``."""
    try:
        if file.suffix == ".npy":
            labels = np.load(file, allow_pickle=False).reshape(-1)
        else:
            content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            labels = np.frombuffer(content, np.uint8, offset=8)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(f"expected labels, an IDX file of bytes or a .npy, in {file}; {error}.") from error
    if len(labels) != images or labels.dtype.kind not in "iu":
        raise InvalidInput(f"expected a whole number for each of {images} images in {file}; got {len(labels)}.")
    return torch.from_numpy(labels.astype(np.int64))
