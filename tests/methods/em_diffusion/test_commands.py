"""The room's verbs, as they are typed."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline
from PIL import Image

from consilience.cli import main
from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
from consilience.methods.em_diffusion.images import Scale
from consilience.methods.em_diffusion.own_images import restoring, training
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.training import Learner

SIDE, COUNT, VISIBLE = 8, 40, 0.5
SMALL = ("--width", 8, "--levels", 2, "--sampling-steps", 4, "--corrections", 0, "--batch-size", 32, "--device", "cpu")
SHORT = (*SMALL, "--rounds", 2, "--steps", 4, "--first-steps", 4)
FAST = ("--sampling-steps", 4, "--corrections", 0, "--device", "cpu")

Told = pytest.CaptureFixture[str]


def typed(*words: object) -> int:
    return main(["em-diffusion", *map(str, words)])


def blobs(count: int, seed: int) -> np.ndarray:
    """Draw bright discs on black, as 8-bit pixels."""
    draw = np.random.default_rng(seed)
    row, column = draw.uniform(2, SIDE - 3, (2, count, 1, 1))
    width = draw.uniform(1.0, 2.0, (count, 1, 1))
    place = np.arange(SIDE)
    square = (place[:, None] - row) ** 2 + (place - column) ** 2
    return np.round(255 * np.exp(-square / width**2 / 2)).astype(np.uint8)


def pictures(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for place, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{place:03d}.png")
    return folder


def masks(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, SIDE, SIDE)) < VISIBLE


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepare a folder with clean pictures, masked ones, their masks, and one mask of another size."""
    monkeypatch.chdir(tmp_path)
    clean, seen = blobs(COUNT, 0), masks(COUNT, 1)
    pictures(tmp_path / "clean", clean)
    pictures(tmp_path / "few", blobs(10, 7))
    pictures(tmp_path / "masked", np.where(seen, clean, 0).astype(np.uint8))
    np.save("masks.npy", seen)
    np.save("small.npy", seen[:, 1:, 1:])
    Image.fromarray(seen[0].astype(np.uint8) * 255).save("one.png")
    return tmp_path


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a prior once, as a newcomer would to try the method, for a few seconds."""
    folder = tmp_path_factory.mktemp("prior")
    clean = pictures(folder / "clean", blobs(COUNT, 0))
    words = ("--images", clean, "--corruption", "inpaint", "--keep", VISIBLE, "--clean", 20, "--out", folder / "prior")
    assert (
        typed("train", *words, *SMALL, "--rounds", 2, "--steps", 30, "--first-steps", 60, "--learning-rate", 5e-3) == 0
    )
    return folder / "prior"


@contextmanager
def small_disk(most_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def weights(folder: Path) -> bytes:
    return (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()


def record(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "consilience.json").read_text())["training"]
    return told


def test_the_prior_is_a_pipeline_and_nothing_else(prior: Path) -> None:
    assert sorted(path.name for path in prior.iterdir()) == [
        "consilience.json",
        "model_index.json",
        "scheduler",
        "unet",
    ]
    assert sorted(path.name for path in prior.parent.iterdir()) == ["clean", "prior"]
    pipeline = DDPMPipeline.from_pretrained(prior)
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(batch_size=1, num_inference_steps=2, output_type="np", generator=torch.Generator().manual_seed(0))
    assert drawn.images.shape == (1, SIDE, SIDE, 1)
    assert [past["number"] for past in record(prior)["rounds"]] == [1, 2]


def test_restoring_beats_leaving_holes(prior: Path, here: Path, capsys: Told) -> None:
    fresh = blobs(12, 5)
    truth = pictures(here / "truth", fresh)
    words = ("--prior", prior, "--truth", truth, "--corruption", "inpaint", "--keep", VISIBLE, "--samples", 4)
    assert typed("restore", *words, "--out", "out", "--sampling-steps", 10, "--corrections", 1) == 0
    assert "12 images restored in out" in capsys.readouterr().out
    told = json.loads(Path("out/restoration.json").read_text())
    restored = np.mean([row["psnr_of_mean_db"] for row in told["images"]])
    error = np.where(masks(12, 3), 0, fresh / 127.5) ** 2
    holes = np.mean(-10 * np.log10(error.mean(axis=(1, 2)) / 4))
    black_in_grey = np.where(masks(12, 3), 0, fresh / 127.5 - 1) ** 2
    grey = np.mean(-10 * np.log10(black_in_grey.mean(axis=(1, 2)) / 4))
    assert restored > max(holes, grey)


def test_what_lies_in_the_folder_of_a_restoration(prior: Path, here: Path) -> None:
    words = ("--prior", prior, "--images", "masked", "--mask", "masks.npy", "--limit", 3, "--samples", 2, *FAST)
    assert typed("restore", *words, "--out", "out") == 0
    files = {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()}
    names = {
        f"{folder}/{place:03d}.{kind}" for folder in ("mean", "std") for place in range(3) for kind in ("png", "npy")
    }
    names |= {
        f"samples/{place:03d}-{number}.{kind}" for place in range(3) for number in (1, 2) for kind in ("png", "npy")
    }
    assert files == names | {"grid.png", "restoration.json"}
    assert not Path("out.state").exists()
    samples = np.stack([np.load(f"out/samples/001-{number}.npy") for number in (1, 2)])
    mean, deviation = np.load("out/mean/001.npy"), np.load("out/std/001.npy")
    np.testing.assert_allclose(mean, samples.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(deviation, samples.std(axis=0, ddof=1), atol=1e-3)
    told = json.loads(Path("out/restoration.json").read_text())
    white = told["png"]["std"]["white"]
    drawn = np.asarray(Image.open("out/std/001.png")) / 255 * white
    np.testing.assert_allclose(drawn, deviation, atol=white / 255)
    np.testing.assert_allclose(np.asarray(Image.open("out/mean/001.png")), mean.clip(0, 255).round(), atol=1)
    assert white == pytest.approx(max(np.load(f"out/std/{place:03d}.npy").max() for place in range(3)), rel=1e-4)
    assert told["network_evaluations_per_sample"] == 4
    seen = np.load("masks.npy")[1]
    observed = np.asarray(Image.open("masked/001.png"))[seen]
    assert np.abs(mean[seen] - observed).mean() < 0.5 * np.abs(observed - observed.mean()).mean()


def test_hidden_pixels_may_be_anything(prior: Path, here: Path) -> None:
    clean, seen = blobs(3, 0).astype(np.float32), np.load("masks.npy")[:3]
    np.save("three.npy", seen)
    for name, other in (("black", 0.0), ("nan", np.nan), ("wild", 1e6)):
        np.save(f"{name}.npy", np.where(seen, clean, other))
        words = ("--images", f"{name}.npy", "--mask", "three.npy", "--samples", 1, *FAST)
        assert typed("restore", "--prior", prior, *words, "--out", name) == 0
    without_mask = ("--images", "nan.npy", "--corruption", "inpaint", "--samples", 1, *FAST)
    assert typed("restore", "--prior", prior, *without_mask, "--out", "marked") == 0
    for place in range(3):
        same = [
            np.load(next(Path(name, "mean").glob(f"*-{place:05d}.npy"))) for name in ("black", "nan", "wild", "marked")
        ]
        assert all(np.array_equal(same[0], other) for other in same)


def test_real_numbers_stay_in_their_units(here: Path) -> None:
    photons = blobs(COUNT, 0) * 40.0 + 500.0
    np.save("y.npy", photons + np.random.default_rng(0).normal(0, 300.0, photons.shape))
    noisy = ("--corruption", "denoise", "--noise-std", 0.05)
    assert typed("train", "--observations", "y.npy", *noisy, "--out", "p", *SHORT) == 0
    assert typed("restore", "--prior", "p", "--images", "y.npy", *noisy, "--out", "out", "--limit", 2, *FAST) == 0
    mean = np.load("out/mean/y-00000.npy")
    assert np.abs(mean - photons[0]).mean() < 2000
    assert mean.max() > 5000


def test_own_images_need_no_truth_and_a_start_from_none_is_said(here: Path, capsys: Told) -> None:
    words = ("train", "--observations", "masked", "--mask", "masks.npy", "--out", "p", "--start", "gaussian", *SHORT)
    assert typed(*words, "--clean", "few") == 0
    said = capsys.readouterr()
    assert "Gaussian prior, fitted to the corrupted images by EM in closed form" in said.out
    assert "round 2/2: residual" in said.err
    assert (
        typed("train", "--observations", "masked", "--corruption", "denoise", "--noise-std", 0.2, "--out", "q", *SHORT)
        == 0
    )
    assert "Gaussian prior" in capsys.readouterr().out
    assert record(Path("q"))["clean"] == 0


def test_noise_level_zero_is_allowed_and_the_floor_said(here: Path, capsys: Told) -> None:
    words = ("--observations", "masked", "--mask", "masks.npy", "--noise-std", 0, "--clean", "few", "--out", "p")
    assert typed("train", *words, *SHORT) == 0
    assert "noise level 0: 0.01 is assumed" in capsys.readouterr().out


def test_any_pipeline_of_diffusers_starts_it(prior: Path, here: Path) -> None:
    foreign = diffusers.UNet2DModel(
        sample_size=SIDE, in_channels=1, out_channels=1, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, norm_num_groups=8,
    )  # fmt: skip
    DDPMPipeline(unet=foreign, scheduler=diffusers.DDPMScheduler()).save_pretrained("foreign")
    few = ("--width", "--levels")
    short = [
        word for place, word in enumerate(SHORT) if word not in few and (place == 0 or SHORT[place - 1] not in few)
    ]
    words = ("--observations", "masked", "--mask", "one.png", *short)
    assert typed("train", *words, "--init", "foreign", "--out", "p") == 0
    assert typed("train", *words, "--init", prior, "--out", "q") == 0
    assert DiffusersPrior.load("p").scale == DiffusersPrior.load("q").scale


def test_a_restoration_replaces_nothing_but_an_earlier_one(prior: Path, here: Path, capsys: Told) -> None:
    (here / "data").mkdir()
    pictures(here / "data" / "samples", blobs(3, 0))
    words = ("restore", "--prior", prior, "--mask", "one.png", "--limit", 2, *FAST)
    for images, message in (
        ("data/samples", "--images must lie outside data"),
        ("masked", "data holds samples and no restoration.json"),
    ):
        assert typed(*words, "--images", images, "--out", "data") == 2
        assert message in capsys.readouterr().err
    assert len(list(Path("data/samples").iterdir())) == 3
    for _ in range(2):
        assert typed(*words, "--images", "masked", "--out", "out") == 0
    Path("out/notes.txt").touch()
    capsys.readouterr()
    assert typed(*words, "--images", "masked", "--out", "out") == 2
    assert "out holds notes.txt" in capsys.readouterr().err


def test_a_dot_is_the_folder_one_is_in(prior: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("p", "out"):
        (here / name).mkdir()
        monkeypatch.chdir(here / name)
        if name == "p":
            assert (
                typed("train", "--images", here / "clean", "--clean", 10, "--corruption", "box", *SHORT, "--out", ".")
                == 0
            )
        else:
            words = ("--prior", prior, "--images", here / "masked", "--mask", here / "one.png", "--limit", 2, *FAST)
            assert typed("restore", *words, "--out", ".") == 0
        monkeypatch.chdir(here)
    assert len(record(Path("p"))["rounds"]) == 2
    assert Path("out/restoration.json").is_file()
    assert not [path for path in here.iterdir() if path.name.startswith((".", "p.", "out."))]


def test_a_prior_that_is_trained_on_keeps_the_range_of_its_images(here: Path) -> None:
    scale = Scale(low=0.0, high=255.0, pixels="uint8")
    first = DiffusersPrior.create(1, SIDE, width=8, levels=2, scale=scale)
    for wide in ([-2.0, 2.0], None):
        first.training_record = {} if wide is None else {"value_range": wide}
        first.save("first")
        words = ("train", "--observations", "masked", "--mask", "masks.npy", "--init", "first", *SHORT[4:])
        assert typed(*words, "--out", f"p{wide}") == 0
        assert record(Path(f"p{wide}"))["value_range"] == (wide or [-1.0, 1.0])


def test_a_range_measured_on_what_is_restored_leaves_room_beyond_it(here: Path) -> None:
    DiffusersPrior.create(1, SIDE, width=8, levels=2).save("foreign")
    np.save("y.npy", blobs(2, 0) / 7)
    words = ("restore", "--prior", "foreign", "--images", "y.npy", "--corruption", "denoise", "--noise-std", 0.2, *FAST)
    for more, expected in (((), [-2, 2]), (("--value-range", 0, 37), [-1, 1])):
        assert typed(*words, *more, "--out", "out") == 0
        told = json.loads(Path("out/restoration.json").read_text())
        assert told["sampling"]["value_range"] == expected


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Press ctrl-C in some gradient step."""
    whole, taken = Learner.step, [0]

    def counted(self: Learner, *arguments: Any) -> float:
        taken[0] += 1
        if taken[0] == step:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(Learner, "step", counted)


