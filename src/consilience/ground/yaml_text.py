"""YAML that people write: nested only so deep, without surprises, and every refusal in one line with its place."""

from collections.abc import Iterable
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module

__all__ = ["composed", "library", "loaded"]

DEEPEST = 20
"""Lists and mappings in one another, at most."""


def library() -> Any:
    """Return PyYAML.

    Raises
    ------
    MissingDependency
        If it is absent.
    """
    return late_module("yaml", "YAML needs {missing}; install consilience[agents]", usually="PyYAML")


def composed(text: str, *, aliases: bool = True) -> Any:
    """Return a text as PyYAML's nodes, which know their lines and are no values yet; None where it is empty.

    Parameters
    ----------
    text
        YAML, of one document.
    aliases
        Whether ``*name`` may stand for what was given before.

    Raises
    ------
    InvalidInput
        If it is no YAML, nested too deep, or has an alias where there must be none.
    MissingDependency
        If PyYAML is absent.

    Examples
    --------
    >>> composed("[a, b]").id
    'sequence'
    """
    yaml = library()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _require_shallow(yaml.parse(text, Loader=loader), aliases=aliases)
        return yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise _refusal(error, "this is not YAML") from error


def loaded(text: str) -> Any:
    """Return a text as plain values: mappings, lists, strings, numbers, dates; None where it is empty.

    There must be no alias: a few lines of them stand for more values than there is memory.

    Raises
    ------
    InvalidInput
        As `composed`, and if a value is not what it looks like, such as the date 2024-13-45.
    MissingDependency
        If PyYAML is absent.

    Examples
    --------
    >>> loaded("teams: 3"), loaded("")
    ({'teams': 3}, None)
    """
    node = composed(text, aliases=False)
    yaml = library()
    try:
        return None if node is None else yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.YAMLError as error:
        raise _refusal(error, "this YAML cannot be read") from error
    except (ValueError, LookupError, AttributeError, ArithmeticError, TypeError) as error:
        # What PyYAML makes of numbers, dates and tags that are none is left to Python's own functions.
        raise InvalidInput(f"a value in this YAML cannot be read; {error}") from error


def _refusal(error: Exception, what: str) -> InvalidInput:
    """Say what PyYAML says, and where."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    told = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return InvalidInput(f"{where}{what}; {told}")


def _require_shallow(events: Iterable[Any], *, aliases: bool) -> None:
    """Refuse what is nested deep: composing it recurses, in C, where too deep is the end of the process."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        if kind == "AliasEvent" and not aliases:
            raise InvalidInput(f"line {line}: there must be no alias (`*name`)")
        if kind.startswith(("Sequence", "Mapping")):
            depth += 1 if kind.endswith("StartEvent") else -1
        if depth > DEEPEST:
            raise InvalidInput(f"line {line}: lists and mappings must be nested {DEEPEST} deep at most")
