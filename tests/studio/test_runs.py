"""Rows of the list of runs."""

from pathlib import Path

from consilience.ground import RunFolder
from consilience.studio.places import Place, Places
from consilience.studio.runs import row_of, rows_of


def test_those_that_go_on_come_first_then_the_latest(runs: Path) -> None:
    with RunFolder(runs / "coins" / "smoke-seed0").at_work():
        rows = rows_of(Places(runs))
    assert [row.state for row in rows] == ["running", "finished", "finished"]
    assert rows[1].when >= rows[2].when


def test_a_row_tells_recipe_seed_and_verdicts(runs: Path) -> None:
    row = row_of(Place(runs / "coins" / "smoke-seed1", "coins/smoke-seed1", "measured"))
    assert (row.title, row.told, row.comparable) == ("Coins", ("smoke", "seed 1"), True)
    assert row.verdicts == {"holds": 0, "fails": 1, "not measured": 1}


def test_pictures_are_no_run_and_are_not_compared(tmp_path: Path) -> None:
    row = row_of(Place(tmp_path, "em/restored", "pictures"))
    assert (row.room, row.state, row.comparable) == ("em", "", False)
    assert row_of(Place(tmp_path / "gone", "gone", "pictures")).when == ""
