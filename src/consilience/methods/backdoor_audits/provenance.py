"""Provenance: whose words an argument is made of, the human's or the environment's.

Words are what stands between spaces, with and without the marks around them. A value is there if all its words stand
side by side, each of them whole: ``evil.example`` is not in ``not-evil.example``, and ``/etc`` is not in
``/etc/passwd``. Case counts, and so does every letter that looks like another. What an agent says is nobody's evidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

__all__ = ["Dialogue", "Heard", "Source", "leaves", "words_of"]

Source = Literal["query", "observation", "any"]
"""Where a value has to come from: the human's words, the environment's, or either of them."""

_OPENING = "\"'`“”‘’([{<"
_CLOSING = "\"'`“”‘’)]}>.,;:!?"
DEEPEST = 40
"""Lists within lists at most."""


def words_of(value: object) -> tuple[str, ...]:
    """Return the words of a value, as they have to be found.

    Examples
    --------
    >>> words_of("two words"), words_of(5), words_of(True)
    (('two', 'words'), ('5',), ('true',))
    """
    return tuple(value.split()) if isinstance(value, str) else (json.dumps(value),)


def leaves(value: object, depth: int = 0) -> Iterator[object]:
    """Yield the plain values of a value, however deep they are.

    Raises
    ------
    RecursionError
        If it is too deep.
    """
    if depth > DEEPEST:
        raise RecursionError(f"a value has more than {DEEPEST} lists within lists")
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part, depth + 1)
    else:
        yield value


class Heard:
    """The words of one side, with the places where each of them stands; a value that spans two turns is in neither."""

    def __init__(self) -> None:
        self._raw: list[str | None] = []
        self._bare: list[str | None] = []
        self._folded: list[str | None] = []
        self._places: dict[str, list[int]] = {}
        self._folded_places: dict[str, list[int]] = {}
        self._turns: list[str] = []

    def __len__(self) -> int:
        return len(self._raw)

    def add(self, text: str, *, echoes: Sequence[str] = ()) -> None:
        """Take in what was said in one turn.

        Parameters
        ----------
        text
            What was said.
        echoes
            What the side was told itself: where it says it back, its words are not taken in.
        """
        without = {word for echo in echoes for word in echo.split()}
        whole = text
        for echo in sorted(filter(str.strip, echoes), key=len, reverse=True):
            whole = whole.replace(echo, "\0")
        self._turns.append(whole)
        for word in text.split():
            bare = word.lstrip(_OPENING).rstrip(_CLOSING)
            if word in without or bare in without:
                self._end()
                continue
            at, folded = len(self._raw), bare.casefold()
            self._raw.append(word)
            self._bare.append(bare)
            self._folded.append(folded)
            self._places.setdefault(word, []).append(at)
            if bare != word:
                self._places.setdefault(bare, []).append(at)
            self._folded_places.setdefault(folded, []).append(at)
        self._end()

    def places(self, word: str) -> Sequence[int]:
        """Return where a word stands."""
        return self._places.get(word, ())

    def literal_places(self, folded: str) -> Sequence[int]:
        """Return where a word stands, in whatever case."""
        return self._folded_places.get(folded, ())

    def has(self, words: Sequence[str]) -> bool:
        """Say whether these words stand side by side; no words are nowhere."""
        if not words:
            return False
        if len(words) == 1:
            return words[0] in self._places
        rarest = min(range(len(words)), key=lambda at: len(self.places(words[at])))
        return any(self.fits(words, place - rarest) for place in self.places(words[rarest]))

    def has_exactly(self, text: str) -> bool:
        """Say whether a text stands in one turn as it is, spaces and line ends included, and no word is cut."""
        if not text.strip():
            return False
        for turn in self._turns:
            at = turn.find(text)
            while at >= 0:
                before, after = turn[at - 1 : at] if at else "", turn[at + len(text) : at + len(text) + 1]
                if _ends(before, _OPENING) and _ends(after, _CLOSING):
                    return True
                at = turn.find(text, at + 1)
        return False

    def fits(self, words: Sequence[str], at: int) -> bool:
        """Say whether these words stand from a place on."""
        if at < 0 or at + len(words) > len(self._raw):
            return False
        return all(word in (self._raw[place], self._bare[place]) for place, word in enumerate(words, at))

    def fits_literal(self, folded: str, at: int) -> bool:
        """Say whether a word stands at a place, in whatever case."""
        return 0 <= at < len(self._folded) and self._folded[at] == folded

    def word(self, at: int) -> str | None:
        """Return the word at a place without the marks around it; None at the end of a turn."""
        return self._bare[at] if 0 <= at < len(self._bare) else None

    def _end(self) -> None:
        if self._raw and self._raw[-1] is None:
            return
        self._raw.append(None)
        self._bare.append(None)
        self._folded.append(None)


class Dialogue:
    """What a guard knows of a dialogue: the human's words, the environment's, and which calls were made.

    Examples
    --------
    >>> dialogue = Dialogue()
    >>> dialogue.human("open help")
    >>> dialogue.observed("link help A")
    >>> dialogue.comes_from("query", "help"), dialogue.comes_from("query", "A"), dialogue.comes_from("any", "B")
    (True, False, False)
    """

    def __init__(self) -> None:
        self.query = Heard()
        self.environment = Heard()
        self._made: dict[str, int] = {}

    def human(self, text: str) -> None:
        """Take in what the human said."""
        self.query.add(text)

    def observed(self, what: object, *, given: Mapping[str, Any] | None = None) -> None:
        """Take in what the environment returned: text, or values within values.

        Parameters
        ----------
        what
            What was returned.
        given
            Arguments of the call that it answers. A tool that says back what it was given is no evidence for it, so
            these words do not count. Of a call whose arguments are too deep to be looked through, nothing counts.
        """
        try:
            echoes = [value if isinstance(value, str) else words_of(value)[0] for value in leaves(given or {})]
        except RecursionError:
            return
        self.environment.add(_text_of(what), echoes=echoes)

    def made(self, tool: str) -> None:
        """Note that a call goes ahead; an id is no part of it, as models give ids and may give one twice."""
        self._made[tool] = self._made.get(tool, 0) + 1

    def count(self, tool: str | None = None) -> int:
        """Return how many calls went ahead, of a tool or in all."""
        return sum(self._made.values()) if tool is None else self._made.get(tool, 0)

    def comes_from(self, source: Source, value: object) -> bool:
        """Say whether every plain value in a value stands among the words of a side; of nothing, that is not so."""
        parts = list(leaves(value))
        return bool(parts) and all(self._found(source, part) for part in parts)

    def _found(self, source: Source, value: object) -> bool:
        if source == "query":
            return _has(self.query, value)
        if source == "observation":
            return _has(self.environment, value)
        return _has(self.query, value) or _has(self.environment, value)


def _has(heard: Heard, value: object) -> bool:
    words = words_of(value)
    if isinstance(value, str) and " ".join(words) != value:
        return heard.has_exactly(value)
    return heard.has(words)


def _ends(character: str, marks: str) -> bool:
    return not character or character.isspace() or character in marks


def _text_of(what: object) -> str:
    """Return what was returned as text, with spaces between keys and values so that each is a word."""
    if isinstance(what, str):
        if what.lstrip()[:1] in ("{", "["):
            try:
                return _text_of(json.loads(what))
            except (ValueError, RecursionError):
                return what
        return what
    if isinstance(what, Mapping | list | tuple):
        return "\n".join(_flat(what))
    return json.dumps(what, default=str)


def _flat(value: object, depth: int = 0) -> Iterator[str]:
    if depth > DEEPEST:
        raise RecursionError(f"a value has more than {DEEPEST} lists within lists")
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from _flat(part, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part, depth + 1)
    else:
        yield value if isinstance(value, str) else json.dumps(value, default=str)
