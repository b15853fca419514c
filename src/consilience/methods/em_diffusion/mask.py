r"""Pixels that were not measured: random ones, a box, or those of a mask the user has.

.. math:: A x = m \odot x, \qquad A = A^T = A^+, \qquad A A^T = I \text{ on visible pixels}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.physics import Corruption, checked_image_shape

PAIRS_LOOKED_AT = 1024
"""How many pixels, evenly spread, `Inpainting.unidentifiable_because` looks for among pairs seen together."""


@final
class Inpainting(Corruption):
    """Some pixels are hidden; measurements keep the shape of the image, with zeros where nothing was measured.

    Parameters
    ----------
    mask
        1 or True where a pixel is visible: (row, column), or (image or 1, channel or 1, row, column).
    noise_std
        Noise level on visible pixels.

    Raises
    ------
    InvalidInput
        When the mask holds something else than 0 and 1, or hides every pixel.

    Examples
    --------
    >>> physics = Inpainting(torch.tensor([[1, 0], [0, 1]]))
    >>> physics.A(torch.ones(1, 1, 2, 2)).tolist()
    [[[[1.0, 0.0], [0.0, 1.0]]]]
    """

    mask: Bool[Tensor, "#image #channel row column"]

    def __init__(self, mask: Tensor, *, noise_std: float | Tensor = 0.0) -> None:
        super().__init__(noise_std=noise_std)
        self.mask = _visible(mask)

    @classmethod
    def random(
        cls,
        images: int,
        shape: Sequence[int],
        keep: float = 0.4,
        *,
        seed: int,
        per_channel: bool = False,
        noise_std: float | Tensor = 0.0,
    ) -> Inpainting:
        """Hide each pixel by the toss of a coin, anew in each image.

        Parameters
        ----------
        images
            How many masks; mask i depends on i and the seed, never on how many there are.
        shape
            (channel, row, column) of the images.
        keep
            Probability that a pixel is visible, above 0, at most 1.
        seed
            Root of the randomness.
        per_channel
            Toss for each channel of a pixel; otherwise all channels are hidden together.
        noise_std
            Noise level on visible pixels.
        """
        channels, rows, columns = checked_image_shape(shape)
        if not 0 < keep <= 1:
            raise InvalidInput(f"`keep` must be a share of pixels above 0 and at most 1; got {keep}.")
        size = (channels if per_channel else 1, rows, columns)
        drawn = [generator.random(size) < keep for generator in _generators(images, seed, "random mask")]
        return cls(torch.from_numpy(np.stack(drawn)), noise_std=noise_std)

    @classmethod
    def box(
        cls,
        images: int,
        shape: Sequence[int],
        size: int | tuple[int, int],
        *,
        seed: int,
        noise_std: float | Tensor = 0.0,
    ) -> Inpainting:
        """Hide a box in each image, at a place drawn uniformly.

        Parameters
        ----------
        images
            How many masks; mask i depends on i and the seed, never on how many there are.
        shape
            (channel, row, column) of the images.
        size
            Sides of the box in pixels, (rows, columns) or one number for both; smaller than the image.
        seed
            Root of the randomness.
        noise_std
            Noise level on visible pixels.
        """
        _, rows, columns = checked_image_shape(shape)
        height, width = (size, size) if isinstance(size, int) else size
        if not (1 <= height <= rows and 1 <= width <= columns and height * width < rows * columns):
            raise InvalidInput(
                f"a box must have sides of at least 1 and leave something of {rows}x{columns} pixels visible; "
                f"got {height}x{width}."
            )
        mask = torch.ones(images, 1, rows, columns, dtype=torch.bool)
        for image, generator in enumerate(_generators(images, seed, "box")):
            top, left = (int(generator.integers(room + 1)) for room in (rows - height, columns - width))
            mask[image, :, top : top + height, left : left + width] = False
        return cls(mask, noise_std=noise_std)

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Put zeros where nothing is measured."""
        return torch.where(self.measured(x), x, torch.zeros_like(x))

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Do as `A`: a mask is its own transpose."""
        return self.A(y)

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Do as `A`: a mask is its own pseudo-inverse."""
        return self.A(y)

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the image shape itself."""
        channels, rows, columns = checked_image_shape(image_shape)
        if (rows, columns) != self.mask.shape[2:]:
            raise InvalidInput(
                f"the mask must have the size of the images, {rows}x{columns} pixels; "
                f"got {self.mask.shape[2]}x{self.mask.shape[3]}: crop one of them."
            )
        if self.mask.shape[1] not in (1, channels):
            raise InvalidInput(
                f"the mask must have 1 channel or those of the images, {channels}; got {self.mask.shape[1]}."
            )
        return image_shape

    def measured(self, y: Float[Tensor, "image channel row column"]) -> Bool[Tensor, "image channel row column"]:
        """Tell which pixels are visible."""
        self.shape_of_measurement(tuple(y.shape[1:]))
        self._check_images(y)
        return self.mask.to(y.device).expand(y.shape)

    def unidentifiable_because(self) -> str | None:
        """Look for pixels that no mask shows, and for pairs of pixels that no mask shows together."""
        seen = self.mask.flatten(1)
        if bool(seen.all()):
            return None
        if bool((seen == seen[:1]).all()):
            hidden = float((~seen[0]).double().mean())
            return f"one mask, which all images share, hides the same {hidden:.0%} of the pixels every time"
        never = int((~seen.any(dim=0)).sum())
        if never:
            return f"{never} of {seen.shape[1]} pixels are hidden by every mask"
        some = seen[:, :: -(-seen.shape[1] // PAIRS_LOOKED_AT)].float()
        apart = float((some.T @ some == 0).double().mean())
        return f"{apart:.1%} of the pairs of pixels are never seen together by any mask" if apart else None

    def parameters(self) -> dict[str, Tensor]:
        """Return the mask."""
        return {"mask": self.mask}

    def __repr__(self) -> str:
        images, channels, rows, columns = self.mask.shape
        return f"Inpainting({images}x{channels}x{rows}x{columns}, visible {float(self.mask.double().mean()):.0%})"


def _generators(images: int, seed: int, name: str) -> list[np.random.Generator]:
    if images < 1:
        raise InvalidInput(f"`images` must be at least 1; got {images}.")
    streams = Streams(seed).child(name)
    return [streams.generator(f"image {image}") for image in range(images)]


def _visible(mask: Tensor) -> Bool[Tensor, "#image #channel row column"]:
    """Return a mask of four axes in ones and zeros, after refusing everything else."""
    if mask.ndim not in (2, 4) or mask.numel() == 0:
        raise InvalidInput(
            "a mask must have the axes (row, column) or (image or 1, channel or 1, row, column); "
            f"got {tuple(mask.shape)}."
        )
    odd = mask[(mask != 0) & (mask != 1)]
    if odd.numel():
        raise InvalidInput(
            f"a mask must hold 1 where a pixel is visible and 0 elsewhere; found {float(odd[0]):g}: "
            "threshold it, for example mask > 127."
        )
    visible = (mask != 0).reshape(1, 1, *mask.shape) if mask.ndim == 2 else mask != 0  # noqa: PLR2004 - rows, columns
    if not bool(visible.any()):
        raise InvalidInput("a mask must show at least one pixel; it hides all: 1 means visible, is it inverted?")
    return visible
