"""What was read is kept until the file changes."""

from pathlib import Path

import pytest

from consilience.studio import keeping
from consilience.studio.keeping import kept, stamp_of

ASKED: list[Path] = []


def length(path: Path) -> int:
    ASKED.append(path)
    return len(path.read_text()) if path.exists() else -1


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    ASKED.clear()
    path = tmp_path / "file"
    assert [kept(path, length), kept(path, length)] == [-1, -1]
    path.write_text("one")
    assert [kept(path, length), kept(path, length)] == [3, 3]
    path.write_text("other")
    assert kept(path, length) == 5
    assert len(ASKED) == 3


def test_what_is_read_otherwise_is_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    assert (kept(path, length), kept(path, stamp_of)) == (3, stamp_of(path))


def test_no_more_is_kept_than_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT", 2)
    ASKED.clear()
    for name in ("a", "b", "c", "a"):
        kept(tmp_path / name, length)
    assert len(ASKED) == 4


def test_large_files_are_not_kept_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT_BYTES", 100)
    ASKED.clear()
    for name in ("large", "large", "small", "small", "large"):
        path = tmp_path / name
        path.write_text("." * (90 if name == "large" else 20)) if not path.exists() else None
        kept(path, length)
    assert [path.name for path in ASKED] == ["large", "small", "large"]
