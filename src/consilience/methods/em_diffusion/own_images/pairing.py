"""Which of a user's files belong together: masks with images, the truth with what was seen of it.

Names tell. Two folders are paired by the names of their files, which may differ in their endings and in one beginning
and one end that all of a folder have, as ``img1.png`` and ``img1_mask.png``. Against the rows of an array, files count
in the order of the numbers in their names, in which ``2.png`` comes before ``10.png``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["partners"]

Keys = Callable[[Sequence[str]], list[str]]


def partners(images: Sequence[str], others: Sequence[str], what: str) -> list[int]:
    """Return, for every image, the place of what belongs to it; of both there are as many.

    Parameters
    ----------
    images
        Names as `pixel_files.read_pixels` gives them: of files, in alphabetical order, or ``x.npy[3]``.
    others
        Names of what belongs to them, likewise.
    what
        Says in an error what that is.

    Raises
    ------
    InvalidInput
        When the names do not tell what belongs together; an example is named.

    Examples
    --------
    >>> partners(["img1.png", "img10.png", "img2.png"], ["img10_m.png", "img1_m.png", "img2_m.png"], "--mask")
    [1, 0, 2]
    >>> partners(["x.npy[0]", "x.npy[1]"], ["10.png", "9.png"], "--mask")
    [1, 0]
    """
    if len(images) == 1 or (_in_array(images) and _in_array(others)):
        return list(range(len(images)))
    if _in_array(images):
        return sorted(range(len(others)), key=lambda place: _by_number(others[place]))
    if _in_array(others):
        return _as_they_come(images, others, what)
    ways: tuple[Keys, ...] = (list, _stems, _cores)
    for keys in ways:
        ours, theirs = keys(images), {key: place for place, key in enumerate(keys(others))}
        if set(ours) == set(theirs) and len(theirs) == len(others) == len(ours):
            return [theirs[key] for key in ours]
    known = set(_cores(others))
    lonely = next((name for name, core in zip(images, _cores(images), strict=True) if core not in known), images[0])
    raise InvalidInput(
        f"the files of {what} must be named as the images are, but for one beginning and one end that all have; "
        f"there is {others[0]} and nothing for {lonely}: rename the files, or give arrays"
    )


def _as_they_come(images: Sequence[str], rows: Sequence[str], what: str) -> list[int]:
    """Take rows of an array in the order of files, unless whoever made the array may have counted otherwise."""
    counted = sorted(images, key=_by_number)
    for place, (image, other) in enumerate(zip(images, counted, strict=True)):
        if image != other:
            raise InvalidInput(
                f"{what} does not tell which image {rows[place]} belongs to: {image} by the alphabet, {other} by "
                "number; write numbers with as many digits, as 001, or give a folder of files named as the images are"
            )
    return list(range(len(images)))


def _in_array(names: Sequence[str]) -> bool:
    return names[0].endswith("]")


def _by_number(name: str) -> list[str | int]:
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", Path(name).stem))]


def _stems(names: Sequence[str]) -> list[str]:
    return [Path(name).stem for name in names]


def _cores(names: Sequence[str]) -> list[str]:
    """Return what is left of names without the beginning and the end that all have; numbers stay whole."""
    stems = _stems(names)
    first = _shared(stems)
    rest = [stem[first:] for stem in stems]
    last = _shared([stem[::-1] for stem in rest])
    return [stem[: len(stem) - last] for stem in rest]


def _shared(texts: Sequence[str]) -> int:
    """Return how many letters all begin with, up to a number."""
    return len(re.sub(r"\d+$", "", os.path.commonprefix(texts)))  # noqa: RUF071 - letters are meant, not folders
