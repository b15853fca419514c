"""Flags of the verbs: each is a field of a dataclass, and its docstring is its help, so that nothing is said twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import tyro
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT
from consilience.ground.errors import InvalidInput

__all__ = ["Assumptions", "Replaying", "Showing", "Sitting", "Verb", "with_flags"]

Verb = Callable[..., int]
_LISTED = tuple[str, ...]
_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_Group = TypeVar("_Group")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sitting:
    """How a run is begun or gone on with."""

    resume: Path | None = None
    """Folder of a run to go on with; what it is to do stays, budgets and limits may be others."""
    out: Path | None = None
    """Folder of the run; runs/agent_networks/ and a name of its own if left out."""
    accept: tuple[str, ...] = ()
    """An element whose artifact waited for your word and may pass; may be repeated."""
    reject: tuple[str, ...] = ()
    """One that may not pass, as ELEMENT or ELEMENT=REASON; may be repeated."""
    edit: tuple[str, ...] = ()
    """One in whose place the text of a file passes, as ELEMENT=FILE; may be repeated."""
    quiet: bool = False
    """Report no progress."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Assumptions:
    """What a plan takes for granted."""

    artifact_tokens: int = 700
    """Tokens that an artifact is taken to have."""
    comment_tokens: int = 120
    """Tokens that a critic's comment is taken to have."""
    tokens_per_s: float = 60.0
    """Tokens a second that the model is taken to write."""
    first_s: float = 0.8
    """Seconds that it is taken to need until it begins."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Showing:
    """What of a run is shown."""

    element: str | None = None
    """A node such as 7 or an edge such as 3->7: show what was said there."""
    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Replaying:
    """How a run is replayed."""

    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""


def with_flags(*groups: type, positional: str) -> Callable[[Callable[..., int]], Verb]:
    """Give a verb a flag for each field of the groups, and hand it the groups filled in.

    Parameters
    ----------
    groups
        Dataclasses, in the order in which the verb takes them; a name that is in several is one flag for all.
    positional
        The field that is given without a flag.
    """

    def dress(work: Callable[..., int]) -> Verb:
        def verb(given: Any = inspect.Parameter.empty, /, **flags: Any) -> int:
            if given is not inspect.Parameter.empty:
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
    elif default is None:
        kind = Annotated[kind, tyro.conf.arg(metavar=_METAVARS[_bare(kind)])]
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, place, default=default, annotation=kind)


def _bare(kind: Any) -> type:
    """Return the type of which a value may also be left out, without what is said about it."""
    while not isinstance(kind, type):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind


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