@pytest.mark.parametrize("step", [3, 6, 11], ids=["first prior", "round 1", "round 2"])
def test_ctrl_c_and_the_same_command_again(here: Path, capsys: Told, step: int) -> None:
    words = ("train", "--images", "clean", "--corruption", "inpaint", "--clean", 10, "--seed", 4, *SHORT)
    assert typed(*words, "--out", "straight") == 0
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SAVE_EVERY_S", 0.0)
        interrupt_at(patch, step)
        assert typed(*words, "--out", "p") == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert "interrupted; the same command goes on from where it stopped (p.state)" in last
    assert Path("p").exists() == (step == 11)
    assert typed(*words, "--out", "p") == 0
    assert weights(Path("p")) == weights(Path("straight"))
    assert not Path("p.state").exists()


def test_a_finished_run_says_so_and_another_is_refused(here: Path, capsys: Told) -> None:
    words = ("train", "--images", "clean", "--clean", 10, "--corruption", "box", *SHORT, "--out", "p")
    assert typed(*words) == 0
    before = weights(Path("p"))
    capsys.readouterr()
    assert typed(*words) == 0
    assert capsys.readouterr().out == "p is finished: 2 rounds of these very images and settings\n"
    assert typed(*words, "--seed", 1) == 2
    assert "p holds a prior of other images or settings" in capsys.readouterr().err
    assert weights(Path("p")) == before


