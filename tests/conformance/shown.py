"""What README and docs show, taken out of their Markdown: blocks of Python, of commands, and others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
"""Every page for readers, by its path."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_IN_A_LINE = re.compile(r"`((?:consilience|make) [^`]+)`")
_PROGRAMS = ("consilience", "make", "pip", "python")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    kind: Literal["python", "commands", "other"]
    text: str

    @property
    def commands(self) -> Iterator[list[str]]:
        """Its commands, as words, without what is said beside them."""
        for line in self.text.splitlines():
            said = re.split(r"\s{2,}", line)[0] if line.startswith("make") else line  # what it does stands beside it
            if words := shlex.split(said, comments=True):
                yield words


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [_block(name, text) for name, text in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def mentioned(page: Path) -> list[list[str]]:
    """Return the commands that a page names within its sentences."""
    return [shlex.split(found) for found in _IN_A_LINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))]


def _block(name: str, text: str) -> Block:
    if name == "python":
        return Block("python", text)
    told = [line for line in text.splitlines() if line.strip()]
    if not name and told and all(line.split()[0] in _PROGRAMS for line in told):
        return Block("commands", text)
    return Block("other", text)
