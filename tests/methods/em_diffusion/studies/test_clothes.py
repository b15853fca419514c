"""The split of clothes: parts that do not meet, labels that go with their images, files that must fit."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import InvalidInput, Streams  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.studies.clothes import Clothes  # noqa: E402

STREAMS = Streams(3).child("fashion")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Every image is a grey of its own, which its label names."""
    greys = np.arange(30, dtype=np.uint8)
    images = np.broadcast_to(greys[:, None, None], (30, 4, 4)).copy()
    images[:, 0, 0] = 255
    np.save(tmp_path / "train.npy", images)
    np.save(tmp_path / "labels.npy", greys.astype(np.int64))
    np.save(tmp_path / "test.npy", images[:5])
    return Config(
        fashion_folder=str(tmp_path),
        fashion_training="train.npy",
        fashion_labels="labels.npy",
        fashion_testing="test.npy",
        clean_images=4,
        fashion_images=20,
        fashion_tuning_images=3,
        fashion_test_images=5,
        fashion_keep=0.5,
    )


def test_parts_do_not_meet_and_labels_go_with_images(config: Config) -> None:
    clothes = Clothes.draw(config, STREAMS)
    assert [len(part) for part in (clothes.clean, clothes.hidden, clothes.tune, clothes.test)] == [4, 20, 3, 5]
    greys = ((clothes.reference[:, 0, 1, 1] + 1) * 127.5).round().long()
    assert greys.tolist() == clothes.labels.tolist()
    tuned = ((clothes.tune[:, 0, 1, 1] + 1) * 127.5).round().long()
    assert not set(tuned.tolist()) & set(greys.tolist())


def test_the_same_seed_draws_the_same_split_and_observations(config: Config) -> None:
    first, again = (Clothes.draw(config, STREAMS) for _ in range(2))
    assert torch.equal(first.hidden, again.hidden)
    given = [clothes.observe(clothes.hidden, config, STREAMS, "hidden").y for clothes in (first, again)]
    assert torch.equal(*given)
    other = Clothes.draw(config, Streams(4).child("fashion"))
    assert not torch.equal(first.hidden, other.hidden)


def test_labels_of_another_number_are_refused(config: Config) -> None:
    np.save(Path(config.fashion_folder) / "labels.npy", np.arange(29))
    with pytest.raises(InvalidInput, match="each of 30 images"):
        Clothes.draw(config, STREAMS)
