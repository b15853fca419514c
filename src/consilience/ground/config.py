"""Configurations: frozen dataclasses filled from defaults, then a recipe, then flags.

A room declares its settings once, as a pydantic dataclass with `STRICT`; this module reads recipes, lays flags over
them, answers an unknown key with the nearest known one, and writes the resolved settings back as TOML.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_type_hints, runtime_checkable

import tomli_w
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from consilience.ground.errors import InvalidInput, UnknownName, nearest

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")
"""What every configuration passes to pydantic's `dataclass`, beside ``frozen=True, kw_only=True``."""

Count = Annotated[int, Field(ge=1)]
"""A setting that says how many of something there are, at least one."""

RECIPES = ("smoke", "small", "paper")
"""Every room offers these three; what they mean is said in the house rules and on the room's page."""

Tree = Mapping[str, Any]
_EMPTY: Tree = MappingProxyType({})
_C = TypeVar("_C")


@runtime_checkable
class RunConfig(Protocol):
    """What the laboratory must know of any room's configuration; everything else is the room's own."""

    @property
    def recipe(self) -> str:
        """Name of the recipe that the settings started from."""
        ...

    @property
    def seed(self) -> int:
        """Root of all randomness in the run."""
        ...


class ClaimsConfig(RunConfig, Protocol):
    """A configuration that names the claims it measures."""

    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of the claims to measure; the others are reported as not measured."""
        ...


def resolve(config_class: type[_C], recipe: Tree = _EMPTY, flags: Tree = _EMPTY) -> _C:
    """Build a configuration: defaults, overlaid by `recipe`, overlaid by `flags`, then validated.

    Parameters
    ----------
    config_class
        A pydantic dataclass that was declared with `STRICT`.
    recipe
        Settings as read from a recipe; nested tables are merged key by key.
    flags
        Settings from the command line, which win.

    Raises
    ------
    InvalidInput
        If a key is unknown (the nearest known one is named) or a value is out of range.

    Examples
    --------
    >>> from pydantic.dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True, config=STRICT)
    ... class Config:
    ...     gates: int = 100
    >>> resolve(Config, {"gates": 200}, {"gates": 50})
    Config(gates=50)
    >>> resolve(Config, {"gate": 200})
    Traceback (most recent call last):
    ...
    consilience.ground.errors.InvalidInput: unknown setting 'gate'; did you mean 'gates'? (one of: gates)
    """
    try:
        return TypeAdapter(config_class).validate_python(overlay(recipe, flags))
    except ValidationError as error:
        raise InvalidInput("; ".join(_explain(config_class, problem) for problem in error.errors())) from error


def overlay(below: Tree, above: Tree) -> dict[str, Any]:
    """Return `below` with `above` laid over it, table by table; neither is changed.

    Examples
    --------
    >>> overlay({"a": 1, "t": {"x": 1, "y": 2}}, {"t": {"y": 3}})
    {'a': 1, 't': {'x': 1, 'y': 3}}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` pairs; dots in the key descend into tables, the value is TOML or else plain text.

    Raises
    ------
    InvalidInput
        If a pair has no ``=`` or no key, or if a key is both a value and a table.

    Examples
    --------
    >>> parse_settings(["digits.gates=200", "kind=gaussian", "seeds=[1, 2]"])
    {'digits': {'gates': 200}, 'kind': 'gaussian', 'seeds': [1, 2]}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        names = [name.strip().replace("-", "_") for name in key.split(".")]
        if not equals or not all(names):
            raise InvalidInput(f"a setting must read KEY=VALUE, such as gates=200; got {pair!r}")
        table = settings
        for name in names[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise InvalidInput(f"{name!r} in {pair!r} was already set to a value: it cannot be a table as well")
        table[names[-1]] = _value(text)
    return settings


def recipes(package: str) -> list[str]:
    """Return the names of a room's recipes: those that every room has first, then its own."""
    folder = resources.files(package) / "recipes"
    names = {entry.name.removesuffix(".toml") for entry in folder.iterdir()} if folder.is_dir() else set()
    return [name for name in RECIPES if name in names] + sorted(names - set(RECIPES))


def read_recipe(package: str, name: str) -> dict[str, Any]:
    """Read recipe `name` of the room that lives in `package`.

    Parameters
    ----------
    package
        Import path of the room, such as ``"consilience.methods.convex_networks"``.
    name
        One of the recipes the room ships.

    Raises
    ------
    UnknownName
        If the room has no such recipe.
    InvalidInput
        If the recipe is not TOML.
    """
    known = recipes(package)
    if name not in known:
        raise UnknownName("recipe", name, known)
    folder = resources.files(package) / "recipes"
    return parse_toml((folder / f"{name}.toml").read_text(encoding="utf-8"), f"recipe {name!r} of {package}")


def read_config(config_class: type[_C], path: Path | str) -> _C:
    """Read a configuration that a run folder holds.

    Raises
    ------
    InvalidInput
        If the file is absent, not TOML, or not valid for `config_class`.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"expected a configuration at {path}; {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be text in UTF-8; {error}") from error
    return resolve(config_class, parse_toml(text, str(path)))


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Read TOML that somebody wrote.

    Parameters
    ----------
    text
    where
        What it is, or where it comes from: how the message begins.

    Raises
    ------
    InvalidInput
        If it is none, is nested too deep, or has a number of more digits than Python converts.

    Examples
    --------
    >>> parse_toml("a = [1", "the recipe")
    Traceback (most recent call last):
    ...
    consilience.ground.errors.InvalidInput: the recipe must be TOML; Unclosed array (at end of document)
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidInput(f"{where} must be TOML; its lists and tables are nested too deep") from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise InvalidInput(f"{where} must be TOML; {error}") from error


def as_plain(config: object) -> dict[str, Any]:
    """Return a configuration as plain JSON values, keys in the order of declaration."""
    plain: dict[str, Any] = TypeAdapter(type(config)).dump_python(config, mode="json")
    return plain


def to_toml(config: object) -> str:
    """Write a configuration as TOML that `read_config` reads back; unset (None) settings are left out.

    Examples
    --------
    >>> from pydantic.dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True, config=STRICT)
    ... class Config:
    ...     gates: int = 100
    ...     alpha: float | None = None
    >>> print(to_toml(Config()), end="")
    gates = 100
    """
    return tomli_w.dumps(_without_none(as_plain(config)))


def unfolded(tree: Tree, above: str = "") -> dict[str, str]:
    """Return settings with their tables unfolded, values as text.

    Parameters
    ----------
    tree
        The settings.
    above
        Put before every name.

    Examples
    --------
    >>> unfolded({"seed": 1, "digits": {"gates": 200}})
    {'seed': '1', 'digits.gates': '200'}
    """
    told: dict[str, str] = {}
    for name, value in tree.items():
        told |= unfolded(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": str(value)}
    return told


def _without_none(tree: Tree) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if value is not None
    }


def _value(text: str) -> Any:
    try:
        return parse_toml(f"value = {text}", text)["value"]
    except InvalidInput:
        return text


def _explain(config_class: type, problem: Any) -> str:
    """Say in one sentence what pydantic found wrong with one setting."""
    location = tuple(str(part) for part in problem["loc"])
    dotted = ".".join(location)
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _field_names(config_class, location[:-1])
        close = nearest(location[-1], known)
        hint = f"did you mean {close!r}? " if close else ""
        return f"unknown setting {dotted!r}; {hint}(one of: {', '.join(known)})"
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    return f"`{dotted}`: {message}; got {problem['input']!r}"


def _field_names(config_class: type, location: tuple[str, ...]) -> list[str]:
    """List the settings of the dataclass that lies at `location` inside `config_class`."""
    current: Any = config_class
    for name in location:
        hint = get_type_hints(current).get(name) if is_dataclass(current) else None
        current = next((part for part in (hint, *get_args(hint)) if is_dataclass(part)), None)
    return sorted(item.name for item in fields(current)) if is_dataclass(current) else []
