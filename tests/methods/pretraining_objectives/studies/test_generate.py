"""The study of generation: its bars, and what they say of models made up for the purpose."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.studies import generate as study
from consilience.methods.pretraining_objectives.studies.trained_arms import LENGTHS, Job, Measured

CONFIG = Config(arms_seeds=(1, 2, 3), arms_steps=1)
PRICES = {"MLM 15 %": 0.15, "variable": 0.01, "variable + suffix": -0.01}
LOSSES = {"MLM 15 %": 2.0, "variable": 1.9, "variable + suffix": 1.8}


def _measured(job: Job) -> Measured:
    tight = np.full(len(LENGTHS), LOSSES[job.arm] + 0.001 * job.seed)
    full = tight + PRICES[job.arm] * (1 + 0.1 * job.seed)
    return Measured(job=job, tight=tight, full=full, likelihood=2.0, probe=0.8, few=0.7, untrained=0.6)


def _evidence(folder: object, patch: pytest.MonkeyPatch, config: Config = CONFIG) -> Evidence:
    patch.setattr(study, "trained_arms", lambda jobs, _processes: [_measured(job) for job in jobs])
    patch.setattr(study, "plateau_table", lambda *_: Table(title="plateau", columns=("a",), rows=()))
    return study.generate(config, Streams(0), RunFolder(str(folder), quiet=True))


def test_bars_are_those_of_the_issue_and_are_cleared(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _evidence(tmp_path, monkeypatch)
    bars = [(one.at_least, one.at_most) for one in found.measurements]
    assert bars == [(0.10, None), (None, 0.02), (None, None), (0.0, None), (None, None), (3.0, None)]
    assert all(one.holds for one in found.measurements if one.barred)
    assert found.measurements[0].value == pytest.approx(0.15 * 1.2)
    assert found.measurements[3].value == pytest.approx(0.2 + 0.01 * 1.2)
    assert "on 3 of 3 seeds" in found.measurements[3].note
    assert found.seeds == (1, 2, 3)


def test_bars_can_be_missed(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRICES, "MLM 15 %", 0.01)
    monkeypatch.setitem(PRICES, "variable", 0.03)
    monkeypatch.setitem(LOSSES, "variable + suffix", 2.2)
    found = _evidence(tmp_path, monkeypatch, Config(arms_seeds=(1, 2), arms_steps=1))
    assert [one.holds for one in found.measurements if one.barred] == [False] * 4
    assert "on 0 of 2 seeds" in found.measurements[3].note


def test_the_plateau_and_the_best_possible_stand_in_the_table(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _evidence(tmp_path, monkeypatch).tables[0]
    assert [row[0] for row in table.rows[-2:]] == ["best possible", "unigram plateau"]
    assert table.rows[-2][2] < table.rows[-1][2]
    assert table.rows[0][:2] == ("MLM 15 %", "tight")
