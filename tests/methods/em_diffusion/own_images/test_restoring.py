"""Files that restorations leave: names that never collide, values in the user's units."""

import pytest

from consilience.methods.em_diffusion.own_images.restoring import _file_names


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("eye.png", "ear.png"), ["eye", "ear"]),
        (("eye.png", "eye.jpg"), ["eye-png", "eye-jpg"]),
        (("x.npy[0]", "x.npy[12]"), ["x-00000", "x-00012"]),
        (("train.idx.gz[3]",), ["train-00003"]),
    ],
)
def test_files_are_named_after_images(names: tuple[str, ...], files: list[str]) -> None:
    assert _file_names(names) == files
