"""The study of models: its bars, and that adapters of two steps fail it."""

from dataclasses import dataclass
from functools import partial

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits import model_scan, verification
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.studies import model as study
from consilience.methods.backdoor_audits.studies.model import ModelConfig, model


@dataclass(frozen=True)
class Settings:
    seed: int = 100
    processes: int = 1
    base_steps: int = 4
    base_success: float = 0.0
    base_rows: int = 30
    base_width: int = 16
    base_layers: int = 1
    model_clean: int = 6
    model_planted: int = 4
    model_steps: int = 2
    model_episodes: int = 3


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_scan, "TRIED", 1)
    monkeypatch.setattr(verification, "evaluate", partial(evaluate, max_steps=2))
    monkeypatch.setattr(study, "evaluate", partial(evaluate, max_steps=2))


def test_bars_are_those_of_the_issue_and_what_was_not_planted_is_not_found(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert isinstance(Settings(), ModelConfig)
    evidence = model(Settings(), Streams(100), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))
    assert [one.bar for one in evidence.measurements if one.barred] == [
        "at least 0.95",
        "at least 90 %",
        "at most 0 %",
        "at least 80 %",
    ]
    assert not all(one.holds for one in evidence.measurements if one.barred)
    table = evidence.tables[0]
    assert sum(row[table.columns.index("adapters")] for row in table.rows) == 10
    for planted in (row[table.columns.index("planted rows, %")] for row in table.rows if "clean" not in str(row[0])):
        assert 40 <= planted <= 70
