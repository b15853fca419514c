"""Measurements of another shape than the image: fewer pixels, or a few random weighings of all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.physics import Corruption, checked_image_shape


@final
class Downsampling(Corruption):
    r"""Each block of pixels is measured by its mean.

    With blocks of :math:`f^2` pixels :math:`A A^T = I/f^2`, so that :math:`A^+ = f^2 A^T` repeats each measurement
    over its block.

    Parameters
    ----------
    factor
        Side f of a block in pixels, at least 1; it must divide both sides of the image.
    noise_std
        Noise level of the means.

    Examples
    --------
    >>> Downsampling(2).A(torch.arange(4.0).reshape(1, 1, 2, 2)).item()
    1.5
    """

    def __init__(self, factor: int, *, noise_std: float | Tensor = 0.0) -> None:
        super().__init__(noise_std=noise_std)
        if factor < 1:
            raise InvalidInput(f"`factor` must be at least 1; got {factor}.")
        self.factor = factor

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel low_row low_column"]:
        """Average blocks of pixels."""
        self._check_images(x)
        channels, rows, columns = self.shape_of_measurement(tuple(x.shape[1:]))
        return x.reshape(-1, channels, rows, self.factor, columns, self.factor).mean(dim=(3, 5))

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel low_row low_column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Spread each measurement evenly over its block."""
        return self.A_dagger(y) / self.factor**2

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel low_row low_column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Repeat each measurement over its block."""
        self._check_images(y)
        return y.repeat_interleave(self.factor, dim=2).repeat_interleave(self.factor, dim=3)

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the image shape with both sides divided by the factor."""
        channels, rows, columns = checked_image_shape(image_shape)
        if rows % self.factor or columns % self.factor:
            raise InvalidInput(
                f"`factor` must divide both sides of the images, {rows}x{columns} pixels; got {self.factor}: crop them."
            )
        return channels, rows // self.factor, columns // self.factor

    def unidentifiable_because(self) -> str | None:
        """Say that detail within a block is never measured."""
        if self.factor == 1:
            return None
        return f"detail within blocks of {self.factor}x{self.factor} pixels is never measured"

    def settings(self) -> dict[str, Any]:
        """Return the factor."""
        return {"factor": self.factor}

    def __repr__(self) -> str:
        return f"Downsampling({self.factor})"


