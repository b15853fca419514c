"""The study of clothes on a handful of blobs: what it reports, what it keeps, and what it refuses."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")
pytest.importorskip("diffusers", reason="the em extra is not installed")

from consilience.ground import Evidence, InvalidInput, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion.config import Config, fashion_reason  # noqa: E402
from consilience.methods.em_diffusion.images import read_images  # noqa: E402
from consilience.methods.em_diffusion.studies.clothes import Clothes  # noqa: E402
from consilience.methods.em_diffusion.studies.fashion import fashion  # noqa: E402

SIZE = 8
STREAMS = Streams(0).child("fashion")


def blobs(images: int, seed: int, size: int = SIZE) -> np.ndarray:
    """Bright spots, somewhere."""
    places = np.random.default_rng(seed).uniform(2, size - 3, (images, 2))
    rows, columns = np.mgrid[:size, :size]
    distance = (rows - places[:, :1, None]) ** 2 + (columns - places[:, 1:, None]) ** 2
    return (255 * np.exp(-distance / 4)).astype(np.uint8)


def idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(length.to_bytes(4, "big") for length in values.shape)
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


def settings(folder: Path) -> Config:
    return Config(
        fashion_folder=str(folder),
        fashion_name="blobs",
        clean_images=8,
        fashion_images=30,
        fashion_keep=0.4,
        fashion_linear_images=20,
        fashion_tuning_images=4,
        fashion_test_images=6,
        fashion_samples=2,
        fashion_generated=16,
        fashion_embedding_steps=10,
        fashion_width=8,
        fashion_resolutions=2,
        fashion_batch=8,
        fashion_start_steps=10,
        fashion_rounds=2,
        fashion_round_steps=10,
        fashion_polish_steps=5,
        fashion_noise_levels=4,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blobs")
    idx(folder / "train-images-idx3-ubyte.gz", blobs(60, 0))
    idx(folder / "train-labels-idx1-ubyte.gz", np.arange(60) % 3)
    idx(folder / "t10k-images-idx3-ubyte.gz", blobs(10, 1))
    return folder


@pytest.fixture(scope="module")
def run(files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, RunFolder]:
    folder = RunFolder(tmp_path_factory.mktemp("run"), quiet=True)
    return fashion(settings(files), STREAMS, folder), folder


def test_all_arms_are_there_and_no_bar_is(run: tuple[Evidence, RunFolder]) -> None:
    evidence, _ = run
    arms = {row[0]: row for row in evidence.tables[0].rows}
    assert len(arms) == 9
    with_generated = {name for name, row in arms.items() if row[3] is not None}
    assert with_generated == {
        "prior of the few clean images",
        "EM",
        "prior of all images, clean",
        "Ambient, guided",
        "Gaussian EM",
    }
    assert not any(measurement.barred for measurement in evidence.measurements)
    assert all(np.isfinite(measurement.value) for measurement in evidence.measurements)


def test_closure_is_what_the_table_says(run: tuple[Evidence, RunFolder]) -> None:
    evidence, _ = run
    quality = {row[0]: row[1] for row in evidence.tables[0].rows}
    few, ours, clean = (quality[name] for name in ("prior of the few clean images", "EM", "prior of all images, clean"))
    above = next(found for found in evidence.measurements if found.name.startswith("PSNR above the few"))
    assert above.value == pytest.approx(ours - few, abs=0.011)
    closed = evidence.measurements[0]
    assert closed.value * (clean - few) == pytest.approx(above.value, abs=0.02 * max(1.0, abs(closed.value)))


def test_every_round_is_scored_and_drawn(run: tuple[Evidence, RunFolder]) -> None:
    evidence, folder = run
    assert [row[0] for row in evidence.tables[1].rows] == [1, 2]
    assert [figure.name for figure in evidence.figures][:2] == ["fashion", "fashion-generated"]
    assert all((folder.path / figure.file).is_file() for figure in evidence.figures)


def test_what_is_kept_is_not_computed_again(
    run: tuple[Evidence, RunFolder], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence, folder = run

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    for name in ("fit_prior", "fit_ambient", "EM", "tune_tv", "fit_gaussian_em"):
        monkeypatch.setattr(f"consilience.methods.em_diffusion.studies.fashion_arms.{name}", never)
    again = fashion(settings(files), STREAMS, folder)
    assert repr(again.measurements) == repr(evidence.measurements)
    assert again.tables == evidence.tables


def test_observations_do_not_depend_on_how_many_images_there_are(files: Path) -> None:
    config = settings(files)
    clothes = Clothes.draw(config, STREAMS)
    whole = clothes.observe(clothes.hidden, config, STREAMS, "hidden images")
    part = clothes.observe(clothes.hidden[:3], config, STREAMS, "hidden images")
    assert torch.equal(whole.y[:3], part.y)


def test_no_image_is_in_two_parts_of_the_split(files: Path) -> None:
    clothes = Clothes.draw(settings(files), STREAMS)
    parts = torch.cat([clothes.test, clothes.tune, clothes.clean, clothes.hidden]).flatten(1)
    assert len(torch.unique(parts, dim=0)) == len(parts) == 48


def test_labels_go_with_their_images(files: Path) -> None:
    clothes = Clothes.draw(settings(files), STREAMS)
    every = read_images(files / "train-images-idx3-ubyte.gz").images.flatten(1)
    rows = [int((every == image).all(dim=1).nonzero()) for image in clothes.reference.flatten(1)]
    assert [row % 3 for row in rows] == clothes.labels.tolist()


def test_colour_images_in_npy_files_will_do(tmp_path: Path) -> None:
    for name, images in (("train.npy", 60), ("test.npy", 10)):
        np.save(tmp_path / name, np.stack([blobs(images, seed) for seed in range(3)], axis=-1))
    np.save(tmp_path / "labels.npy", np.arange(60) % 3)
    names = {"fashion_training": "train.npy", "fashion_testing": "test.npy", "fashion_labels": "labels.npy"}
    config = replace(settings(tmp_path), **names)
    assert fashion_reason(config) is None
    clothes = Clothes.draw(config, STREAMS)
    assert clothes.shape == (3, SIZE, SIZE)
    given = clothes.observe(clothes.test, config, STREAMS, "test images")
    hidden = given.y == 0
    assert bool((hidden == hidden[:, :1]).all())


def test_the_reason_why_nothing_is_measured(files: Path, tmp_path: Path) -> None:
    assert fashion_reason(settings(files)) is None
    assert "fashion_folder" in str(fashion_reason(Config()))
    assert "t10k-images-idx3-ubyte.gz" in str(fashion_reason(settings(tmp_path)))


def _cut(folder: Path) -> None:
    idx(folder / "train-labels-idx1-ubyte.gz", np.arange(59) % 3)


def _enlarge(folder: Path) -> None:
    idx(folder / "t10k-images-idx3-ubyte.gz", blobs(10, 1, size=12))


def _lose(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").unlink()


def _empty(folder: Path) -> None:
    idx(folder / "t10k-images-idx3-ubyte.gz", blobs(3, 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, "for each of 60 images"),
        (_enlarge, "must be of the shape of the others"),
        (_lose, "expected labels"),
        (_empty, "at least 6 images"),
    ],
)
def test_files_that_do_not_fit(files: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    for file in files.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoil(tmp_path)
    with pytest.raises(InvalidInput, match=message):
        Clothes.draw(settings(tmp_path), STREAMS)


@pytest.mark.parametrize("device", ["warp", "cuda:77"])
def test_a_device_that_is_not_there(files: Path, tmp_path: Path, device: str) -> None:
    config = replace(settings(files), device=device)
    with pytest.raises(InvalidInput, match="`device` must be one that torch can use"):
        fashion(config, STREAMS, RunFolder(tmp_path / "run", quiet=True))
