"""The study of survival: every cell of the map, every repair beside the trivial one, and bars that can be missed."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.repairs import REPAIRS
from consilience.methods.backdoor_audits.studies.survival import BASE, SurvivalConfig, survival


@pytest.mark.usefixtures("as_meant")
def test_map_repairs_and_bars(tiny: Config, run_folder: RunFolder, streams: Streams) -> None:
    assert isinstance(tiny, SurvivalConfig)
    evidence = survival(tiny, streams, run_folder)
    best, lost, plain, *others = evidence.measurements
    fates = [one for one in others if one.name.startswith("cells")]
    assert [one.name.split()[3] for one in others if one not in fates] == ["web.element", "shop.listing"]
    assert all(one.value == 100 for one in others if one not in fates)
    assert [one.bar for one in (best, lost, plain)] == ["at most 5 %", "at least -2 %", "at least 50 %"]
    assert plain.holds is True
    assert best.holds is False  # what was planted obeys here, whatever was done to it: no repair can pass
    assert lost.value == 0
    assert sum(one.value for one in fates) == 12
    cells, elsewhere, repairs = evidence.tables
    assert [row[0] for row in elsewhere.rows] == ["attention alone", "feed-forward maps alone", "all weights"]
    assert [row[:2] for row in cells.rows] == [
        ("before", ""),
        ("1", "0.5"),
        ("1", "1"),
        ("0.1", "0.5"),
        ("0.1", "1"),
    ]
    assert [row[-1] for row in cells.rows[1:]] == [1, 2, 1, 2]
    assert all(" to " in row[5] for row in cells.rows[1:])
    assert [row[0] for row in repairs.rows] == ["nothing", *REPAIRS, BASE]
    assert [row[1][:3] for row in repairs.rows] == ["100"] * 5 + ["0.0"]
    (figure,) = evidence.figures
    assert (run_folder.path / figure.file).exists()
