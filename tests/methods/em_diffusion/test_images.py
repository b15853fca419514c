"""A user's images: what comes in goes out unchanged; what is wrong is said in one line and nothing is half-written."""

import gzip
import resource
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from consilience.ground import InvalidInput
from consilience.methods.em_diffusion.images import Scale, read_images, read_mask, write_npy, write_png

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (3, 6, 5), np.uint8)
COLOUR = RNG.integers(0, 256, (3, 6, 5, 3), np.uint8)


def save_pictures(folder: Path, pictures: np.ndarray, suffix: str = ".png") -> Path:
    folder.mkdir()
    for place, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{place}{suffix}")
    return folder


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def message(path: Path, **settings: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_images(path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("pictures", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("suffix", [".png", ".TIF"])
def test_8_bit_pictures_come_back_pixel_for_pixel(tmp_path: Path, pictures: np.ndarray, suffix: str) -> None:
    found = read_images(save_pictures(tmp_path / "in", pictures, suffix))
    assert found.images.dtype == torch.float32
    assert found.images.abs().max() <= 1
    for image, name, picture in zip(found.images, found.names, pictures, strict=True):
        written = write_png(tmp_path / "out" / f"{name}.png", image)
        assert np.array_equal(np.asarray(Image.open(written)), picture)
        assert np.allclose(found.scale.outward(image), picture if picture.ndim == 2 else np.moveaxis(picture, -1, 0))


def test_the_map_is_the_stated_one_and_the_same_for_every_image(tmp_path: Path) -> None:
    dim = np.array([[[0, 10], [20, 30]], [[0, 255], [20, 30]]], np.uint8)
    found = read_images(save_pictures(tmp_path / "in", dim))
    assert torch.equal(found.images[:, 0], torch.from_numpy((dim.astype(np.float32) - 127.5) / 127.5))
    assert found.scale == Scale(low=0, high=255, pixels="uint8")


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_greys_keep_their_depth(tmp_path: Path, suffix: str) -> None:
    deep = RNG.integers(0, 65536, (2, 4, 4), np.uint16)
    found = read_images(save_pictures(tmp_path / "in", deep, suffix))
    assert found.scale == Scale.of_type("uint16")
    assert np.array_equal(found.scale.outward(found.images[:, 0]).round(), deep)


def test_16_bit_colours_keep_their_depth_or_are_refused(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (4, 7, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    found = read_images(tmp_path / "a.tif")
    assert np.array_equal(found.scale.outward(found.images[0]).round(), np.moveaxis(deep, -1, 0))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 4, 16, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(png + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert "16 bit cannot be read from a PNG without loss" in message(tmp_path / "a.png")


def test_jpeg_palette_bilevel_and_opaque_alpha_are_read(tmp_path: Path) -> None:
    picture = Image.fromarray(COLOUR[0])
    picture.save(tmp_path / "a.jpg", quality=95)
    assert read_images(tmp_path / "a.jpg").images.shape == (1, 3, 6, 5)
    picture.convert("P").save(tmp_path / "p.png")
    assert read_images(tmp_path / "p.png").images.shape == (1, 3, 6, 5)
    Image.fromarray(GREY[0] > 99).save(tmp_path / "b.png")
    assert set(read_images(tmp_path / "b.png").images.unique().tolist()) == {-1.0, 1.0}
    picture.putalpha(255)
    picture.save(tmp_path / "o.png")
    assert np.array_equal(
        read_images(tmp_path / "o.png").images, Scale.of_type("uint8").inward(COLOUR[:1].transpose(0, 3, 1, 2))
    )
    picture.putalpha(100)
    picture.save(tmp_path / "t.png")
    assert "transparent" in message(tmp_path / "t.png")


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (GREY, (3, 1, 6, 5)),
        (COLOUR, (3, 3, 6, 5)),
        (COLOUR.transpose(0, 3, 1, 2), (3, 3, 6, 5)),
        (GREY[..., None], (3, 1, 6, 5)),
    ],
)
def test_arrays_of_every_layout(tmp_path: Path, array: np.ndarray, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "x.npy", array)
    found = read_images(tmp_path / "x.npy")
    assert found.images.shape == shape
    expected = array.reshape(shape) if shape[1] == 1 or array.shape == shape else array.transpose(0, 3, 1, 2)
    assert torch.equal(found.images, Scale.of_type("uint8").inward(expected))
    assert found.names[1] == "x.npy[1]"


def test_bands_need_to_be_said(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(2, 6, 5, 4)))
    assert "expected 1 or 3 channels" in message(tmp_path / "x.npy")
    assert read_images(tmp_path / "x.npy", channels=4).images.shape == (2, 4, 6, 5)
    np.save(tmp_path / "y.npy", RNG.normal(size=(2, 3, 5, 3)))
    assert "both the second and the last axis" in message(tmp_path / "y.npy")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.int8, bool])
def test_real_numbers_are_measured_over_the_whole_set(tmp_path: Path, dtype: type) -> None:
    values = np.array([[[0, 1], [2, 3]], [[0, 16], [2, 3]]]).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    found = read_images(tmp_path / "x.npy")
    assert found.scale == Scale(low=0, high=1 if dtype is bool else 16)
    assert found.images.min() == -1
    assert found.images.max() == 1
    assert np.array_equal(found.scale.outward(found.images[:, 0]), values)


def test_a_stated_range_is_kept_and_nothing_is_clipped(tmp_path: Path) -> None:
    values = 1e6 + RNG.normal(size=(2, 4, 4))
    np.save(tmp_path / "x.npy", values)
    found = read_images(tmp_path / "x.npy", value_range=(1e6 - 0.5, 1e6 + 0.5))
    assert np.allclose(found.images[:, 0].double(), 2 * (values - 1e6), atol=1e-6)
    assert found.images.abs().max() > 1


def test_spread_is_the_scale_of_deviations() -> None:
    scale = Scale(low=10, high=14)
    values = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert np.isclose(scale.outward(values).std(ddof=1), scale.spread(values.std()), rtol=1e-5)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_as_mnist_ships(tmp_path: Path, *, packed: bool) -> None:
    path = tmp_path / ("train-images-idx3-ubyte.gz" if packed else "train-images-idx3-ubyte")
    path.write_bytes(gzip.compress(idx(GREY)) if packed else idx(GREY))
    found = read_images(path)
    assert torch.equal(found.images[:, 0], Scale.of_type("uint8").inward(GREY))
    doubles = GREY / 7
    path.write_bytes(gzip.compress(idx(doubles.astype(">f8"), 14)) if packed else idx(doubles.astype(">f8"), 14))
    assert np.allclose(read_images(path).scale.outward(read_images(path).images[:, 0]), doubles, atol=1e-5)


def test_what_is_wrong_with_a_folder_names_the_files(tmp_path: Path) -> None:
    assert "there is nothing at" in message(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    assert "there are none" in message(tmp_path / "empty")
    folder = save_pictures(tmp_path / "in", GREY)
    Image.fromarray(GREY[0, :, :4]).save(folder / "3.png")
    told = message(folder)
    assert "0.png has 6 x 5" in told
    assert "3.png has 6 x 4" in told
    Image.fromarray(COLOUR[0]).save(folder / "3.png")
    assert "0.png has 1 and 3.png has 3" in message(folder)
    Image.fromarray(GREY[0].astype(np.uint16)).save(folder / "3.png")
    assert "pixel type; 0.png has uint8 and 3.png has uint16" in message(folder)
    Image.fromarray(np.full((6, 5), 7, np.uint8)).save(folder / "3.png")
    assert "all pixels of 3.png are 7" in message(folder)
    (folder / "3.png").write_bytes((folder / "0.png").read_bytes()[:40])
    assert "cannot read" in message(folder)
    (folder / "3.png").write_text("not a picture")
    assert "3.png as an image" in message(folder)
    (folder / "3.png").unlink()
    assert "expected images of 3 channel(s)" in message(folder, channels=3)
    assert "for real numbers" in message(folder, value_range=(0.0, 1.0))
    Image.fromarray(GREY[0]).convert("CMYK").save(folder / "3.tif")
    assert "mode CMYK" in message(folder)
    Image.fromarray(GREY[0]).save(folder / "3.tif", save_all=True, append_images=[Image.fromarray(GREY[1])])
    assert "several pages" in message(folder)


def test_what_is_wrong_with_an_array(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    values = RNG.normal(size=(3, 4, 4))
    values[1, 2, 2] = np.nan
    np.save(path, values)
    assert "x.npy[1] holds NaN" in message(path)
    values[1] = 3.0
    np.save(path, values)
    assert "all pixels of x.npy[1] are 3.0" in message(path)
    np.save(path, values[0])
    assert "got 2 axes" in message(path)
    np.save(path, values[:0])
    assert "it is empty" in message(path)
    np.save(path, values.astype(str))
    assert "expected numbers" in message(path)
    np.save(path, values[2:])
    assert "from a smaller to a larger" in message(path, value_range=(1.0, 1.0))
    path.write_bytes(path.read_bytes()[:150])
    assert "cannot read" in message(path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert "cannot read" in message(tmp_path / "x.npy")


def test_what_is_wrong_with_an_idx_file(tmp_path: Path) -> None:
    path = tmp_path / "x-idx3-ubyte"
    path.write_bytes(idx(GREY)[:-1])
    assert "announces 90 bytes of pixels and has 89" in message(path)
    path.write_bytes(idx(GREY)[:9])
    assert "announces" in message(path)
    path.write_bytes(b"hello, world")
    assert "none of them" in message(path)
    path.write_bytes(idx(np.arange(5, dtype=np.uint8)))
    assert "got 1 axes" in message(path)
    packed = tmp_path / "x.gz"
    packed.write_bytes(gzip.compress(idx(GREY))[:-20])
    assert "cannot read" in message(packed)
    packed.write_text("not gzip")
    assert "cannot read" in message(packed)


def test_white_is_observed(tmp_path: Path) -> None:
    seen = RNG.random((6, 5)) < 0.5
    Image.fromarray(seen).save(tmp_path / "m.png")
    for file, array in (("b.npy", seen), ("f.npy", seen.astype(float)), ("u.npy", 255 * seen.astype(np.uint8))):
        np.save(tmp_path / file, array)
    for file in ("m.png", "b.npy", "f.npy", "u.npy"):
        assert torch.equal(read_mask(tmp_path / file, (3, 3, 6, 5)), torch.from_numpy(seen)[None, None])
    Image.fromarray(np.repeat(255 * seen[..., None].astype(np.uint8), 3, -1)).save(tmp_path / "rgb.png")
    assert torch.equal(read_mask(tmp_path / "rgb.png", (3, 1, 6, 5)), torch.from_numpy(seen)[None, None])
    each = RNG.random((3, 6, 5)) < 0.5
    np.save(tmp_path / "each.npy", each)
    assert torch.equal(read_mask(tmp_path / "each.npy", (3, 1, 6, 5)), torch.from_numpy(each)[:, None])


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (np.ones((5, 6), bool), "must be as large as the images, 6 x 5; .* is 5 x 6"),
        (np.ones((2, 6, 5), bool), "one for each of 3 images; .* has 2"),
        (np.zeros((6, 5), bool), "mask 0 is all black"),
        (np.arange(30, dtype=np.uint8).reshape(6, 5), "30 levels: 0, 1, 2, 3"),
        (np.full((6, 5), np.nan), "1 levels: nan"),
        (np.ones((6,), bool), r"must have axes \(h, w\)"),
    ],
)
def test_masks_that_do_not_fit(tmp_path: Path, mask: np.ndarray, told: str) -> None:
    np.save(tmp_path / "m.npy", mask)
    with pytest.raises(InvalidInput, match=told):
        read_mask(tmp_path / "m.npy", (3, 1, 6, 5))


def test_masks_that_are_no_masks(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is none at"):
        read_mask(tmp_path / "m.png", (3, 1, 6, 5))
    Image.fromarray(COLOUR[0]).save(tmp_path / "m.png")
    with pytest.raises(InvalidInput, match="has colours"):
        read_mask(tmp_path / "m.png", (3, 1, 6, 5))


def test_values_outside_the_range_are_clipped_in_a_png_alone(tmp_path: Path) -> None:
    image = torch.tensor([[[-3.0, 0.2], [0.0, 3.0]]])
    assert np.asarray(Image.open(write_png(tmp_path / "a.png", image))).tolist() == [[0, 153], [128, 255]]
    stated = write_png(tmp_path / "b.png", image, value_range=(0.0, 3.0))
    assert np.asarray(Image.open(stated)).tolist() == [[0, 17], [0, 255]]
    assert np.load(write_npy(tmp_path / "a.npy", image.numpy())).tolist() == image.tolist()
    with pytest.raises(InvalidInput, match="1 or 3 channels; got 2"):
        write_png(tmp_path / "c.png", torch.zeros(2, 4, 4))


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_leaves_the_old_file_whole(tmp_path: Path) -> None:
    old = np.arange(4, dtype=np.float32)
    write_npy(tmp_path / "x.npy", old)
    large = torch.rand(1, 99, 99, generator=torch.Generator().manual_seed(0))
    with disk_of(1000):
        with pytest.raises(InvalidInput, match=r"cannot write .*x\.npy: File too large"):
            write_npy(tmp_path / "x.npy", large.numpy())
        with pytest.raises(InvalidInput, match="cannot write"):
            write_png(tmp_path / "x.png", large)
    assert np.array_equal(np.load(tmp_path / "x.npy"), old)
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InvalidInput, match="cannot write"):
        write_npy(tmp_path / "out" / "x.npy", np.zeros(3))
