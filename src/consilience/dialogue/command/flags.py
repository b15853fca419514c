"""Flags of the verbs: each is a field of a dataclass, and its docstring is its help, so that nothing is said twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import tyro
from pydantic import ValidationError

from consilience.ground.errors import InvalidInput

__all__ = ["Verb", "read_text", "with_flags"]

Verb = Callable[..., int]
_LISTED = tuple[str, ...]
_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_Group = TypeVar("_Group")
_NOTHING = object()
"""Stands for a positional that was not given; `inspect.Parameter.empty` would mean that there is no default."""


def read_text(flag: str, text: str) -> str:
    """Return a text, or what is in the file where ``@FILE`` stands for it.

    Parameters
    ----------
    flag
        What it is, for the complaint.
    text
        As it was typed.

    Raises
    ------
    InvalidInput
        When the file cannot be read as UTF-8.
    """
    if not text.startswith("@"):
        return text
    path = Path(text[1:])
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{flag} must be a text or @FILE; {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{flag} must be a text in UTF-8; {path}: {error}") from error


def with_flags(*groups: type, positional: str) -> Callable[[Callable[..., int]], Verb]:
    """Give a verb a flag for each field of the groups, and hand it the groups filled in.

    Parameters
    ----------
    groups
        Dataclasses, in the order in which the verb takes them; a name that is in several is one flag for all.
    positional
        The field that is given without a flag; empty where there is none.
    """

    def dress(work: Callable[..., int]) -> Verb:
        def verb(given: Any = _NOTHING, /, **flags: Any) -> int:
            if given is not _NOTHING:
                flags[positional] = given
            return work(*(_filled(group, flags) for group in groups))

        parameters: dict[str, inspect.Parameter] = {}
        told = [inspect.getdoc(work) or "", "", "Parameters", "----------"]
        for group in groups:
            hints = get_type_hints(group, include_extras=True)
            for item in fields(group):
                if item.name not in parameters:
                    parameters[item.name] = _parameter(item.name, hints[item.name], item.default, positional)
                    told += [item.name, f"    {_description(group, item.name)}"]
        verb.__name__, verb.__qualname__, verb.__module__ = work.__name__, work.__qualname__, work.__module__
        verb.__doc__ = "\n".join(told)
        for function in (verb, inspect.unwrap(verb)):  # tyro unwraps what a checker of types has wrapped
            function.__annotations__ = {one.name: one.annotation for one in parameters.values()}
        signature = inspect.Signature(sorted(parameters.values(), key=lambda one: one.kind))
        vars(verb)["__signature__"] = signature  # what whoever reads signatures looks at first
        return verb

    return dress


def _parameter(name: str, kind: Any, default: Any, positional: str) -> inspect.Parameter:
    place = inspect.Parameter.POSITIONAL_ONLY if name == positional else inspect.Parameter.KEYWORD_ONLY
    if name == positional:
        kind = Annotated[kind, tyro.conf.arg(metavar=name.upper())]
    elif kind == _LISTED:
        kind = Annotated[kind, tyro.conf.UseAppendAction, tyro.conf.arg(metavar="ELEMENT")]
    elif get_args(kind)[:1] == (_LISTED,):  # with a word of its own for what is listed
        kind = Annotated[kind, tyro.conf.UseAppendAction]
    elif default is None:
        kind = Annotated[kind, tyro.conf.arg(metavar=_metavar(kind))]
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, place, default=default, annotation=kind)


def _metavar(kind: Any) -> str:
    """Return what stands for a value that may also be left out."""
    while not isinstance(kind, type):
        if get_origin(kind) is Literal:
            return "|".join(map(str, get_args(kind)))
        kind = next(part for part in get_args(kind) if part is not type(None))
    return _METAVARS[kind]


def _description(group: type, name: str) -> str:
    described: Mapping[str, Any] = group.__pydantic_fields__  # type: ignore[attr-defined]
    return " ".join(str(described[name].description).split())


def _filled(group: type[_Group], flags: Mapping[str, Any]) -> _Group:
    known = {item.name for item in fields(group)}  # type: ignore[arg-type]
    try:
        return group(**{name: value for name, value in flags.items() if name in known})
    except ValidationError as error:
        first = error.errors()[0]
        flag = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise InvalidInput(f"{flag} {first['msg'].replace('Input should', 'must')}; got {first['input']!r}") from error
