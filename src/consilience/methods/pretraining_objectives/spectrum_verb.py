"""``consilience pretraining-objectives spectrum``: which objective connects more on texts of one's own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["spectrum"]

TARGETS = ("ahead:1", "ahead:4", "ahead:32", "around:4", "around:32")


def spectrum(
    *,
    text: Path | None = None,
    labels_from_folders: bool = False,
    targets: tuple[str, ...] = TARGETS,
    vocabulary: int = 1024,
    rank: int = 64,
    seed: int = 0,
    picture: Path | None = None,
    json: bool = False,
) -> int:
    """Say which objective connects the tokens of a corpus most, and what a linear probe can make of it.

    Parameters
    ----------
    text
        A text file, or a folder of them, as for train; the docstrings of this Python, by package, when left out.
    labels_from_folders
        Whether the subfolders of --text are labels; then probes are trained and tested, too.
    targets
        What a token predicts: ahead:K for the next K tokens, around:R for masked tokens up to R places away, anywhere
        for masked tokens of the whole document.
    vocabulary
        Words that are told apart, one of them for all others.
    rank
        Features a token.
    seed
        Of the parts that probes are tested on.
    picture
        File for a picture, as .png, .svg or .pdf.
    json
        Print one JSON object in place of the table.
    """
    if labels_from_folders and text is None:
        raise InvalidInput("--labels-from-folders needs --text, a folder with a subfolder for each label")
    # Loaded when the verb runs: reading the command line must not take seconds.
    import_module("consilience.methods.pretraining_objectives.spectrum_report").report(
        text,
        targets,
        labelled=labels_from_folders,
        vocabulary=vocabulary,
        rank=rank,
        seed=seed,
        picture=picture,
        json=json,
    )
    return 0
