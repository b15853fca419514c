"""What is made of the arms: closures, ratios and bars, from scores that are known."""

from pathlib import Path

import numpy as np
import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.studies import comparison
from consilience.methods.em_diffusion.studies.arms import (
    AMBIENT,
    AMBIENT_ONCE,
    CLEAN,
    FEW,
    INPAINT,
    LEARNED,
    LINEAR,
    Arms,
    Score,
)


def score(psnr: float, frechet: float) -> Score:
    return Score(psnr=psnr, psnr_sample=psnr - 1, frechet=frechet, frechet_pixels=2 * frechet, residual=1.0, spread=0.5)


def arm(seed: int, ours: float = 18.0, task: str = INPAINT) -> Arms:
    return Arms(
        task=task,
        seed=seed,
        scores={
            FEW: score(16.0, 10.0),
            LEARNED: score(ours, 2.0),
            CLEAN: score(20.0, 1.0),
            LINEAR: score(17.0, 7.0),
            AMBIENT: score(16.5, 2.5),
            AMBIENT_ONCE: Score(psnr=17.2, residual=0.0),
        },
        rounds=(score(16.0, 10.0), score(17.0, 5.0), score(ours - 0.3, 3.0), score(ours, 2.0)),
        held_out=(0.4, 0.3, 0.2),
        evaluations=38,
        floor=0.9,
    )


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Arms]:
    listed = [arm(4), arm(5, ours=18.2), arm(6, ours=17.8)]
    pictures = {"truth": __import__("torch").zeros(6, 1, 8, 8)}
    monkeypatch.setattr(comparison, "arms", lambda config, folder, tasks: [a for a in listed if a.task in tasks])
    monkeypatch.setattr(comparison, "examples", lambda config, folder, task: pictures)
    return listed


CONFIG = Config(seeds=(4, 5, 6), tasks=("denoise",))


def measured(study: comparison.Callable, folder: Path, config: Config = CONFIG) -> dict[str, comparison.Measurement]:
    return {m.name: m for m in study(config, Streams(0), RunFolder(folder, quiet=True)).measurements}


def test_closure_is_the_share_of_the_gap(found: list[Arms], tmp_path: Path) -> None:
    values = measured(comparison.closure, tmp_path)
    first = values["share of the gap closed, PSNR of posterior means"]
    assert first.value == pytest.approx(0.5)
    assert first.high - first.low == pytest.approx(2 * 0.05 / 3**0.5)
    assert first.holds


def test_one_seed_is_held_against_no_bar(found: list[Arms], tmp_path: Path) -> None:
    found[1:] = []
    values = measured(comparison.closure, tmp_path, Config(seeds=(4,)))
    assert all(value.holds is None for value in values.values())
    assert measured(comparison.baselines, tmp_path, Config(seeds=(4,)))["PSNR above Gaussian EM"].holds is None


def test_frechet_distances_are_ratios(found: list[Arms], tmp_path: Path) -> None:
    values = measured(comparison.frechet, tmp_path)
    assert values["Frechet distance over the few clean images' prior"].value == pytest.approx(0.2)
    assert values["over the prior of all images, clean"].value == pytest.approx(2.0)


def test_the_better_restoration_of_ambient_counts(found: list[Arms], tmp_path: Path) -> None:
    values = measured(comparison.baselines, tmp_path)
    assert values["PSNR above Ambient's better restoration"].value == pytest.approx(0.8)
    assert values["Frechet distance over Ambient's"].value == pytest.approx(0.8)
    assert all(value.holds for value in values.values() if value.barred)


def test_a_round_that_costs_is_seen(found: list[Arms], tmp_path: Path) -> None:
    assert all(value.holds for value in measured(comparison.rounds, tmp_path).values() if value.barred)
    worse = Arms(
        **{**vars(found[0]), "rounds": (score(16.0, 10.0), score(17.0, 5.0), score(16.5, 6.0), score(17.5, 2.0))}
    )
    found[0] = worse
    values = measured(comparison.rounds, tmp_path)
    assert values["largest change of the Frechet distance in rounds 1 to 6"].value == pytest.approx(1.0)
    assert values["largest drop of PSNR in any round"].value == pytest.approx(0.5)
    assert not any(value.holds for value in values.values() if value.barred)


def test_other_tasks_have_their_own_bars(found: list[Arms], tmp_path: Path) -> None:
    found[:] = [arm(seed, task="denoise") for seed in (4, 5, 6)]
    values = measured(comparison.other, tmp_path)
    assert values["denoise: share of the gap closed"].at_least == 0.3
    assert values["denoise: PSNR above Gaussian EM"].value == pytest.approx(1.0)


def test_in_errors_is_a_mean_over_its_standard_error() -> None:
    assert comparison._in_errors("", np.array([1.0, 2.0, 3.0]), CONFIG).value == pytest.approx(2.0 * 3**0.5)
    assert np.isnan(comparison._in_errors("", np.array([1.0]), CONFIG).value)
