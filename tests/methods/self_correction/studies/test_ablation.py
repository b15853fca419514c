"""The study of ablations with trainings made up: what counts as missed, and when there is a bar."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.studies import ablation as study  # noqa: E402
from consilience.methods.self_correction.studies.variants import FULL, OBJECTIVES, REMOVED, VARIANTS, Job, Result  # noqa: E402

WORSE = {"linear attention": 0.1, "1 head": 0.1, "no feed-forward": 0.1, "1 block": 0.1}


def made_up(worse: dict[str, float]):
    """Return a training in which some variants answer worse by so much, give or take a hundredth a seed."""

    def trained(config: Config, streams: Streams, job: Job) -> Result:
        del config, streams
        level = 0.3 + worse.get(job.variant, 0.0) + 0.01 * job.seed * (job.variant != FULL)
        return Result(np.full(12, level), ranking_loss=8.0 - level, weights=10, seconds=1.0)

    return trained


def measure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, worse: dict[str, float], seeds: tuple[int, ...] = (1, 2, 3)
) -> Evidence:
    monkeypatch.setattr(study, "trained", made_up(worse))
    config = Config(ablation_seeds=seeds, ablation_sequences=20)
    return study.ablation(config, Streams(0), RunFolder(folder, quiet=True))


def test_all_parts_missed_clears_the_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = measure(tmp_path, monkeypatch, WORSE)
    headline = evidence.measurements[0]
    assert (headline.value, headline.holds, headline.bar) == (4, True, "at least 4")
    assert evidence.seeds == (1, 2, 3)


def test_a_part_that_is_not_missed_fails_it_and_the_difference_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = measure(tmp_path, monkeypatch, {**WORSE, "1 block": -0.1})
    found = {each.name: each for each in evidence.measurements}
    assert evidence.measurements[0].value == 3
    assert evidence.measurements[0].holds is False
    depth = found["1 - cos without depth less with it, at 12 examples"]
    assert depth.value == pytest.approx(-0.08)
    assert depth.high - depth.value == pytest.approx(0.01 / 3**0.5)
    assert found["correlation of the ranking loss with 1 - cos, over all trainings"].value == pytest.approx(-1)


def test_a_difference_within_two_standard_errors_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By seed: -.01, 0, .01 about the mean .001.
    evidence = measure(tmp_path, monkeypatch, dict.fromkeys(REMOVED.values(), -0.019))
    assert evidence.measurements[0].value == 0


def test_one_seed_has_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = measure(tmp_path, monkeypatch, WORSE, seeds=(1,))
    assert evidence.measurements[0].holds is None
    assert "no bar below 3 seeds" in evidence.measurements[0].note


def test_tables_have_every_variant_and_the_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = measure(tmp_path, monkeypatch, WORSE)
    assert len(evidence.tables) == len(OBJECTIVES)
    for table in evidence.tables:
        assert [row[0] for row in table.rows] == list(VARIANTS)
        assert "exact minimum of the ranking loss" in table.note
        assert "mean of answers" in table.note


def test_a_real_run_is_the_same_in_one_process_and_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "VARIANTS", {name: VARIANTS[name] for name in (FULL, *REMOVED.values())})
    found = []
    for processes in (1, 2):
        config = Config(ablation_seeds=(1,), ablation_steps=2, ablation_sequences=10, processes=processes)
        found.append(study.ablation(config, Streams(0), RunFolder(tmp_path / str(processes), quiet=True)))
    assert found[0].tables == found[1].tables
