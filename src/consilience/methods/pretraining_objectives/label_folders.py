"""Labelled texts from a folder: every subfolder is a label."""

from __future__ import annotations

from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.corpus import Corpus
from consilience.methods.pretraining_objectives.own_text.texts import documents_below

__all__ = ["label_folders"]

FEWEST = 4
"""Documents a label must have to be learned from some and tested on others."""


def label_folders(folder: Path) -> Corpus:
    """Read ``FOLDER/LABEL/**`` as `read_texts` reads a folder; files beside the labels are passed over.

    Raises
    ------
    InvalidInput
        If there is no such folder, no text in it, one label only, a label with too few documents, or a file that is no
        UTF-8 text.
    """
    if not folder.is_dir():
        raise InvalidInput(f"--text must name a folder with a subfolder for each label; there is no folder {folder}")
    labels = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    groups = {path.name: documents_below(path) for path in labels}
    full = {label: texts for label, texts in groups.items() if texts}
    if not full:
        raise InvalidInput(
            f"expected text files (.txt, .md, .rst, .py, .jsonl) in subfolders of {folder}; found none with text"
        )
    if len(full) < 2:  # noqa: PLR2004 - a label that does not vary is none
        raise InvalidInput(
            f"expected at least two labels, a subfolder of {folder} each; got {next(iter(full))!r} only: "
            "add another label, or leave out --labels-from-folders"
        )
    corpus = Corpus.of([(label, text) for label, texts in full.items() for text in texts])
    for label in full:
        count = corpus.labels.count(label)
        if count < FEWEST:
            raise InvalidInput(
                f"label {label!r} must have at least {FEWEST} documents that no other label has; got {count}"
            )
    return corpus
