"""The study of defences: what it measures at a size for tests, and that a wrong measurement fails it."""

from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.self_correction.arranging import STRATEGIES
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies import models as study


def measure(folder: Path, count: int = 60) -> Evidence:
    return study.models(Config(models_requests=count), Streams(100), RunFolder(folder, quiet=True))


def test_it_measures_every_strategy_and_its_controls(tmp_path: Path) -> None:
    evidence = measure(tmp_path)
    bars = {each.name: (each.value, each.holds) for each in evidence.measurements}
    assert bars["planted rates that the measured interval misses"] == (0, True)
    assert [holds for _, holds in bars.values()] == [True, True, True, True, None]
    table, biases = evidence.tables
    assert [row[0] for row in table.rows] == list(STRATEGIES)
    assert table.rows[-1][-1] == "only refuses more"
    assert "stand-in" in table.note
    assert {row[0] for row in biases.rows} == {"none", "cac-agree", "always not known (control)"}
    assert biases.rows[-1][-1] == "yes"
    assert evidence.figures[0].name == "defences"


def test_a_rate_that_is_not_what_is_planted_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = study.planted(replace(study.RATES, flag_same=0.2))
    monkeypatch.setattr(study, "planted", lambda rates: other)
    headline = measure(tmp_path).measurements[0]
    assert headline.holds is False
    assert "cac: attack success" in headline.note


def test_a_control_that_is_not_seen_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BLIND", study.RATES)
    assert [each.holds for each in measure(tmp_path).measurements][3] is False


def test_items_are_crossed() -> None:
    items = study.nonsense(32)
    cells = {(item.category, item.condition, item.negative) for item in items}
    assert len(cells) == 8
    assert {item.right for item in items if item.condition == "disambig"} == {0, 1}
    assert all(item.biased == 0 for item in items)
