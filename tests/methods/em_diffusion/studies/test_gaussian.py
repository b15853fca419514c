"""The study of Gaussian posteriors at a size for tests: its yardsticks, and what they say of each sampler."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.studies.gaussian import (  # noqa: E402
    _covariance_error,
    _inside,
    _mean_error,
    gaussian,
)

SMALL = Config(gaussian_images=5, gaussian_samples=30, gaussian_steps=(8, 32))


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return gaussian(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_few_steps_lose_variance_and_coverage_and_multistep_loses_less(evidence: Evidence) -> None:
    rows = evidence.tables[0].rows
    for case in {row[0] for row in rows}:
        error = {(row[1], row[3]): row[5] for row in rows if row[0] == case and row[2] != 2}
        covered = {(row[1], row[3]): row[6] for row in rows if row[0] == case and row[2] != 2}
        assert error["ancestral", 8] > 40
        assert error["ancestral", 32] > error["multistep", 32]
        assert covered["ancestral", 8] < 80
        assert covered["multistep", 32] == pytest.approx(90, abs=7)
        assert error["exact posterior", None] < 15


def test_every_bar_of_the_claim_is_there(evidence: Evidence) -> None:
    assert [measurement.bar for measurement in evidence.measurements] == [
        "at most 5 %",
        "at most 10 %",
        "at least 85 %",
        "at most 95 %",
    ]
    assert "32 steps" in evidence.measurements[0].note
    assert len(evidence.tables[0].rows) == 3 * 6
    assert evidence.figures[0].file.endswith(".svg")


def test_same_seed_same_numbers(evidence: Evidence, tmp_path: Path) -> None:
    assert gaussian(SMALL, Streams(0), RunFolder(tmp_path, quiet=True)) == evidence


def test_chance_is_taken_off_the_error_of_the_covariance() -> None:
    exact = torch.eye(8, dtype=torch.float64)
    # With chance, it would be the root of 9 / 500: .13.
    assert _covariance_error(draw(500, 8), exact) < 0.1
    assert _covariance_error(0.8 * draw(500, 8), exact) == pytest.approx(1 - 0.64, abs=0.03)


def test_chance_is_taken_off_the_error_of_the_mean() -> None:
    exact = torch.ones(50, 8, dtype=torch.float64)
    # With chance, it would be the root of 1 / 30: .18.
    assert _mean_error(1.0 + draw(50, 30, 8), exact) < 0.06
    assert _mean_error(1.2 + draw(50, 30, 8), exact) == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("samples", [20, 60, 200])
def test_exact_samples_cover_nine_tenths_whatever_their_number(samples) -> None:
    assert float(_inside(draw(400, 16, seed=1), draw(400, samples, 16)).mean()) == pytest.approx(0.9, abs=0.015)
