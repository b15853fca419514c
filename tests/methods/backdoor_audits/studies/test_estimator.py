"""The study of the estimator: its bars, and that it can fail."""

from dataclasses import dataclass

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.studies import estimator as study
from consilience.methods.backdoor_audits.studies.estimator import RATES, EstimatorConfig, estimator


@dataclass(frozen=True)
class Settings:
    processes: int = 1
    estimator_repetitions: int = 12
    estimator_episodes: int = 25


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(tmp_path_factory.mktemp("run"), quiet=True)


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "ENOUGH", Settings().estimator_repetitions)


def measured(folder: RunFolder) -> Evidence:
    return estimator(Settings(), Streams(100), folder)


def test_rates_and_bars_are_those_of_the_issue(folder: RunFolder) -> None:
    assert isinstance(Settings(), EstimatorConfig)
    evidence = measured(folder)
    bars = [measurement.bar for measurement in evidence.measurements if measurement.barred]
    assert bars == ["at least 93 %", "at least 93 %"]
    assert [row[0] for row in evidence.tables[0].rows] == list(RATES) == [0, 0.05, 0.5, 0.95, 1]
    for rate, mean, covered, excess in evidence.tables[0].rows:
        assert mean == pytest.approx(rate, abs=0.1)
        assert isinstance(covered, float)
        assert isinstance(excess, float)
        assert min(covered, excess) >= 75
    assert [row[2] for row in evidence.tables[0].rows if row[0] in (0, 1)] == [100, 100]


def test_an_estimator_that_is_off_fails(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    true = study.attack_success

    def off(outcomes: object) -> Estimate:
        found = true(outcomes)  # type: ignore[arg-type]
        return Estimate(found.value / 2, found.low / 2, found.high / 2, found.of)

    monkeypatch.setattr(study, "attack_success", off)
    headline = measured(folder).measurements[0]
    assert headline.holds is False


def test_few_repetitions_are_held_against_nothing(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "ENOUGH", 13)
    measurements = measured(folder).measurements
    assert not any(one.barred for one in measurements)
    assert all("no bar below 13 repetitions" in one.note for one in measurements[:2])


def test_processes_change_nothing(folder: RunFolder) -> None:
    shared = estimator(Settings(processes=2), Streams(100), folder)
    assert shared.tables[0].rows == measured(folder).tables[0].rows
