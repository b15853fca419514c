"""What the verb `train` needs beside EM: devices, chunks, and one line where a disk is full."""

import errno

import pytest
import torch

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.corruption import Denoising
from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.own_images.training import (
    _with_judges,
    chosen_device,
    image_chunk,
    one_line_for_a_full_disk,
)


def test_devices() -> None:
    assert chosen_device("cpu") == torch.device("cpu")
    assert chosen_device("auto").type in {"cpu", "cuda"}
    with pytest.raises(InvalidInput, match="'gpu' does not work here"):
        chosen_device("gpu")


def test_large_images_are_sampled_few_at_a_time() -> None:
    prior = DiffusersPrior.create(1, 8, width=8, levels=2)
    small, large = image_chunk(prior, (1, 8, 8)), image_chunk(prior, (1, 512, 512))
    assert small == 4096
    assert 1 <= large < 4


def test_a_full_disk_is_a_line_and_another_error_stays_itself() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "prior.state/learner")
    with (
        pytest.raises(InvalidInput, match=r"prior.state/learner: No space left .*; rounds are kept"),
        one_line_for_a_full_disk("rounds are kept"),
    ):
        raise full
    with pytest.raises(FileNotFoundError), one_line_for_a_full_disk(""):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "x")


@pytest.mark.parametrize(("count", "judging"), [(1, 0), (9, 0), (10, 1), (57, 5), (2000, 64)])
def test_no_judge_is_trained_on_and_none_is_lost(count: int, judging: int) -> None:
    images = torch.arange(float(count)).reshape(-1, 1, 1, 1) + torch.tensor([[[0.0, 0.5]]])
    trained, judges = _with_judges(Observations(images, Denoising(noise_std=0.1)))
    assert (0 if judges is None else len(judges)) == judging
    both = trained.y if judges is None else torch.cat([trained.y, judges.y])
    assert torch.equal(both.sort(dim=0).values, images)
