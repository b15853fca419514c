"""The study of the bounds, at a size for tests."""

from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies import checks
from consilience.methods.rank_collapse.studies.bounds import bounds
from consilience.methods.rank_collapse.studies.checks import MASKS

TINY = Config(bounds_trials=2, bounds_layers=12)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return bounds(TINY, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bounds_hold_and_too_few_checks_are_no_proof(evidence: Evidence) -> None:
    values = {measurement.name: measurement for measurement in evidence.measurements}
    assert values["violations of the bound without LayerNorm"].value == 0
    assert values["violations of the bound with LayerNorm"].value == 0
    assert values["largest error of the linear consensus"].holds
    assert values["checks of that bound"].value == 2 * len(MASKS) * 12
    assert values["checks of that bound"].holds is False
    assert values["random tokens in one hemisphere"].value == pytest.approx(50, abs=8)


def test_settings_of_smoke_are_enough_checks() -> None:
    assert Config().bounds_trials * Config().bounds_layers * len(MASKS) >= 10_000


def test_same_seed_same_numbers(evidence: Evidence, tmp_path: Path) -> None:
    assert bounds(TINY, Streams(0), RunFolder(tmp_path, quiet=True)) == evidence


def test_a_bound_that_is_too_low_is_violated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = checks.collapse_bound
    monkeypatch.setattr(checks, "collapse_bound", lambda *args, **kwargs: real(*args, **kwargs) / 1e3)
    found = bounds(TINY, Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.measurements[0].value > 50
    assert found.measurements[0].holds is False