def test_a_file_beside_the_prior_is_told_before_the_next_round_is_made(here: Path, capsys: Told) -> None:
    words = ("train", "--images", "clean", "--corruption", "inpaint", "--clean", 10, *SHORT, "--out", "p")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, 11)
        assert typed(*words) == 130
    capsys.readouterr()
    Path("p/notes.txt").write_text("of round 1")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, 1)
        assert typed(*words) == 2
    assert "p holds notes.txt beside the prior: move it elsewhere" in capsys.readouterr().err
    Path("p/notes.txt").rename("notes.txt")
    assert typed(*words) == 0
    Path("notes.txt").rename("p/notes.txt")
    assert typed(*words) == 0


def test_a_full_disk_keeps_the_rounds_before(here: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", "--images", "clean", "--clean", 10, "--corruption", "blur", *SHORT)
    assert typed(*words, "--out", "straight") == 0
    capsys.readouterr()
    whole: Callable[..., None] = training._Ledger.finished

    def fill_up(self: Any, done: Any) -> None:
        whole(self, done)
        if done.number == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with small_disk(10**9), pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Ledger, "finished", fill_up)
        assert typed(*words, "--out", "p") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("consilience: cannot write")
    assert "kept in p and p.state" in last
    assert [past["number"] for past in record(Path("p"))["rounds"]] == [1]
    assert not list(here.rglob("*.part"))
    assert typed(*words, "--out", "p") == 0
    assert weights(Path("p")) == weights(Path("straight"))


