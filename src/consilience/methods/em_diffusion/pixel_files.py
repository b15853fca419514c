"""Pixels as they lie in files: PNG, JPEG, TIFF, ``.npy`` and IDX, read without touching a value, the way up they show.

Cameras store an image as the sensor lay and say in EXIF how to turn it, which every viewer does; so is it done here, or
a mask that was painted over what one sees would hide other pixels.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageOps

from consilience.ground.errors import InvalidInput, MissingDependency

SUFFIXES = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""What counts as an image in a folder, in small letters; everything else there is passed over."""

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_DEEPEST_8_BIT = 8
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
"""A tag of TIFF, and what it says of greys that are darker the larger they are."""
_ORIENTATION, _ON_ITS_SIDE = 274, (5, 6, 7, 8)
_COMPRESSION, _RAW = 259, 1


@dataclass(frozen=True)
class Pixels:
    """Pixels of one image or of many, with a name for each, before they are mapped."""

    values: Shaped[np.ndarray, "image channel row column"]
    names: tuple[str, ...]


def read_pixels(source: Path, channels: int | None) -> Pixels:
    """Return all images of a folder or a file, all of one size and type, broken pixels included.

    Raises
    ------
    InvalidInput
        When there are none, when they differ in size or type, or when a file cannot be read.
    """
    if source.is_dir():
        return _read_folder(source)
    if source.suffix.lower() in SUFFIXES:
        return Pixels(read_image(source)[None], (source.name,))
    stack = read_npy(source) if source.suffix.lower() == ".npy" else _read_idx(source)
    values = _channels_first(stack, channels, source)
    return Pixels(values, tuple(f"{source.name}[{place}]" for place in range(len(values))))


def _read_folder(folder: Path) -> Pixels:
    files = image_files(folder)
    if not files:
        raise InvalidInput(f"expected PNG, JPEG or TIFF files in {folder}; there are none: check the path")
    images: list[np.ndarray] = []
    for file in files:
        image = read_image(file)
        if images:
            _refuse_other(images[0], files[0], image, file)
        images.append(image)
    return Pixels(np.stack(images), tuple(file.name for file in files))


def image_files(folder: Path) -> list[Path]:
    """Return the files of a folder that count as images, in the order of the alphabet."""
    return sorted(file for file in folder.iterdir() if _is_image(file))


def _is_image(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def _refuse_other(first: np.ndarray, first_file: Path, image: np.ndarray, file: Path) -> None:
    """Refuse an image that differs from the first of its folder in size, channels or depth."""
    for what, one, other in (
        ("size (rows x columns)", size_in_words(first.shape), size_in_words(image.shape)),
        ("number of channels", len(first), len(image)),
        ("pixel type", first.dtype, image.dtype),
    ):
        if one != other:
            raise InvalidInput(
                f"all images must have one {what}; {first_file.name} has {one} and {file.name} has {other}: "
                "convert one of them"
            )


def read_image(file: Path) -> Shaped[np.ndarray, "channel row column"]:
    """Read one picture without losing depth."""
    try:
        with Image.open(file) as picture:
            _refuse_turned_rows(picture, file)
            picture.load()
            pixels = _read_deep_colour(picture, file) if _is_deep_colour(picture, file) else _pixels(picture, file)
    except InvalidInput:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            f"cannot read {file} as an image; it is damaged or of another format: {_line(error)}"
        ) from error
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))  # noqa: PLR2004


def _refuse_turned_rows(picture: Image.Image, file: Path) -> None:
    """Refuse TIFF on its side without compression: Pillow 13 takes its columns for rows before it reads them."""
    tags = getattr(picture, "tag_v2", {})
    if tags.get(_ORIENTATION) in _ON_ITS_SIDE and tags.get(_COMPRESSION, _RAW) == _RAW:
        raise InvalidInput(f"{file} lies on its side, by a tag that cannot be followed without loss: save it upright")


def _is_deep_colour(picture: Image.Image, file: Path) -> bool:
    """Whether a picture has several channels of 16 bit, which Pillow would silently cut to 8."""
    if picture.format == "PNG":
        with file.open("rb") as stream:
            header = stream.read(26)
        depth, grey = header[24], header[25] == 0
        return depth > _DEEPEST_8_BIT and not grey
    bits = getattr(picture, "tag_v2", {}).get(258, (8,))
    return len(bits) > 1 and max(bits) > _DEEPEST_8_BIT


