"""The study of what a probe costs, at a size at which nothing can be said about time."""

import pytest
import torch
from torch import nn

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.overhead import WAYS, overhead
from consilience.neural.transformer import Transformer


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(overhead_rounds=3, overhead_layers=2, overhead_width=128, overhead_tokens=96)
    before = torch.get_num_threads()
    found = overhead(config, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))
    assert torch.get_num_threads() == before
    return found


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    bars = [measurement.bar for measurement in evidence.measurements if measurement.barred]
    assert bars == ["at most 1.05", "at most 1.12", "at most 1.2", "at most 1"]
    timed = [measurement.timing for measurement in evidence.measurements]
    assert timed == [True, True, True, False, True, False]


def test_ratios_have_intervals(evidence: Evidence) -> None:
    for measurement in evidence.measurements[:3]:
        assert 0 < measurement.low <= measurement.value <= measurement.high


def test_every_way_of_looking_is_in_the_table(evidence: Evidence) -> None:
    assert [row[0] for row in evidence.tables[0].rows] == list(WAYS)
    assert evidence.tables[0].timing


def test_what_looks_leaves_nothing_behind() -> None:
    model: nn.Module = Transformer(8, 2, 3).eval()
    for way in WAYS.values():
        with torch.inference_mode(), way.attached(model):
            model(torch.zeros(2, 4, 8) + torch.arange(4)[:, None])
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
