"""Pixels as they lie in files: every value comes back, broken ones too; what is no image is said in one line."""

import struct
from pathlib import Path

import numpy as np
import pytest
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


def test_sizes_are_rows_times_columns() -> None:
    assert size_in_words((3, 28, 32)) == "28 x 32"
