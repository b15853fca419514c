"""The study of the loop: what it measures, at a size for tests; its parts are tested beside it."""

from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies import loop as study
from consilience.methods.self_correction.studies.stops import CASES

SMALL = Config(loop_runs=30, loop_kills=1, loop_items=30, loop_repeats=1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BUDGETS", (1, 3))
    monkeypatch.setattr(study, "machinery_us", lambda name, folder, repeats: float(len(name)))
    monkeypatch.setattr(study, "speedup", lambda **settings: 30.0)


def measure(folder: Path) -> Evidence:
    return study.loop(SMALL, Streams(0), RunFolder(folder, quiet=True))


@pytest.mark.usefixtures("quick")
def test_it_measures_every_promise(tmp_path: Path) -> None:
    evidence = measure(tmp_path)
    bars = {each.name.partition(" of ")[0]: (each.holds, each.bar) for each in evidence.measurements}
    assert [holds for holds, _ in bars.values()] == [True, None, True, True, True, True, True, True]
    assert bars["fuzzed runs"] == (None, "at least 10000")  # thirty are not ten thousand, and it says so
    assert [each.timing for each in evidence.measurements].count(True) == 2
    assert len(evidence.tables) == 3
    assert len(evidence.tables[1].rows) == len(CASES)
    assert evidence.figures[0].name == "budgets"


@pytest.mark.usefixtures("quick")
def test_a_rule_that_stops_elsewhere_fails_the_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "stopped_at", lambda case: (case.rounds + (case.rule == "repeat"), case.rule))
    (stops,) = [each for each in measure(tmp_path).measurements if each.name.startswith("rules")]
    assert (stops.value, stops.holds) == (2, False)
