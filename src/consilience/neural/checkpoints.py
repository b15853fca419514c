"""Checkpoints of transformers' trainers: the newest that was written to its end."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["checkpoints", "last_whole_checkpoint"]


def checkpoints(folder: Path) -> list[Path]:
    """Return the folders ``checkpoint-STEP`` in a folder, the newest first; none where there is no such folder."""
    found = {one.name.partition("-")[2]: one for one in folder.glob("checkpoint-*") if one.is_dir()}
    return [found[step] for step in sorted(filter(str.isdecimal, found), key=int, reverse=True)]


def last_whole_checkpoint(folder: Path, written_last: str) -> Path | None:
    """Return the newest checkpoint that was written to its end, or None; newer ones, cut off, are removed.

    Parameters
    ----------
    folder
        Only one trainer may save there.
    written_last
        The file that a checkpoint has only when it is whole.
    """
    for one in checkpoints(folder):
        if (one / written_last).is_file():
            return one
        shutil.rmtree(one)
    return None
