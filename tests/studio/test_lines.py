"""Lines of files that grow, are cut off, or are none."""

import json
from pathlib import Path

from consilience.studio.lines import Lines, read_lines


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "journal.jsonl") == Lines()


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in read_lines(tmp_path).trouble


def test_what_is_added_is_read_and_the_half_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"a": 1}\n{"b"')
    assert read_lines(path).records == ({"a": 1},)
    with path.open("a") as more:
        more.write(": 2}\n")
    assert read_lines(path) == Lines(({"a": 1}, {"b": 2}))


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\n[1]\n3\n\xff\n" + b"[" * 100_000 + b'\n{"a": 1}\n')
    assert read_lines(path) == Lines(({"a": 1},), broken=5)


def test_ends_of_lines_within_texts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    record = {"text": "one\u2028two\x85three\x0cfour"}
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_lines(path).records == (record,)
