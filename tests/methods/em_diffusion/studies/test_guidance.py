"""The study of guidance at a size for tests: bars, choices and tables that belong together."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.studies.guidance import GRID, guidance  # noqa: E402

SMALL = Config(prior_steps=60, guidance_images=12, guidance_steps=10)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return guidance(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_the_recommended_criterion_is_judged_on_both_corruptions(evidence: Evidence) -> None:
    judged = [measurement for measurement in evidence.measurements if measurement.barred]
    assert [measurement.name for measurement in judged] == [
        "inpainting: PSNR lost to the oracle by held-out measurements",
        "denoising: PSNR lost to the oracle by held-out measurements",
    ]
    assert {measurement.bar for measurement in judged} == {"at most 0.3 dB"}
    assert len(evidence.measurements) == 2 * 3


def test_the_oracle_is_the_best_of_the_grid_and_gaps_are_against_it(evidence: Evidence) -> None:
    choices, grid = evidence.tables
    for case in ("inpainting", "denoising"):
        marks = {row[1]: row[4] for row in grid.rows if row[0] == case}
        assert tuple(marks) == GRID
        oracle, *found = [row for row in choices.rows if row[0] == case]
        assert oracle[3] == max(marks.values()) == marks[oracle[2]]
        assert len(found) == 3
        for row in found:
            assert row[4] == pytest.approx(row[3] - oracle[3], abs=0.011)
            gap = next(
                m.value for m in evidence.measurements if m.name == f"{case}: PSNR lost to the oracle by {row[1]}"
            )
            assert gap == pytest.approx(-row[4], abs=0.006)


def test_choices_follow_from_what_the_table_shows_of_measurements(evidence: Evidence) -> None:
    choices, grid = evidence.tables
    for case in ("inpainting", "denoising"):
        residuals = {row[1]: row[2] for row in grid.rows if row[0] == case}
        fit = next(row[2] for row in choices.rows if row[0] == case and "eq. 12" in row[1])
        assert residuals[fit] == min(residuals.values())


def test_same_seed_same_numbers(evidence: Evidence, tmp_path: Path) -> None:
    assert guidance(SMALL, Streams(0), RunFolder(tmp_path, quiet=True)) == evidence
