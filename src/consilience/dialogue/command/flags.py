"""Flags of the verbs: each is a field of a dataclass, and its docstring is its help, so that nothing is said twice."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import tyro
from pydantic import ValidationError
from tyro.constructors import PrimitiveConstructorSpec

from consilience.ground.errors import InvalidInput

__all__ = ["Verb", "given", "read_named", "read_text", "with_flags"]

Verb = Callable[..., int]
_LISTED = tuple[str, ...]
_NUMBERED = tuple[int, ...]
_PATHS = tuple[Path, ...]
_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_WORDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}
_GIVEN = "_given"
_ENDINGS = (".md", ".txt", ".rst")
"""Of one word that ends so: it is the name of a file, though there be none."""
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


def read_named(flag: str, text: str, *, endings: tuple[str, ...] = _ENDINGS) -> str:
    """Return a text, or what is in the file that it names, as ``task.md`` or as ``@task.md``.

    Whoever types the name of a file means what is in it; its name would be worked on in its place, and be paid for.

    Parameters
    ----------
    flag
        What it is, for the complaint.
    text
        As it was typed.
    endings
        Of one word that ends so: it is the name of a file, and refused where there is none.

    Raises
    ------
    InvalidInput
        When the file cannot be read as UTF-8, or it is a folder.
    """
    name = text.removeprefix("@")
    if os.path.isdir(name):  # noqa: PTH112  of a long text it says no, where a path raises
        raise InvalidInput(f"{flag} must be a text or a file; {name} is a folder here: name a file in it")
    is_name = os.path.isfile(text) or (len(text.split()) == 1 and text.endswith(endings))  # noqa: PTH113
    return read_text(flag, f"@{text}" if is_name and not text.startswith("@") else text)


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
        def verb(first: Any = _NOTHING, /, **flags: Any) -> int:
            if first is not _NOTHING:
                flags[positional] = first
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


def given(settings: Any) -> dict[str, Any]:
    """Return the settings that were given, by name: those whose flags were typed, though it be with the default.

    Of settings that no verb has filled in, they are those that differ from the defaults.
    """
    names: frozenset[str] | None = vars(settings).get(_GIVEN)
    if names is None:
        default = type(settings)()
        names = frozenset(
            item.name for item in fields(settings) if getattr(settings, item.name) != getattr(default, item.name)
        )
    return {item.name: getattr(settings, item.name) for item in fields(settings) if item.name in names}


def _parameter(name: str, kind: Any, default: Any, positional: str) -> inspect.Parameter:
    place = inspect.Parameter.POSITIONAL_ONLY if name == positional else inspect.Parameter.KEYWORD_ONLY
    if name == positional:
        kind = Annotated[kind, tyro.conf.arg(metavar=name.upper())]
    elif kind == _LISTED:
        kind = Annotated[kind, tyro.conf.UseAppendAction, tyro.conf.arg(metavar="ELEMENT")]
    elif get_args(kind)[:1] in ((_LISTED,), (_NUMBERED,), (_PATHS,)):  # with a word of its own for what is listed
        kind = Annotated[kind, tyro.conf.UseAppendAction]
    elif default is not MISSING and not isinstance(default, bool):
        said = getattr(kind, "__metadata__", ())  # such as another name; within a union it would be lost
        kind, default = Annotated[kind | None, _left_out(kind, default), *said], None
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, place, default=default, annotation=kind)


def _left_out(kind: Any, default: Any) -> PrimitiveConstructorSpec[Any]:
    """Return how a value is read for which None stands where it is left out, so that it is told from the default."""
    bare, choices = _bare(kind)
    many = len(default) if isinstance(default, tuple) else 1
    shown = [str(one) for one in default] if isinstance(default, tuple) else [str(default)]

    def read(words: list[str]) -> Any:
        try:
            values = tuple(map(bare, words))
        except ValueError:
            raise ValueError(f"must be {_WORDS[bare]}; got {' '.join(words)!r}") from None
        return values if many > 1 else values[0]

    return PrimitiveConstructorSpec(
        nargs=many,
        metavar=f"{{{','.join(choices)}}}" if choices else " ".join([_METAVARS[bare]] * many),
        instance_from_str=read,
        is_instance=lambda _: True,
        str_from_instance=lambda _: shown,
        choices=choices,
    )


def _bare(kind: Any) -> tuple[type, tuple[str, ...] | None]:
    """Return the type of one value, without what is said about it, and what there is to choose from."""
    while not isinstance(kind, type):
        parts = [part for part in get_args(kind) if part is not type(None)]
        if get_origin(kind) is Literal:
            return str, tuple(parts)
        kind = parts[0]
    return kind, None


def _description(group: type, name: str) -> str:
    described: Mapping[str, Any] = group.__pydantic_fields__  # type: ignore[attr-defined]
    return " ".join(str(described[name].description).split())


def _filled(group: type[_Group], flags: Mapping[str, Any]) -> _Group:
    defaults = {item.name: item.default for item in fields(group)}  # type: ignore[arg-type]
    typed = {
        name: value
        for name, value in flags.items()
        if name in defaults and (defaults[name] is MISSING or value is not None)
    }
    for name, value in typed.items():
        _require_text(name, value)
    try:
        made = group(**typed)
    except ValidationError as error:
        first = error.errors()[0]
        flag = f"--{str(first['loc'][0]).rstrip('_').replace('_', '-')}"
        raise InvalidInput(f"{flag} {first['msg'].replace('Input should', 'must')}; got {first['input']!r}") from error
    # What has no None to stand for it, the positional field, lists and switches, is not given by its default.
    absent = {
        name for name, value in typed.items() if isinstance(value, bool | str | tuple) and value in (False, "", ())
    }
    vars(made)[_GIVEN] = frozenset(typed.keys() - absent)
    return made


def _require_text(name: str, value: Any) -> None:
    """Refuse bytes of the command line that are no text: they could neither be asked nor be written down."""
    for one in value if isinstance(value, tuple) else (value,):
        try:
            str(one).encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"--{name.replace('_', '-')} must be text in UTF-8; got {str(one)!r}") from error
