"""The study of rounds: that it passes a right loop, and would notice a wrong one."""

from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies import rounds as study
from consilience.methods.self_correction.studies import scripted_rounds

SMALL = Config(rounds_settings=22, rounds_items=60, rounds_rounds=2, rounds_tables=1)


def measure(folder: Path, config: Config = SMALL) -> Evidence:
    return study.rounds(config, Streams(3), RunFolder(folder, quiet=True))


def test_the_loop_follows_the_formula(tmp_path: Path) -> None:
    evidence = measure(tmp_path)
    headline, largest, joint, wrong, _, *_ = evidence.measurements
    assert [each.holds for each in (headline, largest, joint)] == [True, True, True]
    assert headline.value >= 20
    assert wrong.value < headline.value
    assert len(evidence.tables[0].rows) == 22
    assert [figure.name for figure in evidence.figures] == ["rounds", "break-even"]
    assert all((tmp_path / figure.file).exists() for figure in evidence.figures)


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    few = Config(rounds_settings=5, rounds_items=20, rounds_rounds=1, rounds_tables=1)
    assert measure(tmp_path / "first", few) == measure(tmp_path / "again", few)


def test_a_loop_with_another_rate_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A critic that objects more often to right answers than it should."""
    real = scripted_rounds.ScriptedModel

    def off(truths, *, fpr, **rates) -> scripted_rounds.ScriptedModel:
        return real(truths, fpr=min(1.0, fpr + 0.3), **rates)

    monkeypatch.setattr(scripted_rounds, "ScriptedModel", off)
    headline, _, joint, *_ = measure(tmp_path).measurements
    assert not headline.holds
    assert not joint.holds


def test_a_move_that_cannot_be_makes_the_joint_test_infinite() -> None:
    right = np.repeat([[True, True], [True, False]], [70, 30], axis=0)
    setting = scripted_rounds.Setting(name="x", start=0.99, rates=(0.5, 0.5, 0.5, 0.0), right=right)
    assert study._all_moves([setting])[0] == np.inf
