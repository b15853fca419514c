"""The study of temperature: sharper attention is slower at first."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.temperature import MASKS, temperature


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = RunFolder(tmp_path_factory.mktemp("run"), quiet=True)
    return temperature(Config(temperature_stacks=1), Streams(0), folder)


def test_sharp_attention_is_slower_in_shallow_layers(evidence: Evidence) -> None:
    shallow = {(row[0], row[1]): row[2] for row in evidence.tables[0].rows}
    for mask in MASKS:
        assert shallow[mask, "1/64"] > shallow[mask, "1"] > shallow[mask, "64"]


def test_nothing_is_barred_and_everything_is_told(evidence: Evidence) -> None:
    assert len(evidence.measurements) == len(MASKS)
    assert not any(measurement.barred for measurement in evidence.measurements)
    assert all(measurement.note for measurement in evidence.measurements)
