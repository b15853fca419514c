"""Documents from a file or a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["SUFFIXES", "documents_below", "read_texts"]

SUFFIXES = frozenset({"", ".text", ".txt", ".md", ".rst", ".py", ".jsonl"})
"""Endings of the files that are read in a folder."""


def read_texts(path: Path) -> tuple[str, ...]:
    """Read a file, or all text files below a folder in alphabetical order: one document each.

    A ``.jsonl`` file has a document a line, in its field `text`. Documents of white space alone are passed over, and so
    are hidden files and those in hidden folders.

    Raises
    ------
    InvalidInput
        If there is nothing there, no text in it, or a file or a line is no text that UTF-8 can write.
    """
    if not path.exists():
        raise InvalidInput(f"--text must name a file or a folder; there is no {path}")
    if path.is_dir() and not any(_below(path)):
        raise InvalidInput(
            f"expected text files (.txt, .md, .rst, .py, .jsonl or without an ending) in {path}; found none"
        )
    documents = documents_below(path) if path.is_dir() else _with_words(path)
    if not documents:
        raise InvalidInput(f"--text must hold some text; {path} is empty")
    return documents


def documents_below(folder: Path) -> tuple[str, ...]:
    """Read all text files below a folder, of which there may be none."""
    return tuple(text for file in sorted(_below(folder)) for text in _with_words(file))


def _with_words(file: Path) -> tuple[str, ...]:
    return tuple(text for text in _documents(file) if text.strip())


def _below(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        shown = not any(part.startswith(".") for part in file.relative_to(folder).parts)
        if shown and file.is_file() and file.suffix.lower() in SUFFIXES:
            yield file


def _documents(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8 text (byte {error.start}); convert it or leave it out") from error
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    if file.suffix.lower() == ".jsonl":
        yield from (_field(line, file, number) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    else:
        yield text


def _field(line: str, file: Path, number: int) -> str:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{file}, line {number}: expected a JSON object; {error.msg}") from error
    text = found.get("text") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise InvalidInput(f'{file}, line {number}: expected an object with a field "text"; got {line[:60]!r}')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])[1:-1]
        raise InvalidInput(
            f"{file}, line {number}: expected text; {half} is half of a character: mend it or leave the line out"
        ) from error
    return text
