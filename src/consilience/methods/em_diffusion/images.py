"""A user's images as one tensor, and back: one affine map for the whole set, never one for each image.

Pixels come as a folder of PNG, JPEG or TIFF files, as a ``.npy`` array or as an IDX file (as MNIST ships). The map from
pixels x to the values that priors see is (x − c) / h with c the middle and h half the width of a range: that of the
pixel type (0 to 255, 0 to 65535), or for real numbers the one stated, or else the one measured over the whole set.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from PIL import Image
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.em_diffusion.pixel_files import Pixels, read_image, read_npy, read_pixels, size_in_words

PixelType = Literal["uint8", "uint16", "real"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The one affine map between a set's pixels and values in [-1, 1]; plain enough to lie in a JSON file.

    Examples
    --------
    >>> scale = Scale.of_type("uint8")
    >>> scale.inward(np.array([0, 255], np.uint8))
    tensor([-1.,  1.])
    >>> scale.outward(torch.tensor([-1.0, 0.0, 1.0]))
    array([  0. , 127.5, 255. ], dtype=float32)
    >>> scale.spread(torch.tensor([0.1]))
    array([12.75], dtype=float32)
    """

    low: float
    """The pixel value that becomes -1."""
    high: float
    """The pixel value that becomes 1, above `low`."""
    pixels: PixelType = "real"
    """How the pixels came: 8 bit, 16 bit, or real numbers."""

    def __post_init__(self) -> None:
        """Refuse a range that has no width."""
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise InvalidInput(
                f"a value range must run from a smaller to a larger finite number; got {self.low} to {self.high}"
            )

    @classmethod
    def of_type(cls, pixels: Literal["uint8", "uint16"]) -> Scale:
        """Return the scale of 8-bit (x / 127.5 − 1) or 16-bit (x / 32767.5 − 1) pixels."""
        return cls(low=0.0, high=float(np.iinfo(pixels).max), pixels=pixels)

    @property
    def centre(self) -> float:
        """The pixel value that becomes 0."""
        return (self.low + self.high) / 2

    @property
    def half_width(self) -> float:
        """How many units of a pixel are one unit of what priors see."""
        return (self.high - self.low) / 2

    def inward(self, pixels: Shaped[np.ndarray, "*shape"]) -> Float[Tensor, "*shape"]:
        """Map pixels to the values that priors see; what lies outside the range lies outside [-1, 1], unclipped."""
        wide = pixels.dtype.kind == "f" and pixels.dtype.itemsize > np.dtype(np.float32).itemsize
        values = torch.from_numpy(pixels.astype(np.float64 if wide else np.float32))
        return ((values - self.centre) / self.half_width).float()

    def outward(self, values: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Map values back to the units of the pixels, as real numbers, neither rounded nor clipped."""
        mapped = values.detach().cpu().double() * self.half_width + self.centre
        return mapped.float().numpy()

    def spread(self, deviations: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Map standard deviations back to the units of the pixels: the width counts, the centre does not."""
        return (deviations.detach().cpu().double() * self.half_width).float().numpy()


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images as priors see them, with what is needed to give them back."""

    images: Float[Tensor, "image channel row column"]
    """Single precision, in [-1, 1] unless a stated range was narrower than the data."""
    scale: Scale
    """The map from the pixels as they came."""
    names: tuple[str, ...]
    """One name an image: the file it came from, or its place in the array."""


def read_images(
    path: Path | str,
    *,
    channels: int | None = None,
    value_range: tuple[float, float] | None = None,
) -> ImageSet:
    """Read a user's images, all of one size, and map them to [-1, 1] by one affine map.

    Parameters
    ----------
    path
        A folder of PNG, JPEG or TIFF files (read in the order of their names; grey or RGB, 8 or 16 bit), one such
        file, a ``.npy`` array of shape (n, h, w), (n, h, w, c) or (n, c, h, w), or an IDX file, plain or ``.gz``.
    channels
        The number of channels the images must have. `None` takes 1 or 3, whichever is there; an array of another
        number, such as the bands of a satellite, needs it said.
    value_range
        For real numbers, the values that become -1 and 1; `None` measures them over the whole set. Give the range of
        a prior's training images when restoring others. Whole pixels (8 or 16 bit) have their own and take none.

    Returns
    -------
    ImageSet
        The images, the scale that maps them back, and their names.

    Raises
    ------
    InvalidInput
        When there is nothing at `path`, when a file cannot be read, when sizes, channels or pixel types differ, when
        a pixel is not finite, or when all pixels of an image are equal.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
    ...     found = read_images(f"{folder}/x.npy")
    >>> found.images.shape, found.scale.pixels, found.names
    (torch.Size([2, 1, 3, 3]), 'uint8', ('x.npy[0]', 'x.npy[1]'))
    """
    source = Path(path)
    if not source.exists():
        raise InvalidInput(f"images must be a folder, an image, a .npy or an IDX file; there is nothing at {source}")
    found = read_pixels(source, channels)
    _refuse_flaws(found, channels)
    scale = _scale_of(found.values, value_range)
    return ImageSet(images=scale.inward(found.values), scale=scale, names=found.names)


def read_mask(path: Path | str, shape: Sequence[int]) -> Bool[Tensor, "image_or_one one row column"]:
    """Read which pixels were observed: white (or true, or 1) is observed, black is not.

    Parameters
    ----------
    path
        A black and white PNG or TIFF, or a ``.npy`` array of two values: (h, w) for all images, or (n, h, w) with a
        mask for each.
    shape
        Shape of the images, (image, channel, row, column).

    Returns
    -------
    Tensor
        One mask, or one for each image, to broadcast against the images.

    Raises
    ------
    InvalidInput
        When the mask cannot be read, has another size, has more than two values, or leaves nothing observed.
    """
    source = Path(path)
    if not source.is_file():
        raise InvalidInput(f"a mask must be a black and white image or a .npy file; there is none at {source}")
    values = _mask_values(source)
    n_images, (height, width) = shape[0], shape[-2:]
    if values.shape[-2:] != (height, width):
        got = size_in_words(values.shape)
        raise InvalidInput(f"the mask must be as large as the images, {height} x {width}; {source} is {got}")
    if len(values) not in {1, n_images}:
        raise InvalidInput(f"expected one mask or one for each of {n_images} images; {source} has {len(values)}")
    observed = torch.from_numpy(_two_values(values, source))[:, None]
    empty = ~observed.flatten(1).any(dim=1)
    if empty.any():
        raise InvalidInput(
            f"a mask must leave pixels observed (white); in {source} mask {int(empty.int().argmax())} is all black"
        )
    return observed


def write_png(
    path: Path | str,
    image: Float[Tensor, "channel row column"],
    *,
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Path:
    """Write one image as an 8-bit PNG, whole or not at all: `value_range` becomes 0 to 255, clipped and rounded.

    8-bit images that were read by `read_images` come back pixel for pixel.

    Parameters
    ----------
    path
        The file; folders on the way to it are created.
    image
        One channel (grey) or three (RGB).
    value_range
        The values that become black and white. State it where it is not the default, as for standard deviations.

    Raises
    ------
    InvalidInput
        When the image has another number of channels, or when the disk does not take the file.
    """
    low, high = value_range
    Scale(low=low, high=high)
    grey = 1
    if len(image) not in {grey, 3}:
        raise InvalidInput(f"a PNG must have 1 or 3 channels; got {len(image)}: write it as .npy instead")
    levels = (image.detach().cpu().double() - low) / (high - low) * 255
    pixels = levels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if len(image) == grey else pixels).save(content, format="PNG")
    return _write(Path(path), content.getvalue())


def write_npy(path: Path | str, values: Float[np.ndarray, "*shape"]) -> Path:
    """Write real numbers as ``.npy`` in single precision, whole or not at all.

    Parameters
    ----------
    path
        The file; folders on the way to it are created.
    values
        In the units of the pixels, as `Scale.outward` and `Scale.spread` return them.

    Raises
    ------
    InvalidInput
        When the disk does not take the file.
    """
    content = io.BytesIO()
    np.save(content, np.asarray(values, np.float32), allow_pickle=False)
    return _write(Path(path), content.getvalue())


def _write(path: Path, content: bytes) -> Path:
    try:
        return write_whole(path, content)
    except OSError as error:
        raise InvalidInput(
            f"cannot write {path}: {error.strerror}; nothing was left there, choose another folder or make room"
        ) from error


def _refuse_flaws(found: Pixels, channels: int | None) -> None:
    """Refuse a wrong number of channels, pixels that are not finite, and images without any contrast."""
    got = found.values.shape[1]
    if channels is not None and got != channels:
        raise InvalidInput(f"expected images of {channels} channel(s); {found.names[0]} has {got}")
    for name, image in zip(found.names, found.values, strict=True):
        if not np.isfinite(image).all():
            raise InvalidInput(
                f"pixels must be finite; {name} holds NaN or infinity: mask such pixels or drop the image"
            )
        if image.min() == image.max():
            raise InvalidInput(f"an image must show something; all pixels of {name} are {image.min()}: drop it")


def _scale_of(pixels: np.ndarray, value_range: tuple[float, float] | None) -> Scale:
    if pixels.dtype in (np.uint8, np.uint16):
        own = Scale.of_type("uint8" if pixels.dtype == np.uint8 else "uint16")
        if value_range is not None and value_range != (own.low, own.high):
            raise InvalidInput(
                f"a value range is for real numbers; {pixels.dtype} pixels run from 0 to {own.high:g}: leave it out, "
                "or save the images as real numbers"
            )
        return own
    low, high = value_range or (float(pixels.min()), float(pixels.max()))
    return Scale(low=low, high=high)


def _mask_values(source: Path) -> Shaped[np.ndarray, "mask row column"]:
    if source.suffix.lower() != ".npy":
        channels = read_image(source)
        if not (channels == channels[:1]).all():
            raise InvalidInput(f"a mask must be black and white; {source} has colours")
        return channels[:1]
    values = read_npy(source)
    if values.ndim not in {2, 3} or values.dtype.kind not in "buif":
        raise InvalidInput(
            f"a mask must have axes (h, w) or (n, h, w); {source} has shape {values.shape}, {values.dtype}"
        )
    return values if values.ndim == 3 else values[None]  # noqa: PLR2004


def _two_values(values: Shaped[np.ndarray, "mask row column"], source: Path) -> Bool[np.ndarray, "mask row column"]:
    """Tell white from black; greys are refused rather than guessed."""
    levels = np.unique(values).tolist()
    white = np.iinfo(values.dtype).max if values.dtype in (np.uint8, np.uint16) else 1
    if levels not in ([0], [1], [white], [0, 1], [0, white]):
        some = ", ".join(str(level) for level in levels[:4])
        raise InvalidInput(f"a mask must be black and white (0 and {white}); {source} has {len(levels)} levels: {some}")
    return np.asarray(values != 0)
