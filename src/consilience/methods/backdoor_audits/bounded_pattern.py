"""Patterns of text that are matched in time proportional to the text, whatever the pattern and whatever the text.

A subset of regular expressions that needs no backtracking: it is read into a machine without memory, whose states are
joined as they come up. There are no references, no looking around and no flags, and a pattern fits a whole text or not
at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consilience.ground.errors import InvalidInput

__all__ = ["LONGEST_PATTERN", "LONGEST_TEXT", "Pattern"]

LONGEST_PATTERN = 256
"""Characters of a pattern at most."""
LONGEST_TEXT = 1024
"""Characters of a text at most; a longer one does not fit."""
MOST_STATES = 512
"""States of a machine at most, with counted repetitions written out."""
MOST_PARTS = 4096
"""Parts of a pattern at most, with counted repetitions written out."""
DEEPEST = 20
"""Brackets within brackets at most."""
KEPT = 4096
"""Steps that are remembered; then they are forgotten and found anew."""

_Test = Callable[[str], bool]
_DIGITS = frozenset("0123456789")
_SPACES = frozenset(" \t\n\r\f\v")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SETS = {"d": _DIGITS, "s": _SPACES, "w": _WORD}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Char:
    test: _Test


@dataclass(frozen=True, slots=True)
class _Row:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Either:
    choices: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None


_Node = _Char | _Row | _Either | _Repeat


class Pattern:
    r"""A pattern that a whole text fits or not.

    It has characters, ``.`` (any but a line end), ``[a-z_]`` and ``[^/]``, ``\d``, ``\w`` and ``\s`` (ASCII) and
    their opposites, ``(...)``, ``|``, ``*``, ``+``, ``?`` and ``{m,n}``.

    Parameters
    ----------
    text
        The pattern.

    Raises
    ------
    InvalidInput
        If it is no such pattern, or too large.

    Examples
    --------
    >>> Pattern(r"[a-z]+@example\.com").fits("ann@example.com"), Pattern("(a*)*b").fits("a" * 1000)
    (True, False)
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_PATTERN:
            raise InvalidInput(f"a pattern must have at most {LONGEST_PATTERN} characters; got {len(text)}")
        self.text = text
        self._machine = _Machine()
        self._start = self._machine.close([self._machine.add(_Reader(text).whole(), self._machine.end)])
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def fits(self, text: str) -> bool:
        """Say whether the whole text fits."""
        if len(text) > LONGEST_TEXT:
            return False
        states, steps = self._start, self._steps
        for character in text:
            found = steps.get((states, character))
            if found is None:
                found = self._stepped(states, character)
            if not found:
                return False
            states = found
        return self._machine.end in states

    def _stepped(self, states: frozenset[int], character: str) -> frozenset[int]:
        if len(self._steps) >= KEPT:
            self._steps.clear()
        found = self._machine.step(states, character)
        self._steps[states, character] = found
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


