"""Which folders hold a run, and which names lead anywhere."""

from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.studio import places
from consilience.studio.places import Absent, Place, Places, content_of


def laid(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return root


@pytest.mark.parametrize("name", ["a\0b", "\ud83d", "none", "link", "."])
def test_what_does_not_lie_there_is_an_error_of_the_system(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert content_of(tmp_path / "file") == b"content"
    with pytest.raises(OSError, match=r"."):
        content_of(tmp_path / name)


def test_each_kind_is_told_by_what_lies_in_it(tmp_path: Path) -> None:
    laid(
        tmp_path,
        "a/one/config.toml",
        "a/one/report.json",
        "a/two/config.toml",
        "b/three/run.json",
        "b/three/result.json",
        "b/four/run.json",
        "c/d/five.PNG",
        "c/.hidden/six.png",
        "seven.png",
    )
    assert [(place.name, place.kind) for place in Places(tmp_path)] == [
        ("a/one", "measured"),
        ("b/three", "agents"),
        ("c/d", "pictures"),
    ]


def test_nothing_is_sought_within_a_run(tmp_path: Path) -> None:
    laid(tmp_path, "run/config.toml", "run/journal.jsonl", "run/work/inner/run.json", "run/work/inner/result.json")
    assert [place.name for place in Places(tmp_path)] == ["run"]


def test_links_and_depths_end_the_search(tmp_path: Path) -> None:
    deep = "/".join("abcdefgh")
    laid(tmp_path, f"{deep}/picture.png", "near/picture.png")
    (tmp_path / "near" / "round").symlink_to(tmp_path)
    assert [place.name for place in Places(tmp_path)] == ["near"]


def test_a_folder_of_very_many_is_not_searched_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid(tmp_path, *(f"{number:03}/picture.png" for number in range(100)))
    monkeypatch.setattr(places, "MOST_ENTRIES", 120)
    assert 0 < len(list(Places(tmp_path))) < 100


@pytest.mark.parametrize("name", ["..", "../x", "a/../..", "/etc", "a\0b", ".git", "a/.git", "nowhere", "x" * 5000])
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    laid(tmp_path, "a/config.toml", "a/report.json")
    with pytest.raises(Absent):
        Places(tmp_path).run(name)


def test_a_run_behind_a_link_out_is_not_there(tmp_path: Path) -> None:
    laid(tmp_path, "outside/config.toml", "outside/report.json", "inside/x/y")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Absent):
        Places(tmp_path / "inside").run("link")


def test_the_folder_itself_may_be_a_run(tmp_path: Path) -> None:
    laid(tmp_path, "config.toml", "journal.jsonl")
    assert Places(tmp_path).run("").kind == "measured"
    assert [place.name for place in Places(tmp_path)] == [""]


def test_a_file_is_no_folder_of_runs(tmp_path: Path) -> None:
    laid(tmp_path, "file")
    with pytest.raises(InvalidInput):
        Places(tmp_path / "file")


def test_a_name_with_half_a_character_has_an_address() -> None:
    assert Place(Path(), "a\udcff", "measured").address == "a%FF"
