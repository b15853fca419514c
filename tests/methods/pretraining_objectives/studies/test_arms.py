"""The study of six objectives, on models made up for the purpose and on models trained for a step."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.studies import arms as study
from consilience.methods.pretraining_objectives.studies.trained_arms import (
    ARMS,
    LENGTHS,
    Job,
    Measured,
)

CONFIG = Config(arms_seeds=(1, 2), arms_steps=100)


def _evidence(folder: object, patch: pytest.MonkeyPatch, loss: float) -> Evidence:
    def measured(job: Job) -> Measured:
        losses = np.full(len(LENGTHS), loss + 0.01 * list(ARMS).index(job.arm))
        few = 0.5 + 0.05 * list(ARMS).index(job.arm) + 0.01 * job.seed
        return Measured(job=job, tight=losses, full=losses, likelihood=2.0, probe=0.8, few=few, untrained=0.6)

    patch.setattr(study, "trained_arms", lambda jobs, _processes: [measured(job) for job in jobs])
    return study.arms(CONFIG, Streams(0), RunFolder(str(folder), quiet=True))


def test_all_arms_stand_beside_baselines_in_both_tables(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _evidence(tmp_path, monkeypatch, 2.0)
    assert found.measurements[0].value == 6
    assert found.measurements[0].holds
    for table in found.tables:
        assert [row[0] for row in table.rows] == [
            *ARMS,
            "before training",
            "bag of tokens",
            "best possible",
            "unigram plateau",
        ]
    steps, targets = found.tables
    assert len({row[1] for row in steps.rows[:6]}) == 1
    assert max(row[2] for row in targets.rows[:6]) == pytest.approx(min(row[2] for row in targets.rows[:6]), rel=0.15)


def test_differences_are_over_seeds(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = {one.name: one for one in _evidence(tmp_path, monkeypatch, 2.0).measurements}
    assert by_name["diverse AR above AR, five labels a topic"].value == pytest.approx(5)
    assert by_name["AR below MLM 15 % after short prefixes"].value == pytest.approx(0.02)


def test_arms_on_the_plateau_do_not_count(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _evidence(tmp_path, monkeypatch, 4.5)
    assert found.measurements[0].value == 0
    assert found.measurements[0].holds is False