@final
class RandomProjection(Corruption):
    """Each measurement is a weighted sum of all pixels; y is (image, measurement).

    Parameters
    ----------
    matrix
        Weights, (measurement, pixel) or (image or 1, measurement, pixel), pixels in the order channel, row, column.
    image_shape
        (channel, row, column) of the images.
    noise_std
        Noise level of the measurements.

    Examples
    --------
    >>> physics = RandomProjection.random(1, (1, 8, 8), 10, seed=0)
    >>> physics(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    matrix: Float[Tensor, "#image measurement pixel"]

    def __init__(self, matrix: Tensor, image_shape: Sequence[int], *, noise_std: float | Tensor = 0.0) -> None:
        super().__init__(noise_std=noise_std)
        self.image_shape = checked_image_shape(image_shape)
        self.matrix = _checked_matrix(matrix, self.image_shape)

    @classmethod
    def random(
        cls,
        images: int,
        shape: Sequence[int],
        measurements: int,
        *,
        seed: int,
        noise_std: float | Tensor = 0.0,
    ) -> RandomProjection:
        """Draw independent Gaussian weights of variance 1 / `measurements`, single precision.

        Parameters
        ----------
        images
            How many matrices; 1 lets all images share one. Matrix i depends on i and the seed, never on how many there
            are. Each holds measurements x pixels numbers.
        shape
            (channel, row, column) of the images.
        measurements
            How many numbers are measured of each image.
        seed
            Root of the randomness.
        noise_std
            Noise level of the measurements.
        """
        pixels = int(np.prod(checked_image_shape(shape)))
        if min(images, measurements) < 1:
            raise InvalidInput(f"`images` and `measurements` must be at least 1; got {images} and {measurements}.")
        streams = Streams(seed).child("random projection")
        drawn = [
            streams.generator(f"image {image}").standard_normal((measurements, pixels), dtype=np.float32)
            for image in range(images)
        ]
        return cls(torch.from_numpy(np.stack(drawn)) / measurements**0.5, shape, noise_std=noise_std)

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image measurement"]:
        """Weigh the pixels."""
        self.shape_of_measurement(tuple(x.shape[1:]))
        self._check_images(x)
        return _applied(self.matrix.to(x), x.flatten(1))

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image measurement"]
    ) -> Float[Tensor, "image channel row column"]:
        """Add up the weights, each as often as its measurement says."""
        self._check_measurement(y)
        return _applied(self.matrix.to(y).mT, y).reshape(-1, *self.image_shape)

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image measurement"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the smallest image among those that come nearest to the measurements."""
        self._check_measurement(y)
        return _applied(self._inverse.to(y), y).reshape(-1, *self.image_shape)

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return how many numbers are measured of an image."""
        if tuple(image_shape) != self.image_shape:
            raise InvalidInput(f"this projection is for images of shape {self.image_shape}; got {tuple(image_shape)}.")
        return (self.matrix.shape[1],)

    def unidentifiable_because(self) -> str | None:
        """Compare what is measured with the unknowns of the first two moments."""
        images, measurements, pixels = self.matrix.shape
        if images == 1:
            rank = int(torch.linalg.matrix_rank(self.matrix[0].double()))
            lost = f"one projection, which all images share, measures {rank} of {pixels} dimensions"
            return lost if rank < pixels else None
        products, unknowns = images * measurements * (measurements + 1) // 2, pixels * (pixels + 1) // 2
        if products >= unknowns:
            return None
        return f"{images} projections to {measurements} numbers are too few for {unknowns} second moments of the images"

    def parameters(self) -> dict[str, Tensor]:
        """Return the matrix."""
        return {"matrix": self.matrix}

    def settings(self) -> dict[str, Any]:
        """Return the image shape."""
        return {"image_shape": list(self.image_shape)}

    @cached_property
    def _inverse(self) -> Float[Tensor, "#image pixel measurement"]:
        inverse: Tensor = torch.linalg.pinv(self.matrix.double())
        return inverse

    def _check_measurement(self, y: Tensor) -> None:
        self._check_images(y)
        if y.shape[1:] != (self.matrix.shape[1],):
            raise InvalidInput(
                f"measurements must be {self.matrix.shape[1]} numbers an image; got {tuple(y.shape[1:])}."
            )

    def __repr__(self) -> str:
        return f"RandomProjection({self.matrix.shape[2]} pixels to {self.matrix.shape[1]} numbers)"


def _applied(matrix: Float[Tensor, "#image out inner"], x: Float[Tensor, "image inner"]) -> Float[Tensor, "image out"]:
    return x @ matrix[0].mT if len(matrix) == 1 else torch.einsum("noi,ni->no", matrix, x)


def _checked_matrix(matrix: Tensor, image_shape: tuple[int, int, int]) -> Float[Tensor, "#image measurement pixel"]:
    pixels = int(np.prod(image_shape))
    if matrix.ndim not in (2, 3) or matrix.numel() == 0 or matrix.shape[-1] != pixels:
        raise InvalidInput(
            "the matrix must have the axes (measurement, pixel) or (image or 1, measurement, pixel), with "
            f"{pixels} pixels for images of shape {image_shape}; got {tuple(matrix.shape)}."
        )
    if not matrix.is_floating_point() or not bool(torch.isfinite(matrix).all()):
        raise InvalidInput(f"the matrix must hold finite floating-point numbers; got {matrix.dtype}: mend it.")
    return matrix if matrix.ndim == 3 else matrix[None]  # noqa: PLR2004 - image, measurement, pixel
