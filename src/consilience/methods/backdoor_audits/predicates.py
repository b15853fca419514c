"""Predicates: what a policy may ask of an argument."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.backdoor_audits.bounded_pattern import Pattern
from consilience.methods.backdoor_audits.provenance import Dialogue, Source, leaves

__all__ = ["Predicate", "read_predicates"]

_SOURCES = ("query", "observation", "any")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_UP = re.compile(r"\.\.|%2e|%25|\x00", re.IGNORECASE)
_DROPPED = str.maketrans("", "", "\t\n\r")
"""What a browser takes out of an address before it reads it."""
_SCALAR = (str, int, float, bool)
_WHOSE = {"query": "the human's words", "observation": "what was observed", "any": "anybody's words"}


@runtime_checkable
class Predicate(Protocol):
    """Something that a plain value is or is not."""

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether the value is so."""
        ...

    def told(self) -> str:
        """Return what the value has to be, after "must"."""
        ...


@dataclass(frozen=True, slots=True)
class _OneOf:
    values: tuple[object, ...]

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether it is one of them; a number is no text, and true is no number."""
        del dialogue
        return any(_alike(value, one) for one in self.values)

    def told(self) -> str:
        """Return what it has to be."""
        listed = ", ".join(map(repr, self.values[:8])) + (", ..." if len(self.values) > 8 else "")  # noqa: PLR2004
        return f"be {listed}" if len(self.values) == 1 else f"be one of {listed}"


@dataclass(frozen=True, slots=True)
class _Prefix:
    text: str

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether it begins so, and does not climb out of what it begins with."""
        del dialogue
        return isinstance(value, str) and value.startswith(self.text) and not _UP.search(value.translate(_DROPPED))

    def told(self) -> str:
        """Return what it has to be."""
        return f"begin with {self.text!r}, with no '..' in it"


@dataclass(frozen=True, slots=True)
class _Fits:
    pattern: Pattern

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether the whole text fits."""
        del dialogue
        return isinstance(value, str) and self.pattern.fits(value)

    def told(self) -> str:
        """Return what it has to be."""
        return f"fit {self.pattern.text!r}"


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    high: float

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether it is a number in between, or a text that is one."""
        del dialogue
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def told(self) -> str:
        """Return what it has to be."""
        return f"be a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class _Length:
    most: int

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether it is nothing, or a text, a number, true or false that is no longer; of others nobody knows."""
        del dialogue
        if isinstance(value, str):
            return len(value) <= self.most
        return value is None or (isinstance(value, int | float) and len(repr(value)) <= self.most)

    def told(self) -> str:
        """Return what it has to be."""
        return f"be a text or a number of at most {self.most} characters"


@dataclass(frozen=True, slots=True)
class _From:
    source: Source

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether its words are there."""
        return dialogue.comes_from(self.source, value)

    def told(self) -> str:
        """Return what it has to be."""
        return f"be in {_WHOSE[self.source]}"


@dataclass(frozen=True, slots=True)
class _Each:
    """A predicate of every plain value of a list; a table is never so, and neither is an empty list.

    To many tools an empty list, as an empty text, names something: a root, or everything there is.
    """

    inner: Predicate

    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Say whether all of them are."""
        if not isinstance(value, list | tuple):
            return not isinstance(value, Mapping) and self.inner.holds(value, dialogue)
        if not value or any(isinstance(part, Mapping | list | tuple) for part in value):
            return False
        return all(self.inner.holds(part, dialogue) for part in leaves(value))

    def told(self) -> str:
        """Return what it has to be."""
        return self.inner.told()


@dataclass(frozen=True, slots=True)
class _Anything:
    def holds(self, value: object, dialogue: Dialogue) -> bool:
        """Whatever it is."""
        del value, dialogue
        return True

    def told(self) -> str:
        """Return what it has to be."""
        return "be anything"


_KNOWN = ("equals", "one_of", "prefix", "pattern", "min", "max", "max_length", "from", "any")


def read_predicates(table: Mapping[str, Any], where: str) -> tuple[Predicate, ...]:
    """Read the predicates of an argument; all of them have to hold.

    Parameters
    ----------
    table
        Such as ``{ from = "query", pattern = "[a-z]+" }``.
    where
        What it is about, for messages.

    Raises
    ------
    InvalidInput
        If there is none, or one is not as it has to be.
    UnknownName
        If there is no such predicate.
    """
    for name in table:
        if name not in _KNOWN:
            raise UnknownName(f"predicate of {where}", name, _KNOWN)
    if not table:
        raise InvalidInput(f"{where} has no predicate; write {{ any = true }} if it may be anything")
    if "any" in table:
        if table["any"] is not True or len(table) > 1:
            raise InvalidInput(f"{where}: 'any' must be true and stand alone; got {dict(table)!r}")
        return (_Anything(),)
    found: list[Predicate] = [
        _Each(_READERS[name](value, f"{where}: {name!r}"))
        for name, value in table.items()
        if name not in {"min", "max"}
    ]
    if "min" in table or "max" in table:
        found.append(_Each(_range(table.get("min", -math.inf), table.get("max", math.inf), where)))
    return tuple(found)


def _equals(value: Any, what: str) -> Predicate:
    if not isinstance(value, _SCALAR):
        raise InvalidInput(f"{what} must be a text, a number or true or false; got {value!r}")
    return _OneOf((value,))


def _one_of(value: Any, what: str) -> Predicate:
    if not isinstance(value, list) or not value or not all(isinstance(one, _SCALAR) for one in value):
        raise InvalidInput(f"{what} must be a list of texts or numbers; got {value!r}")
    return _OneOf(tuple(value))


def _prefix(value: Any, what: str) -> Predicate:
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{what} must be a text; got {value!r}")
    if _ADDRESS.fullmatch(value):
        raise InvalidInput(f"{what} {value!r} leaves the host open; end it with '/', such as {value.rstrip('.')}/")
    return _Prefix(value)


def _pattern(value: Any, what: str) -> Predicate:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be a text; got {value!r}")
    try:
        return _Fits(Pattern(value))
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error}") from error


def _most_characters(value: Any, what: str) -> Predicate:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput(f"{what} must be a number of characters; got {value!r}")
    return _Length(value)


def _source(value: Any, what: str) -> Predicate:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be one of {', '.join(_SOURCES)}; got {value!r}")
    if value == "query":
        return _From("query")
    if value == "observation":
        return _From("observation")
    if value == "any":
        return _From("any")
    raise UnknownName(f"source in {what}", value, _SOURCES)


def _range(low: Any, high: Any, where: str) -> Predicate:
    for one in (low, high):
        if not isinstance(one, int | float) or isinstance(one, bool) or math.isnan(one):
            raise InvalidInput(f"{where}: 'min' and 'max' must be numbers; got {one!r}")
    if low > high:
        raise InvalidInput(f"{where}: 'min' must not be above 'max'; got {low} and {high}")
    return _Range(low, high)


_READERS = {
    "equals": _equals,
    "one_of": _one_of,
    "prefix": _prefix,
    "pattern": _pattern,
    "max_length": _most_characters,
    "from": _source,
}


def _alike(value: object, one: object) -> bool:
    if isinstance(value, bool) or isinstance(one, bool):
        return value is one
    if isinstance(value, str) or isinstance(one, str):
        return isinstance(value, str) and isinstance(one, str) and value == one
    return isinstance(value, int | float) and value == one
