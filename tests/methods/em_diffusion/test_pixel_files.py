"""Pixels as they lie in files: every value comes back, broken ones too; what is no image is said in one line."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from consilience.ground import InvalidInput
from consilience.methods.em_diffusion.pixel_files import read_image, read_npy, read_pixels, size_in_words

RNG = np.random.default_rng(8)


def test_a_picture_has_its_channels_first(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (4, 6, 3), np.uint8)
    Image.fromarray(colour).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.moveaxis(colour, -1, 0))


def test_broken_pixels_are_handed_on_as_they_are(tmp_path: Path) -> None:
    broken = RNG.random((2, 4, 5)).astype(np.float32)
    broken[1, 2, 3] = np.nan
    np.save(tmp_path / "a.npy", broken)
    found = read_pixels(tmp_path / "a.npy", None)
    assert np.array_equal(found.values[:, 0], broken, equal_nan=True)
    assert found.names == ("a.npy[0]", "a.npy[1]")


def test_an_idx_file_and_an_array_are_the_same_pixels(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (3, 4, 5), np.uint8)
    (tmp_path / "a.idx").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *pixels.shape) + pixels.tobytes())
    np.save(tmp_path / "a.npy", pixels)
    one, other = (read_pixels(tmp_path / name, None).values for name in ("a.idx", "a.npy"))
    assert one.dtype == np.uint8
    assert np.array_equal(one, other)


def test_files_of_a_folder_come_by_name_and_must_be_alike(tmp_path: Path) -> None:
    for name, value in (("b.png", 2), ("a.png", 1)):
        Image.fromarray(np.full((4, 5), value, np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    found = read_pixels(tmp_path, None)
    assert found.names == ("a.png", "b.png")
    assert found.values[:, 0, 0, 0].tolist() == [1, 2]
    Image.fromarray(np.zeros((5, 4), np.uint8)).save(tmp_path / "c.png")
    with pytest.raises(InvalidInput, match=r"c\.png"):
        read_pixels(tmp_path, None)


def test_objects_in_an_array_are_not_executed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInput, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("orientation", "shown"),
    [(1, lambda x: x), (3, lambda x: x[::-1, ::-1]), (6, lambda x: np.rot90(x, -1)), (8, np.rot90)],
)
def test_a_picture_is_read_the_way_up_that_it_shows(tmp_path: Path, suffix, kind, orientation: int, shown) -> None:
    """Or a mask that was painted over what one sees hides other pixels."""
    pixels = RNG.integers(0, 256, (4, 6)).astype(kind)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / f"a.{suffix}", exif=exif, **({"compression": "tiff_lzw"} if suffix == "tif" else {}))
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}")[0], shown(pixels))


def test_tiff_on_its_side_that_pillow_scrambles_is_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(RNG.integers(0, 256, (4, 6), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.tif", exif=exif)
    with pytest.raises(InvalidInput, match=r"a\.tif lies on its side"):
        read_image(tmp_path / "a.tif")


def test_a_picture_with_a_broken_exif_is_read_as_it_lies(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (4, 6), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\0\0no tags at all")
    assert np.array_equal(read_image(tmp_path / "a.png")[0], pixels)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_greys_of_which_zero_is_white_are_turned_at_any_depth(tmp_path: Path, kind) -> None:
    pixels = RNG.integers(0, 200, (4, 6)).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    assert np.array_equal(read_image(tmp_path / "a.tif")[0], np.iinfo(kind).max - pixels)


def test_sizes_are_rows_times_columns() -> None:
    assert size_in_words((3, 28, 32)) == "28 x 32"
