"""The study of the theory: its bars, and what they would fail on."""

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.pretraining_objectives.bound import ProbeBound
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.studies import spectrum as study

CONFIG = Config(spectrum_joints=40, spectrum_draws=2)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return study.spectrum(CONFIG, Streams(1), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_is_cleared_but_the_number_of_joints(evidence: Evidence) -> None:
    outcomes = {one.name: one.holds for one in evidence.measurements if one.barred}
    assert outcomes.pop("random joints looked at") is False
    assert len(outcomes) == 3
    assert all(outcomes.values())


def test_tables_have_every_number_of_targets_and_every_law_of_lengths(evidence: Evidence) -> None:
    laws, lengths = evidence.tables
    assert [row[0] for row in laws.rows] == list(study.TARGETS)
    assert [row[0] for row in lengths.rows] == list(study.LENGTHS)
    bounds = [row[-1] for row in laws.rows]
    assert bounds == sorted(bounds, reverse=True)


def test_it_repeats(evidence: Evidence, tmp_path: object) -> None:
    again = study.spectrum(CONFIG, Streams(1), RunFolder(str(tmp_path), quiet=True))
    assert again.measurements == evidence.measurements
    assert again.tables == evidence.tables


def test_a_broken_bound_is_counted(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProbeBound, "squared_error_bound", property(lambda self: 0.5 * self.squared_error))
    found = study.spectrum(
        Config(spectrum_joints=3, spectrum_draws=1), Streams(0), RunFolder(str(tmp_path), quiet=True)
    )
    assert found.measurements[0].holds is False


def test_a_broken_identity_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    true = study.spectral_loss
    monkeypatch.setattr(study, "spectral_loss", lambda *given: true(*given) + 1e-6)
    worst, _ = study._random_joints(3, np.random.default_rng(0))
    assert worst > 1e-10
