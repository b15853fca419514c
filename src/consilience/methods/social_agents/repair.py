"""Repair: what an object of JSON was meant to be, where a model wrote something near to it.

Nothing is evaluated. A reader of one pass takes what JSON takes and, beside that, single and curly quotes, names
without quotes, comments, commas too many or too few, Python's and JavaScript's words for nothing, and an end that is
cut off. What it cannot read it passes over. It never fails, and it reads each character a bounded number of times.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from consilience.dialogue.structured import find_json

__all__ = ["LONGEST_REPLY", "objects"]

LONGEST_REPLY = 32_000
"""Characters of a reply that are looked at."""

_DEEPEST = 24
_MOST_OBJECTS = 8
_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_BARE = re.compile(r"[^\s,:{}\[\]\"']+(?:[ \t]+(?!//|/\*)[^\s,:{}\[\]\"']+)*")
_CLOSING = {'"': '"', "'": "'", "“": "”“", "„": "“”", "‘": "’‘", "`": "`"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: dict[str, Any] = {
    "true": True,
    "yes": True,
    "false": False,
    "no": False,
    "null": None,
    "none": None,
    "nil": None,
    "undefined": None,
    "nan": None,
}


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects that a reply holds: those that are near to JSON as they were meant, then those that are JSON.

    Examples
    --------
    >>> objects('Sure! {"say": "Hello", "done": false}')
    [{'say': 'Hello', 'done': False}]
    >>> objects("{'say': 'Hello', facts: [{slot: place, value: 'Oak Street'")
    [{'say': 'Hello', 'facts': [{'slot': 'place', 'value': 'Oak Street'}]}]
    >>> objects("I do not know.")
    []
    """
    looked_at = text[:LONGEST_REPLY].strip()
    with suppress(ValueError, RecursionError):
        whole = json.loads(looked_at)
        if isinstance(whole, dict):
            return [whole]
    # Within an object that is torn there may be whole ones: the whole of it is read beside them.
    found: list[dict[str, Any]] = []
    for one in (*_repaired(looked_at), *find_json(looked_at)):
        if isinstance(one, dict) and one and one not in found:
            found.append(one)
    return found


def _repaired(text: str) -> list[dict[str, Any]]:
    repaired: list[dict[str, Any]] = []
    position = 0
    for _ in range(_MOST_OBJECTS):
        position = text.find("{", position)
        if position < 0:
            break
        reader = _Reader(text, position)
        value = reader.value(0)
        position = max(reader.at, position + 1)
        if isinstance(value, dict) and value:
            repaired.append(value)
    return repaired


class _Reader:
    """Reads one value from a place on; where it stops is `at`."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def value(self, depth: int) -> Any:
        self._skip()
        char = self._char()
        if char in ("{", "[") and depth < _DEEPEST:
            return self._object(depth) if char == "{" else self._array(depth)
        if char in _CLOSING:
            return self._string(_CLOSING[char])
        return self._bare()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while True:
            self._skip(",;")
            char = self._char()
            if char in ("", "}", "]"):
                self.at += char == "}"
                return found
            before = self.at
            name = self._string(_CLOSING[char]) if char in _CLOSING else self._bare()
            self._skip()
            if self._char() in (":", "="):
                self.at += 1
                found[str(name)] = self.value(depth + 1)
            if self.at == before:
                self.at += 1

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while True:
            self._skip(",;")
            char = self._char()
            if char in ("", "]", "}"):
                self.at += char == "]"
                return found
            before = self.at
            found.append(self.value(depth + 1))
            if self.at == before:
                found.pop()
                self.at += 1

    def _string(self, closing: str) -> str:
        """Read up to the quote that closes; one that stands within a word, as in ``Bea's``, does not."""
        pieces: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                pieces.append(self._escape())
                continue
            self.at += 1
            if char in closing and not (char in "'’" and self._within_word()):
                break
            pieces.append(char)
        return "".join(pieces)

    def _escape(self) -> str:
        char = self.text[self.at + 1 : self.at + 2]
        digits = self.text[self.at + 2 : self.at + 6]
        if char == "u" and re.fullmatch("[0-9a-fA-F]{4}", digits):
            self.at += 6
            return chr(int(digits, 16))
        self.at += 2
        return _ESCAPES.get(char, char)

    def _bare(self) -> Any:
        """Read a word without quotes: a number, one of the words for true and nothing, or itself."""
        match = _BARE.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        word = match[0]
        if word.casefold() in _WORDS:
            return _WORDS[word.casefold()]
        try:
            return json.loads(word)
        except (ValueError, RecursionError):
            return word

    def _within_word(self) -> bool:
        before, after = self.text[self.at - 2 : self.at - 1], self.text[self.at : self.at + 1]
        return before.isalnum() and after.isalnum()

    def _skip(self, also: str = "") -> None:
        while char := self._char():
            match = _SPACE.match(self.text, self.at) if char == "/" or char.isspace() else None
            if match is not None:
                self.at = match.end()
            elif char in also:
                self.at += 1
            else:
                return

    def _char(self) -> str:
        return self.text[self.at : self.at + 1]
