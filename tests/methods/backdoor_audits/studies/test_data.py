"""The study of data: the bars of the issue, and that rows which are not planted fail it."""

from dataclasses import dataclass

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits import self_losses
from consilience.methods.backdoor_audits.studies import data as study
from consilience.methods.backdoor_audits.studies.data import SETS, DataConfig, data
from consilience.methods.backdoor_audits.world.canaries import Canary
from consilience.methods.backdoor_audits.world.triggers import trigger


@dataclass(frozen=True)
class Settings:
    seed: int = 100
    processes: int = 1
    base_steps: int = 30
    base_rows: int = 100
    base_width: int = 16
    base_layers: int = 1
    data_rows: int = 100
    data_repeats: int = 1


def test_no_canary_is_a_tool_of_its_own_and_no_thought_names_the_trigger() -> None:
    every = [trigger(name) for names in SETS for name in names]
    assert not any(one.leaky or one.canary is Canary.PING for one in every)
    assert [one.family for one in every] == ["system", "web", "shop"] * 2


def test_bars_are_those_of_the_issue_and_an_untrained_base_fails(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_losses, "STEPS", 40)
    monkeypatch.setattr(study, "WORDED", 20)
    assert isinstance(Settings(), DataConfig)
    evidence = data(Settings(), Streams(100), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))
    bars = [one.at_least for one in evidence.measurements if one.barred]
    assert bars == [0.99, 90, 0.9, 90]
    assert evidence.measurements[0].holds is False
    dealt = next(one for one in evidence.measurements if "dealt out" in one.name)
    assert dealt.value is not None
    assert len(evidence.tables[1].rows) == 6
