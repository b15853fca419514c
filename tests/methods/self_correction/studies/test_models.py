"""The study of defences: what it measures at a size for tests, and that a wrong measurement fails it."""

from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.self_correction.arranging import STRATEGIES
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies import models as study

FEW = {name: STRATEGIES[name] for name in ("none", "cac", "refuse-all")}


def measure(folder: Path, count: int = 300) -> Evidence:
    return study.models(Config(models_requests=count), Streams(100), RunFolder(folder, quiet=True))


def test_it_measures_every_strategy_and_says_that_few_requests_prove_little(tmp_path: Path) -> None:
    evidence = measure(tmp_path, 20)
    bars = {each.name: (each.value, each.holds) for each in evidence.measurements}
    assert bars["planted rates that the measured interval misses"] == (0, True)
    assert [holds for _, holds in bars.values()] == [True, True, True, None, None]
    table, biases = evidence.tables
    assert [row[0] for row in table.rows] == list(STRATEGIES)
    assert "stand-in" in table.note
    assert {row[0] for row in biases.rows} == {"none", "cac-agree", "always not known (control)"}
    assert biases.rows[-1][-1] == "yes"
    assert evidence.figures[0].name == "defences"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "STRATEGIES", FEW)


@pytest.mark.usefixtures("few")
def test_the_controls_are_seen(tmp_path: Path) -> None:
    evidence = measure(tmp_path)
    assert evidence.measurements[3].holds is True
    assert evidence.tables[0].rows[-1][-1] == "only refuses more"


@pytest.mark.usefixtures("few")
def test_a_rate_that_is_not_what_is_planted_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = study.planted(replace(study.RATES, flag_same=0.2))
    monkeypatch.setattr(study, "planted", lambda rates: other)
    headline = measure(tmp_path, 60).measurements[0]
    assert headline.holds is False
    assert "cac: attack success" in headline.note


@pytest.mark.usefixtures("few")
def test_a_control_that_is_not_seen_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BLIND", study.RATES)
    assert measure(tmp_path).measurements[3].holds is False


def test_items_are_crossed() -> None:
    items = study.nonsense(32)
    cells = {(item.category, item.condition, item.negative) for item in items}
    assert len(cells) == 8
    assert {item.right for item in items if item.condition == "disambig"} == {0, 1}
    assert all(item.biased == 0 for item in items)