class _Machine:
    """States that wait for a character, and states that only lead on."""

    def __init__(self) -> None:
        self.end = 0
        self._tests: list[_Test | None] = [None]
        self._next: list[list[int]] = [[]]
        self._parts = 0

    def add(self, node: _Node, after: int) -> int:
        """Add a part that leads to a state, and return the state where it begins."""
        self._parts += 1
        if self._parts > MOST_PARTS:  # repetitions of nothing have no states
            raise InvalidInput(f"a pattern must come to at most {MOST_PARTS} parts; write shorter repetitions")
        if isinstance(node, _Char):
            return self._new(node.test, [after])
        if isinstance(node, _Row):
            for part in reversed(node.parts):
                after = self.add(part, after)
            return after
        if isinstance(node, _Either):
            return self._new(None, [self.add(choice, after) for choice in node.choices])
        return self._repeated(node, after)

    def close(self, states: list[int]) -> frozenset[int]:
        """Return all states that are reached from these without a character."""
        found: set[int] = set()
        while states:
            state = states.pop()
            if state not in found:
                found.add(state)
                if self._tests[state] is None:
                    states += self._next[state]
        return frozenset(state for state in found if self._tests[state] is not None or state == self.end)

    def step(self, states: frozenset[int], character: str) -> frozenset[int]:
        """Return where a character leads."""
        reached: list[int] = []
        for state in states:
            test = self._tests[state]
            if test is not None and test(character):
                reached += self._next[state]
        return self.close(reached)

    def _repeated(self, node: _Repeat, after: int) -> int:
        if node.most is None:
            loop = self._new(None, [after])
            self._next[loop].append(self.add(node.part, loop))
            after = loop
        else:
            end = after
            for _ in range(node.most - node.least):
                after = self._new(None, [self.add(node.part, after), end])
        for _ in range(node.least):
            after = self.add(node.part, after)
        return after

    def _new(self, test: _Test | None, following: list[int]) -> int:
        if len(self._tests) >= MOST_STATES:
            raise InvalidInput(f"a pattern must come to at most {MOST_STATES} states; write shorter repetitions")
        self._tests.append(test)
        self._next.append(following)
        return len(self._tests) - 1


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> _Node:
        """Read all of it."""
        node = self._either()
        if self._at < len(self._text):
            raise self._wrong("a closing bracket without an opening one")
        return node

    def _either(self) -> _Node:
        choices = [self._row()]
        while self._take("|"):
            choices.append(self._row())
        return choices[0] if len(choices) == 1 else _Either(tuple(choices))

    def _row(self) -> _Node:
        parts: list[_Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._one()))
        return _Row(tuple(parts))

    def _repeated(self, part: _Node) -> _Node:
        if self._take("*"):
            node = _Repeat(part, 0, None)
        elif self._take("+"):
            node = _Repeat(part, 1, None)
        elif self._take("?"):
            node = _Repeat(part, 0, 1)
        elif self._take("{"):
            node = self._counted(part)
        else:
            return part
        if self._at < len(self._text) and self._text[self._at] in "*+?{":
            raise self._wrong("a repetition of a repetition; put brackets around the first")
        return node

    def _counted(self, part: _Node) -> _Repeat:
        inside, closed, rest = self._text[self._at :].partition("}")
        del rest
        low, comma, high = inside.partition(",")
        numbers = [one for one in (low, high) if one]
        if not closed or not low or not all(one.isascii() and one.isdigit() and len(one) <= 3 for one in numbers):  # noqa: PLR2004
            raise self._wrong("a count that is not {m}, {m,} or {m,n}; write \\{ for the character")
        self._at += len(inside) + 1
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if most is not None and most < least:
            raise self._wrong("a count whose end is below its beginning")
        return _Repeat(part, least, most)

    def _one(self) -> _Node:
        character = self._text[self._at]
        if character in "*+?{":
            raise self._wrong("a repetition of nothing")
        if character in "^$":
            raise self._wrong(f"{character!r}; a pattern fits the whole text as it is, leave it out")
        self._at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return _Char(self._class())
        if character == ".":
            return _Char(lambda one: one != "\n")
        if character == "\\":
            return _Char(self._escaped())
        if character in "]}":
            raise self._wrong(f"{character!r} by itself; write \\{character}")
        return _Char(character.__eq__)

    def _group(self) -> _Node:
        if self._take("?"):
            raise self._wrong("'(?'; there are only plain brackets")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} brackets within brackets")
        node = self._either()
        if not self._take(")"):
            raise self._wrong("an opening bracket without a closing one")
        self._depth -= 1
        return node

    def _escaped(self) -> _Test:
        character = self._next("a backslash at the end")
        kind = _SETS.get(character.lower())
        if kind is not None:
            return kind.__contains__ if character.islower() else lambda one: one not in kind
        return self._literal(character).__eq__

    def _literal(self, character: str) -> str:
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character.isalnum() and character.isascii():
            raise self._wrong(f"'\\{character}'; only \\d, \\w, \\s, \\n, \\t, \\r and escaped marks are known")
        return character

    def _class(self) -> _Test:
        negated = self._take("^")
        single: set[str] = set()
        tests: list[_Test] = []
        first = True
        while first or not self._take("]"):
            first = False
            character = self._next("a class without its end")
            if character == "\\":
                character = self._next("a backslash at the end")
                kind = _SETS.get(character.lower())
                if kind is not None:
                    tests.append(kind.__contains__ if character.islower() else _outside(kind))
                    continue
                character = self._literal(character)
            elif character == "[":
                raise self._wrong("'[' in a class; write \\[")
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                tests.append(self._span(character))
            else:
                single.add(character)
        kept = frozenset(single)
        return lambda one: (one in kept or any(test(one) for test in tests)) != negated

    def _span(self, low: str) -> _Test:
        high = self._next("a class without its end")
        if high == "\\":
            high = self._next("a backslash at the end")
            if high.lower() in _SETS:
                raise self._wrong("a span that ends in a class")
            high = self._literal(high)
        if high < low:
            raise self._wrong(f"a span from {low!r} to {high!r}, which is empty")
        return lambda one: low <= one <= high

    def _next(self, otherwise: str) -> str:
        if self._at >= len(self._text):
            raise self._wrong(otherwise)
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, character: str) -> bool:
        if self._text[self._at : self._at + 1] != character:
            return False
        self._at += 1
        return True

    def _wrong(self, what: str) -> InvalidInput:
        return InvalidInput(f"pattern {self._text!r} has at character {self._at + 1}: {what}")


def _outside(kind: frozenset[str]) -> _Test:
    return lambda one: one not in kind
