"""Folders of labelled texts, good ones and bad ones."""

from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.label_folders import label_folders


def _write(folder: Path, label: str, count: int, text: str = "words of") -> None:
    (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / label / f"{number}.txt").write_text(f"{text} {label} {number}")


def test_every_subfolder_is_a_label_and_every_file_a_document(tmp_path: Path) -> None:
    _write(tmp_path, "sea", 4)
    _write(tmp_path, "land", 5)
    _write(tmp_path, "land/deeper", 1)
    _write(tmp_path, "land/.hidden", 1)
    (tmp_path / "sea" / "picture.png").write_bytes(b"\xff")
    (tmp_path / "sea" / "empty.txt").write_text("  ")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("hidden")
    (tmp_path / "readme.txt").write_text("not a label")
    corpus = label_folders(tmp_path)
    assert corpus.labels == ("land",) * 6 + ("sea",) * 4
    assert corpus.texts[0] == "words of land 0"


def test_a_single_label_is_no_label(tmp_path: Path) -> None:
    _write(tmp_path, "only", 9)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="got 'only' only"):
        label_folders(tmp_path)


def test_missing_and_empty_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no folder"):
        label_folders(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="found none with text"):
        label_folders(tmp_path)


def test_too_few_documents_are_told_with_their_label(tmp_path: Path) -> None:
    _write(tmp_path, "many", 9)
    _write(tmp_path, "few", 3)
    with pytest.raises(InvalidInput, match=r"label 'few' must have at least 4 documents.*got 3"):
        label_folders(tmp_path)


def test_labels_with_the_same_documents_are_told(tmp_path: Path) -> None:
    for label in ("one", "two"):
        (tmp_path / label).mkdir()
        for number in range(5):
            (tmp_path / label / f"{number}.md").write_text(f"the same {number}")
    with pytest.raises(InvalidInput, match="that no other label has; got 0"):
        label_folders(tmp_path)


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "a", 4)
    _write(tmp_path, "b", 4)
    (tmp_path / "b" / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"latin\.txt is not UTF-8 text \(byte 0\)"):
        label_folders(tmp_path)
