"""What the report says of labelled and unlabelled texts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.spectrum_report import report

SETTINGS: dict[str, Any] = {"vocabulary": 60, "rank": 4, "seed": 0, "picture": None, "json": True}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for label in ("sea", "land"):
        (tmp_path / label).mkdir()
        own = [f"{label}{letter}" for letter in "abcdefghij"]
        for number in range(20):
            (tmp_path / label / f"{number}.txt").write_text(" the ".join(generator.choice(own, 12)))
    return tmp_path


def test_labelled_texts_have_probes_baselines_and_bounds(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(texts, ("ahead:1", "around:4"), labelled=True, **SETTINGS)
    found = json.loads(capsys.readouterr().out)
    assert found["corpus"].startswith("40 documents (land 20, sea 20)")
    rows = {row["targets"]: row for row in found["objectives"]}
    assert list(rows) == ["ahead:1", "around:4", "random features", "bag of tokens", "commonest label"]
    assert rows["around:4"]["probe"] == rows["bag of tokens"]["probe"] == 1
    assert rows["commonest label"]["probe"] == 0.5
    assert rows["ahead:1"]["next_token_kept"] == pytest.approx(1)
    assert rows["around:4"]["effective_targets"] == 8
    assert rows["around:4"]["error_bound"] >= 2 * (1 - rows["around:4"]["probe"])


def test_texts_without_labels_have_spectra(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(texts, ("ahead:1", "anywhere"), labelled=False, **SETTINGS)
    found = json.loads(capsys.readouterr().out)
    assert found["corpus"] == "40 documents without labels"
    assert [set(row) for row in found["objectives"]] == [
        {"targets", "effective_targets", "second_singular_value", "residual", "tail"}
    ] * 2
    assert found["objectives"][1]["effective_targets"] is None


def test_the_table_fits_a_terminal_and_explains_itself(
    texts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report(texts, ("ahead:1",), labelled=True, **(SETTINGS | {"json": False}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["targets", "second"]
    assert lines[2].startswith("ahead:1")
    assert any(line.startswith("probe, %: documents that") for line in lines)
    assert not any("…" in line for line in lines)


def test_the_picture_is_drawn(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(texts, ("ahead:1", "ahead:2"), labelled=False, **(SETTINGS | {"picture": texts / "out" / "p.svg"}))
    assert "<svg" in (texts / "out" / "p.svg").read_text()


def test_mistakes_are_told_before_any_work(texts: Path) -> None:
    with pytest.raises(InvalidInput, match="unknown targets 'behind:1'"):
        report(texts, ("behind:1",), labelled=False, **SETTINGS)
    with pytest.raises(InvalidInput, match="at least one objective"):
        report(texts, (), labelled=False, **SETTINGS)
    with pytest.raises(InvalidInput, match="ends in one of"):
        report(texts, ("ahead:1",), labelled=False, **(SETTINGS | {"picture": texts / "p.gif"}))
    with pytest.raises(InvalidInput, match="--rank must be below"):
        report(texts, ("ahead:1",), labelled=False, **(SETTINGS | {"rank": 64}))
    with pytest.raises(InvalidInput, match="lower --rank"):
        report(texts, ("ahead:1",), labelled=True, **(SETTINGS | {"rank": 64}))
    for file in (texts / "land").iterdir():
        file.unlink()
    with pytest.raises(InvalidInput, match="got 'sea' only"):
        report(texts, ("ahead:1",), labelled=True, **SETTINGS)
