"""Labelled tables: what cells may say, and which line is wrong."""

from pathlib import Path

import pytest

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.self_correction.table import has_column, read_columns


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), ("True", "FALSE"), ("yes", "no"), (" right ", "wrong"), ("Correct", "incorrect"), ("1.0", "0.0")],
)
def test_cells_say_right_or_wrong(path: Path, yes: str, no: str) -> None:
    path.write_text(f'\ufeffitem, before ,after\n"a, b",{yes},{no}\n\nc,{no},{no}\n', encoding="utf-8")
    assert read_columns(path, ["after", "before"]).tolist() == [[False, True], [False, False]]
    assert has_column(path, "before")
    assert not has_column(path, "flagged")


def test_an_absent_column_names_the_near_one(path: Path) -> None:
    path.write_text("item,was_right,is_right\na,1,0\n")
    with pytest.raises(UnknownName, match="did you mean 'was_right'"):
        read_columns(path, ["was-rigt"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("before\n1\nmaybe\n", "got 'maybe' in line 3"),
        ("item,before\na,1\nb,\n", "got '' in line 3"),
        ("item,before\na,1\nb\n", "got '' in line 3"),
        ("before\n0.7\n", "got '0.7' in line 2"),
        ("question,before,after\nIs it so, yes,1,0\n", "line 2 of .* has 4 cells where the heading has 3"),
        ("before,before\n1,0\n", "it is there 2 times"),
        ("item;before\na;1\n", "must be separated by commas"),
        ("item\tbefore\na\t1\n", "must be separated by commas"),
        ("before\n", "a row below it; got 1 of the two"),
        ("", "a row below it; got 0 of the two"),
    ],
)
def test_what_is_wrong_is_told_in_its_line(path: Path, content: str, complaint: str) -> None:
    path.write_text(content)
    with pytest.raises(InvalidInput, match=complaint):
        read_columns(path, ["before"])


def test_files_that_are_no_tables_are_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_columns(path, ["before"])
    with pytest.raises(InvalidInput, match="readable CSV"):
        read_columns(tmp_path, ["before"])
    path.write_bytes(b"before\n\xff\xfe\n")
    with pytest.raises(InvalidInput, match="in UTF-8"):
        read_columns(path, ["before"])


def test_empty_cells_behind_the_last_column_are_nothing(path: Path) -> None:
    path.write_text("before,after\n1,0,,\n", encoding="utf-8")
    assert read_columns(path, ["before", "after"]).tolist() == [[True, False]]