def _read_deep_colour(picture: Image.Image, file: Path) -> Shaped[np.ndarray, "row column channel"]:
    if picture.format == "PNG":
        raise InvalidInput(f"colours of 16 bit cannot be read from a PNG without loss; save {file} as TIFF or .npy")
    try:
        import tifffile  # noqa: PLC0415 - comes with scikit-image, needed by deep colours alone
    except ImportError as error:
        raise MissingDependency("TIFF files of 16-bit colours need tifffile; install consilience[em]") from error
    pixels = tifffile.imread(file)
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or pixels.dtype != np.uint16:  # noqa: PLR2004
        raise InvalidInput(f"expected grey or RGB of 8 or 16 bit; {file} has shape {pixels.shape}, {pixels.dtype}")
    return np.asarray(pixels)


def _pixels(picture: Image.Image, file: Path) -> np.ndarray:
    """Return the pixels of a picture: palettes resolved, an opaque alpha channel dropped."""
    if getattr(picture, "n_frames", 1) > 1:
        raise InvalidInput(f"expected one image a file; {file} has several pages: save them as one .npy array")
    grey_is_turned = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    picture = _upright(picture)
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode in {"LA", "RGBA"}:
        if picture.getextrema()[-1] != (255, 255):
            raise InvalidInput(f"expected an opaque image; {file} has transparent pixels: flatten it first")
        picture = picture.convert(picture.mode[:-1])
    if picture.mode == "1":
        picture = picture.convert("L")
    pixels = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        deep = pixels.astype(np.uint16)
        # Pillow turns greys of which 0 is white where they have 8 bit, and leaves those of 16 as they are.
        return np.iinfo(np.uint16).max - deep if grey_is_turned else deep
    if picture.mode not in {"L", "RGB", "F"}:
        raise InvalidInput(f"expected grey or RGB of 8 or 16 bit; {file} is of mode {picture.mode}: convert it")
    return pixels


def _upright(picture: Image.Image) -> Image.Image:
    """Return a picture the way up that EXIF says it shows; one whose EXIF is broken as it lies."""
    try:
        return ImageOps.exif_transpose(picture)
    except (SyntaxError, ValueError, KeyError, struct.error):
        return picture


def read_npy(file: Path) -> np.ndarray:
    """Return an array as NumPy saved it; nothing in it is executed."""
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(f"cannot read {file} as a .npy array of numbers: {_line(error)}") from error


def _read_idx(file: Path) -> np.ndarray:
    """Read an IDX file: two zero bytes, a type, a number of axes, their lengths as big-endian words, then the data."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix.lower() == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"cannot read {file}: {_line(error)}") from error
    head = 4
    if len(content) < head or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise InvalidInput(f"expected a folder, an image, a .npy or an IDX file (plain or .gz); {file} is none of them")
    start = head + 4 * content[3]
    shape = [int.from_bytes(content[place : place + 4], "big") for place in range(head, start, 4)]
    kind = np.dtype(_IDX_TYPES[content[2]])
    announced, present = math.prod(shape) * kind.itemsize, max(len(content) - start, 0)
    if announced != present or len(content) < start:
        raise InvalidInput(f"{file} announces {announced} bytes of pixels and has {present}: fetch it again")
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def _channels_first(
    stack: np.ndarray, channels: int | None, source: Path
) -> Shaped[np.ndarray, "image channel row column"]:
    """Give an array of images its four axes in our order."""
    if stack.dtype.kind not in "buif":
        raise InvalidInput(f"expected numbers in {source}; got {stack.dtype}")
    if stack.size == 0:
        raise InvalidInput(f"expected images in {source}; it is empty, of shape {stack.shape}")
    if stack.ndim == 3:  # noqa: PLR2004
        return stack[:, None]
    if stack.ndim != 4:  # noqa: PLR2004
        raise InvalidInput(
            f"expected axes (n, h, w), (n, h, w, c) or (n, c, h, w) in {source}; got {stack.ndim} axes, {stack.shape}"
        )
    wanted = {channels} if channels is not None else {1, 3}
    first, last = stack.shape[1] in wanted, stack.shape[3] in wanted
    if first == last:
        told = " or ".join(str(number) for number in sorted(wanted))
        problem = "both the second and the last axis could be channels" if first else "no axis has that many"
        raise InvalidInput(
            f"expected {told} channels in {source}; in shape {stack.shape} {problem}: say how many there are"
        )
    return stack if first else np.ascontiguousarray(np.moveaxis(stack, -1, 1))


def size_in_words(shape: Sequence[int]) -> str:
    """Spell rows and columns, such as ``28 x 28``."""
    return f"{shape[-2]} x {shape[-1]}"


def _line(error: Exception) -> str:
    """The message of a foreign error, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