def test_a_full_disk_leaves_an_earlier_restoration_whole(prior: Path, here: Path, capsys: Told) -> None:
    words = ("restore", "--prior", prior, "--images", "masked", "--mask", "masks.npy", "--limit", 2, *FAST)
    with small_disk(300):
        assert typed(*words, "--out", "out") == 2
    assert "cannot write" in capsys.readouterr().err
    assert not Path("out").exists()
    assert typed(*words, "--out", "out") == 0
    before = Path("out/restoration.json").read_bytes()
    with small_disk(300):
        assert typed(*words, "--samples", 3, "--out", "out") == 2
    assert Path("out/restoration.json").read_bytes() == before
    assert sorted(path.name for path in here.iterdir() if path.name.startswith((".", "out"))) == ["out"]


@pytest.mark.parametrize(("chunk", "told"), [(4, "goes on from where it stopped (out.state)"), (4096, "begins anew")])
def test_ctrl_c_in_a_restoration_says_what_is_kept(
    prior: Path, here: Path, capsys: Told, chunk: int, told: str
) -> None:
    words = ("restore", "--prior", prior, "--images", "masked", "--mask", "masks.npy", "--limit", 4, *FAST)
    words = (*words, "--samples", 2, "--seed", 1)
    assert typed(*words, "--out", "straight") == 0
    capsys.readouterr()
    whole, portions = Sampling.restore, []

    def cut_off(self: Sampling, *arguments: Any, **more: Any) -> torch.Tensor:
        portions.append(len(arguments[1]))
        if portions[-1] == 4 or len(portions) == 2:
            raise KeyboardInterrupt
        return whole(self, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring, "image_chunk", lambda *_: chunk)
        with pytest.MonkeyPatch.context() as cut:
            cut.setattr(Sampling, "restore", cut_off)
            assert typed(*words, "--out", "out") == 130
        assert capsys.readouterr().err.splitlines()[-1] == f"consilience: interrupted; the same command {told}"
        assert portions == ([2, 2] if chunk == 4 else [4])
        assert typed(*words, "--out", "out") == 0
    assert not Path("out.state").exists()
    for name in ("mean", "std"):
        for path in (here / "straight" / name).glob("*.npy"):
            np.testing.assert_allclose(np.load(here / "out" / name / path.name), np.load(path), atol=1e-3)


