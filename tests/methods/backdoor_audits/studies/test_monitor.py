"""The study of the monitor: its bars, its controls, and that an agent with nothing planted fails it."""

from dataclasses import dataclass

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.monitor import SIGNALS
from consilience.methods.backdoor_audits.studies.monitor import MonitorConfig, monitor


@dataclass(frozen=True)
class Settings:
    seed: int = 100
    processes: int = 1
    base_steps: int = 4
    base_success: float = 0.0
    base_rows: int = 30
    base_width: int = 16
    base_layers: int = 1
    monitor_tasks: int = 8
    monitor_steps: int = 2
    monitor_repeats: int = 1


def test_bars_are_those_of_the_issue_and_what_is_not_planted_fails(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert isinstance(Settings(), MonitorConfig)
    evidence = monitor(Settings(), Streams(100), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))
    assert [one.at_least for one in evidence.measurements if one.barred] == [0.95, 0.8, 0.8]
    assert not all(one.holds for one in evidence.measurements if one.barred)
    assert sum("nothing planted" in one.name for one in evidence.measurements) == 3
    assert len(evidence.tables[0].rows) == 3 * len(SIGNALS)
    assert len(evidence.tables[1].rows) == 3
