"""Pictures are written whole, or not at all."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.drawing import COLOURS, plain, require_picture, save_picture


def test_colours_are_told_apart() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == 6


def test_axes_lose_half_their_frame() -> None:
    axes = Figure().subplots()
    plain(axes)
    assert [side for side, spine in axes.spines.items() if spine.get_visible()] == ["left", "bottom"]


def test_a_picture_is_written_with_the_folders_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "new" / "picture.png"
    save_picture(Figure(), path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [each.name for each in path.parent.iterdir()] == ["picture.png"]


def test_what_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, **_: object) -> None:
        path.write_text("half")
        raise OSError

    figure = Figure()
    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError):  # noqa: PT011 - raised above
        save_picture(figure, tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_other_endings_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "picture.gif", tmp_path / "picture", tmp_path / "folder.png"):
        with pytest.raises(InvalidInput, match="ends in one of"):
            require_picture(path)
