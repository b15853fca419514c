"""Pictures and other files of a run folder, found by walking it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from consilience.studio.places import IMAGES, Place

__all__ = ["SHOWN", "Found", "Kept", "files_of"]

SHOWN = (*IMAGES, ".json", ".jsonl", ".toml", ".csv", ".md", ".txt", ".py", ".yaml", ".html")
"""Endings of files that are shown or given away; models and databases are not."""

MOST_FILES = 2_000
"""Files of one run that are listed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a run."""

    path: Path
    """Where it lies."""
    name: str
    """Its path below the run's folder, with slashes."""
    address: str
    """Its path below the folder that is looked at, as it stands in an address."""

    @property
    def shown(self) -> bool:
        """Whether it may be seen."""
        return self.path.suffix.lower() in SHOWN


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a run folder."""

    images: tuple[Kept, ...]
    """Pictures that no claim is illustrated with."""
    files: tuple[Kept, ...]
    """Everything else that is not hidden."""
    left_out: bool
    """Whether there are more files than are listed."""


def files_of(place: Place, besides: Sequence[str] = ()) -> Found:
    """Walk a run folder.

    Parameters
    ----------
    place
        The run.
    besides
        Pictures that are shown elsewhere, by their paths below its folder.
    """
    images: list[Kept] = []
    files: list[Kept] = []
    for above, folders, names in os.walk(place.path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            path = Path(above) / name
            own = path.relative_to(place.path).as_posix()
            whole = f"{place.name}/{own}".lstrip("/")
            kept = Kept(path, own, quote(os.fsencode(whole)))
            if path.suffix.lower() not in IMAGES:
                files.append(kept)
            elif own not in besides:
                images.append(kept)
        if len(images) + len(files) >= MOST_FILES:
            return Found(tuple(images[:MOST_FILES]), tuple(files[:MOST_FILES]), left_out=True)
    return Found(tuple(images), tuple(files), left_out=False)
