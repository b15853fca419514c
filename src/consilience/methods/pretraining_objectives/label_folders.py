"""Texts from a folder, a file for each document; with labels, where each has a subfolder."""

from __future__ import annotations

from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.corpus import Corpus

__all__ = ["label_folders", "text_files"]

SUFFIXES = frozenset({"", ".text", ".txt", ".md", ".rst"})
"""Endings of the files that are read."""
FEWEST = 4
"""Documents a label must have to be learned from some and tested on others."""


def label_folders(folder: Path) -> Corpus:
    """Read ``FOLDER/LABEL/**`` as one document a file; empty files and hidden ones are passed over.

    Raises
    ------
    InvalidInput
        If there is no such folder, no text in it, one label only, a label with too few documents, or a file that is no
        UTF-8 text.
    """
    if not folder.is_dir():
        raise InvalidInput(f"--text must name a folder with a subfolder for each label; there is no folder {folder}")
    groups = {path.name: _documents(path) for path in sorted(folder.iterdir()) if path.is_dir() and _shown(path)}
    full = {label: texts for label, texts in groups.items() if texts}
    if not full:
        raise InvalidInput(f"expected text files (.txt, .md, .rst) in subfolders of {folder}; found none with text")
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


def text_files(place: Path) -> list[str]:
    """Read every text file of a folder and its subfolders as a document, or a single file as one.

    Raises
    ------
    InvalidInput
        If there is no such place, no text in it, or a file is no UTF-8 text.
    """
    if not place.exists():
        raise InvalidInput(f"--text must name a folder of text files, or a file; there is no {place}")
    texts = _documents(place) if place.is_dir() else [_read(place)]
    if not any(text.strip() for text in texts):
        raise InvalidInput(f"expected text in {place}; found none: the corpus is empty")
    return texts


def _documents(folder: Path) -> list[str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and _shown(path))
    return [text for text in (_read(path) for path in files if path.suffix.lower() in SUFFIXES) if text.strip()]


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"expected UTF-8 text; {path} is not (byte {error.start}): convert it or move it") from error