NOISY = ("--corruption", "denoise", "--noise-std", 0.2)
TRAIN = ("train", "--out", "p", *SHORT)
RESTORE = ("restore", "--out", "out", *FAST)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*TRAIN,), "give either --images"),
        ((*TRAIN, "--images", "clean", "--observations", "masked"), "give either --images"),
        ((*TRAIN, "--images", "clean", "--corruption", "inpant"), "inpaint"),
        ((*TRAIN, "--images", "clean", "--kep", "0.4"), "did you mean '--keep'"),
        ((*TRAIN, "--images", "nowhere", "--corruption", "inpaint"), "there is nothing at nowhere"),
        ((*TRAIN, "--images", "sizes", "--corruption", "inpaint"), "all images must have one size"),
        ((*TRAIN, "--observations", "masked", "--mask", "small.npy"), "the mask must be as large as the images"),
        ((*TRAIN, "--observations", "nan.npy", "--corruption", "blur"), "holds NaN or infinity"),
        ((*TRAIN, "--observations", "flat.npy", "--corruption", "blur"), "all pixels of flat.npy[2] are"),
        (
            (*TRAIN, "--observations", "masked", "--corruption", "denoise", "--noise-std", "0"),
            "needs --noise-std above 0",
        ),
        ((*TRAIN, "--observations", "masked", "--mask", "one.png"), "one mask, which all images share"),
        ((*TRAIN, "--observations", "masked", "--corruption", "downsample"), "detail within blocks of 2x2 pixels"),
        ((*TRAIN, "--observations", "masked", "--mask", "masks.npy", "--clean", "10"), "beside --observations give"),
        ((*TRAIN, "--observations", "masked", "--mask", "masks.npy", "--clean", "sizes"), "one size"),
        ((*TRAIN, "--observations", "masked", "--mask", "masks.npy", "--clean", "large"), "clean images must be like"),
        ((*TRAIN, "--images", "clean", "--clean", "40", "--corruption", "inpaint"), "leaves no image to corrupt"),
        ((*TRAIN, "--images", "colour", "--init", "PRIOR", "--corruption", "inpaint"), "--init brings its own"),
        (
            (*TRAIN[:3], "--images", "colour", "--init", "PRIOR", "--corruption", "inpaint"),
            "the prior is of 1 channel(s)",
        ),
        ((*TRAIN, "--images", "clean", "--corruption", "blur", "--width", "7", "--clean", "9"), "`width` must be"),
        (("train", "--out", "masked", *SHORT, "--images", "clean", "--clean", "9"), "masked holds something else"),
        (("train", "--out", "clean", *SHORT, "--images", "clean", "--clean", "9"), "--images must lie outside clean"),
        (("train", "--out", "one.png", *SHORT, "--images", "clean", "--clean", "9"), "one.png is a file"),
        ((*TRAIN, "--images", "clean", "--start", "clean", *NOISY), "there are none: give --clean"),
        ((*RESTORE, "--prior", "PRIOR"), "give --images (corrupted), or --truth"),
        ((*RESTORE, "--prior", "nowhere", "--images", "masked", "--mask", "masks.npy"), "there is none at nowhere"),
        ((*RESTORE, "--prior", "PRIOR", "--images", "colour", "--mask", "one.png"), "the prior is of 1 channel(s)"),
        ((*RESTORE, "--prior", "PRIOR", "--images", "masked", "--mask", "small.npy"), "as large as the images"),
        ((*RESTORE, "--prior", "PRIOR", "--images", "masked"), "say how the images were corrupted"),
        ((*RESTORE, "--prior", "PRIOR", "--images", "masked", "--corruption", "inpaint"), "give --mask"),
        (("restore", "--out", "clean", "--prior", "PRIOR", "--images", "masked", "--mask", "masks.npy"), "clean holds"),
        (
            (*RESTORE, "--prior", "PRIOR", "--images", "masked", "--mask", "masks.npy", "--truth", "few"),
            "one image for each",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_two(
    words: tuple[object, ...], message: str, here: Path, prior: Path, capsys: Told
) -> None:
    sizes = pictures(here / "sizes", blobs(3, 0))
    Image.fromarray(blobs(1, 0)[0, 1:]).save(sizes / "odd.png")
    pictures(here / "large", np.pad(blobs(3, 0), ((0, 0), (1, 1), (1, 1))))
    pictures(here / "colour", np.repeat(blobs(COUNT, 0)[..., None], 3, axis=-1))
    spoilt = blobs(5, 0) / 255.0
    np.save("nan.npy", np.where(np.arange(5)[:, None, None] == 3, np.nan, spoilt))
    spoilt[2] = 0.5
    np.save("flat.npy", spoilt)
    before = sorted(path.name for path in here.iterdir())
    capsys.readouterr()
    assert typed(*(prior if word == "PRIOR" else word for word in words)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in here.iterdir()) == before


def test_without_the_extra_it_is_named() -> None:
    code = (
        "import sys; sys.modules['diffusers'] = None; from consilience.cli import main; "
        "sys.exit(main(['em-diffusion', 'restore', '--prior', 'p', '--images', 'x', '--out', 'o']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "install consilience[em]" in done.stderr
