"""Files of a run folder."""

from pathlib import Path

import pytest

from consilience.studio import pictures
from consilience.studio.pictures import files_of
from consilience.studio.places import Place


def test_pictures_files_and_what_is_hidden(tmp_path: Path) -> None:
    for name in ("a.png", "b/c d.SVG", "b/report.json", "model.safetensors", ".part", ".git/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = files_of(Place(tmp_path, "runs/one", "measured"), ["a.png"])
    assert [(image.name, image.address) for image in found.images] == [("b/c d.SVG", "runs/one/b/c%20d.SVG")]
    assert [(file.name, file.shown) for file in found.files] == [("model.safetensors", False), ("b/report.json", True)]
    assert not found.left_out


def test_of_very_many_some_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_FILES", 3)
    for number in range(9):
        (tmp_path / f"{number}.png").touch()
    found = files_of(Place(tmp_path, "", "pictures"))
    assert (len(found.images), found.left_out) == (3, True)
