"""A labelled corpus that every installation carries: what Python's standard library says of itself, by package.

Docstrings are read from source files without importing anything. Names of the packages are taken out of the texts,
because they would give the label away. Another Python documents other things, and some leave packages out: a corpus is
identified by the hash of its contents, and says how many documents it has.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["PACKAGES", "Corpus", "docstring_corpus"]

PACKAGES = ("asyncio", "distutils", "email", "idlelib", "importlib", "logging", "tkinter", "xml")
"""Packages of the standard library whose docstrings are told apart, as far as this Python has them."""
ALSO_CALLED = ("idle", "tcl", "tk", "xmlrpc")
"""What texts call these packages besides, taken out too."""
FEWEST_WORDS = 8
"""Shorter docstrings say nothing."""

_SKIPPED = frozenset({"idle_test", "test", "tests", "__pycache__"})
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts with a label each, in an order that does not depend on the run."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    digest: str
    """SHA-256 of texts and labels, in hexadecimal: two corpora are the same when it is."""

    @classmethod
    def of(cls, labelled: list[tuple[str, str]]) -> Corpus:
        """Keep the texts that occur under one label only, each once."""
        found: dict[str, str | None] = {}
        for label, text in labelled:
            found[text] = label if found.get(text, label) == label else None
        kept = [(text, label) for text, label in found.items() if label is not None]
        digest = hashlib.sha256(json.dumps(kept).encode()).hexdigest()
        return cls(texts=tuple(text for text, _ in kept), labels=tuple(label for _, label in kept), digest=digest)

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels, each once, in alphabetical order."""
        return tuple(sorted(set(self.labels)))

    @property
    def note(self) -> str:
        """How many documents there are, by label, and which corpus this is."""
        counts = Counter(self.labels)
        listed = ", ".join(f"{label} {counts[label]}" for label in self.classes)
        return f"{len(self.texts)} documents ({listed}); SHA-256 {self.digest[:8]}..."


@cache
def docstring_corpus(packages: tuple[str, ...] = PACKAGES) -> Corpus:
    """Collect the docstrings of this Python's packages, in a few seconds the first time.

    Parameters
    ----------
    packages
        Of the standard library; those that this Python does not have are passed over.

    Raises
    ------
    InvalidInput
        If fewer than two of them are there.

    Examples
    --------
    >>> corpus = docstring_corpus(("email", "json", "no_such_package"))
    >>> corpus.classes
    ('email', 'json')
    >>> any("email" in text.lower().split() for text in corpus.texts)
    False
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    there = [name for name in packages if (library / name).is_dir()]
    names = re.compile(rf"\b(?:{'|'.join(map(re.escape, (*packages, *ALSO_CALLED)))})\b", re.IGNORECASE)
    labelled = [(name, text) for name in sorted(there) for text in _texts(library / name, names)]
    if len(there) < 2:  # noqa: PLR2004 - a label that does not vary is none
        raise InvalidInput(
            f"expected source files of at least two of {', '.join(packages)} in {library}; "
            f"found {', '.join(there) or 'none'}: this Python comes without them, name others"
        )
    return Corpus.of(labelled)


def _texts(package: Path, names: re.Pattern[str]) -> Iterator[str]:
    for path in sorted(package.rglob("*.py")):
        if _SKIPPED.isdisjoint(path.relative_to(package).parts):
            yield from filter(_says_something, (names.sub(" ", text) for text in _docstrings(path)))


def _says_something(text: str) -> bool:
    return len(_WORD.findall(text)) >= FEWEST_WORDS


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield text
