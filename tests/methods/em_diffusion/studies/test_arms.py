"""Arms: computed once, kept, and the same however they are shared among processes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from consilience.ground import InvalidInput, RunFolder
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import noise_std_of
from consilience.methods.em_diffusion.studies import arms as place
from consilience.methods.em_diffusion.studies.arms import (
    CLEAN,
    FEW,
    INPAINT,
    LEARNED,
    LINEAR,
    arms,
    corruption,
    examples,
)

TINY = Config(
    seeds=(7, 8),
    test_images=4,
    corrupted_images=30,
    start_steps=3,
    rounds=1,
    round_steps=3,
    polish_steps=2,
    restored_samples=2,
    generated_images=12,
    ambient_steps=3,
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("arms"), quiet=True)
    arms(TINY, folder, (INPAINT,))
    return folder


def test_every_seed_has_all_arms(measured: RunFolder) -> None:
    found = arms(TINY, measured, (INPAINT,))
    assert [arm.seed for arm in found] == [7, 8]
    for arm in found:
        assert {FEW, LEARNED, CLEAN, LINEAR} < set(arm.scores)
        assert len(arm.rounds) == 1 + len(arm.held_out) == 2
        assert arm.scores[LEARNED].psnr != arm.scores[FEW].psnr
        assert all(score.residual is not None for score in arm.scores.values())


def test_what_is_kept_is_not_computed_again(measured: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = arms(TINY, measured, (INPAINT,))
    monkeypatch.setattr(place, "fit_prior", None)
    monkeypatch.setattr(place, "EM", None)
    assert arms(TINY, measured, (INPAINT,)) == before
    assert examples(TINY, measured, INPAINT)["truth"].shape == (4, 1, 8, 8)


def test_other_settings_are_other_arms(measured: RunFolder) -> None:
    with pytest.raises(InvalidInput, match="not been measured"):
        examples(replace(TINY, rounds=2), measured, INPAINT)


def test_a_run_of_another_seed_has_other_splits(tmp_path: Path) -> None:
    (arm, _) = arms(replace(TINY, seed=1, tasks=("denoise",)), RunFolder(tmp_path, quiet=True), ("denoise",))
    assert arm.seed == 107
    assert "Noise2Self" in arm.scores


@pytest.mark.parametrize(("task", "noise"), [("denoise", 0.5), ("blur .01", 0.01), ("blur .1", 0.1), (INPAINT, 0.01)])
def test_tasks_are_what_their_names_say(task: str, noise: float) -> None:
    assert noise_std_of(corruption(task, 3, 0)) == noise
    images = torch.ones(3, 1, 8, 8)
    assert corruption(task, 3, 0)(images).shape == images.shape


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(InvalidInput, match="inpaint"):
        corruption("sharpen", 1, 0)
