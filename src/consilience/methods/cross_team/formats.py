"""Plans in files: the chain, the teams and how they merge, as YAML or TOML, and the chains that come with the room.

A step is a mapping that begins with its sort and name::

    chain: software          # one that comes with the room; or `roles` and `steps`
    roles:
      writer: You write.
    steps:
      - {phase: draft, assistant: writer, prompt: "{task} Write it."}
      - {key: drafts, quorum: 3}
      - loop: critique
        cycles: 3
        until: finished
        phases:
          - {phase: remarks, makes: note, assistant: writer, prompt: "{artifact} What is wrong?"}
          - {phase: revision, assistant: writer, prompt: "{artifact} {remarks} Mend it."}
    teams: 8                 # or a list of mappings, such as {name: A, persona: You are terse., temperature: 0.2}
    group: 2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from consilience.ground.config import parse_toml
from consilience.ground.errors import InvalidInput, UnknownName, nearest
from consilience.ground.folder import write_whole
from consilience.ground.yaml_text import library, loaded
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, Step, Team, teams

__all__ = ["CHAINS", "chain_named", "plan_of", "read", "software", "stories", "write", "written"]

CHAINS = ("software", "stories")
"""Chains that come with the room, by name."""

_SORTS: Mapping[str, type[Phase | Loop | Key]] = {"phase": Phase, "loop": Loop, "key": Key}
_Made = TypeVar("_Made")


def software(count: int, **plan: Any) -> Plan:
    """Return a plan for so many teams that develop software: they meet when they have drafts, and when those are whole.

    Parameters
    ----------
    count
        Teams, 1 or more.
    plan
        As `Plan` takes them: ``group``, ``prune``, ``seed`` and so on.

    Examples
    --------
    >>> [key.name for key in software(8, group=4).chain.keys]
    ['drafts', 'completed']
    """
    return Plan(**{"chain": chain_named("software"), "teams": teams(count), **plan})


def stories(count: int, **plan: Any) -> Plan:
    """Return a plan for so many teams that write a story: they meet when they have drafts.

    Parameters
    ----------
    count
        Teams, 1 or more.
    plan
        As `Plan` takes them: ``group``, ``prune``, ``seed`` and so on.

    Examples
    --------
    >>> stories(2).chain.columns
    ('outline', 'draft', 'drafts', 'critique/remarks', 'critique/revision', 'polish')
    """
    return Plan(**{"chain": chain_named("stories"), "teams": teams(count), **plan})


@cache
def chain_named(name: str) -> Chain:
    """Return a chain that comes with the room.

    Raises
    ------
    UnknownName
        When there is none of that name; the nearest is named.
    """
    if name not in CHAINS:
        raise UnknownName("chain", name, CHAINS)
    text = files("consilience.methods.cross_team").joinpath("plans", f"{name}.toml").read_text("utf-8")
    return _chain(parse_toml(text, f"chain {name!r}"))


def read(path: Path | str) -> Plan:
    """Read a plan from a file: TOML where its name ends so, else YAML.

    Raises
    ------
    InvalidInput
        With the file and the step, when it cannot be read or is no plan.
    MissingDependency
        When it is YAML, and PyYAML is absent.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = parse_toml(text, "this") if path.suffix == ".toml" else loaded(text)
        return plan_of(found)
    except OSError as error:
        raise InvalidInput(f"a plan must be a file that can be read; {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"a plan must be a text in UTF-8; {path}: {error.reason}") from error
    except (InvalidInput, UnknownName) as error:
        raise InvalidInput(f"{path}: {error}") from error


def write(plan: Plan, path: Path | str) -> Path:
    """Write a plan to a file, as YAML, which appears whole or not at all; return the file."""
    return write_whole(path, written(plan))


def written(plan: Plan) -> str:
    """Return a plan as YAML: what is as it would be anyway is left out.

    Examples
    --------
    >>> plan = stories(3, group=3)
    >>> from consilience.ground.yaml_text import loaded
    >>> plan_of(loaded(written(plan))) == plan
    True
    """
    yaml = library()
    chain = plan.chain
    named = [name for name in CHAINS if chain_named(name) == chain]
    top: dict[str, Any] = (
        {"chain": named[0]} if named else {"roles": dict(chain.roles), "steps": [*map(_told, chain.steps)]}
    )
    alike = plan.teams == teams(len(plan.teams))
    top["teams"] = len(plan.teams) if alike else [_changed(team) for team in plan.teams]
    top |= {name: value for name, value in _changed(plan).items() if name not in ("chain", "teams")}
    dumper: Any = type("_Dumper", (yaml.SafeDumper,), {})
    dumper.add_representer(str, _represented)
    return str(yaml.dump(top, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1000))


def plan_of(found: Any) -> Plan:
    """Return the plan that the mappings and lists of a file stand for.

    Raises
    ------
    InvalidInput
        When they stand for none; the step is named.
    """
    top = dict(_mapping(found, "a plan"))
    entries: dict[str, Any] = {"chain": _chain_in(top), "teams": _teams(top.pop("teams", None))}
    return _made(Plan, {**top, **entries}, "a plan")


# --- reading ----------------------------------------------------------------------------------------------------------


def _chain_in(top: dict[str, Any]) -> Chain:
    name = top.pop("chain", None)
    if name is None:
        return _chain({part: top.pop(part) for part in ("roles", "steps") if part in top})
    if "roles" in top or "steps" in top:
        raise InvalidInput("a plan must have `chain`, or `roles` and `steps`; got both: leave one out")
    return chain_named(str(name))


def _chain(parts: Mapping[str, Any]) -> Chain:
    for part in ("roles", "steps"):
        if part not in parts:
            raise InvalidInput(
                f"a plan must have `{part}`, or the name of a `chain` of {', '.join(CHAINS)}; got neither"
            )
    steps = tuple(_step(one, tuple(_SORTS), "a step") for one in _list(parts["steps"], "`steps`"))
    return _made(Chain, {"roles": parts["roles"], "steps": steps}, "a chain")


def _step(found: Any, sorts: Sequence[str], what: str) -> Step:
    entries = dict(_mapping(found, what))
    named = [sort for sort in sorts if sort in entries]
    if len(named) != 1:
        raise InvalidInput(f"{what} must be named by one of {', '.join(sorts)}; got {', '.join(entries) or 'nothing'}")
    name = str(entries.pop(named[0]))
    where = f"{named[0]} {name!r}"
    if "phases" in entries:
        listed = _list(entries["phases"], f"`phases` of {where}")
        entries["phases"] = tuple(_step(one, ("phase",), f"a phase of {where}") for one in listed)
    if named[0] == "loop" and "cycles" not in entries:
        raise InvalidInput(f"{where} must have an end: give `cycles`, 1 or more")
    if isinstance(entries.get("prompt"), str):
        entries["prompt"] = entries["prompt"].strip()
    return _made(_SORTS[named[0]], {"name": name, **entries}, where)


def _teams(found: Any) -> tuple[Team, ...]:
    if found is None:
        raise InvalidInput("a plan must say how many `teams` there are, or list them; got neither")
    if isinstance(found, int) and not isinstance(found, bool):
        return teams(found)
    listed = _list(found, "`teams`")
    names = [team.name for team in teams(len(listed))] if listed else []
    return tuple(
        _made(Team, {"name": name, **_mapping(one, "a team")}, f"team {name}")
        for name, one in zip(names, listed, strict=True)
    )


def _made(cls: type[_Made], entries: Mapping[str, Any], where: str) -> _Made:
    """Make a dataclass of the entries of a mapping, and say plainly what keeps it from being one."""
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]  # every caller gives a dataclass
    for name in entries:
        if name not in known:
            near = nearest(str(name), known)
            meant = "" if near is None else f"; did you mean `{near}`?"
            raise InvalidInput(f"{where} has no `{name}`{meant} (one of: {', '.join(sorted(known))})")
    for name, item in known.items():
        if name not in entries and item.default is MISSING and item.default_factory is MISSING:
            raise InvalidInput(f"{where} must have `{name}`; it is missing")
    values = {name: _value(cls, name, value, where) for name, value in entries.items()}
    return cls(**values)


def _value(cls: type, name: str, value: Any, where: str) -> Any:
    try:
        return _adapter(cls, name).validate_python(value)
    except ValidationError as error:
        told = error.errors(include_url=False)[0]["msg"]
        raise InvalidInput(f"`{name}` of {where} is {value!r}: {told[0].lower()}{told[1:]}") from None


@cache
def _adapter(cls: type, name: str) -> Any:
    return TypeAdapter(get_type_hints(cls)[name])


def _mapping(found: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise InvalidInput(f"{what} must be a mapping; got {'nothing' if found is None else repr(found)[:80]}")
    return {str(name): value for name, value in found.items()}


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list | tuple):
        raise InvalidInput(f"{what} must be a list; got {'nothing' if found is None else repr(found)[:80]}")
    return list(found)


# --- YAML -------------------------------------------------------------------------------------------------------------


_BREAKS = "\r\x85\u2028\u2029"
"""What YAML takes for the end of a line beside the usual one, and reads as the usual one."""


def _represented(dumper: Any, text: str) -> Any:
    odd = any(mark in text for mark in _BREAKS)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else "|" if "\n" in text else None)


def _told(step: Step) -> dict[str, Any]:
    """Return a step as the mapping that a file has of it."""
    sort = next(name for name, cls in _SORTS.items() if isinstance(step, cls))
    entries = _changed(step)
    told: dict[str, Any] = {sort: entries.pop("name")}
    if isinstance(step, Loop):
        entries["phases"] = [_told(phase) for phase in step.phases]
    return told | entries


def _changed(one: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not as they would be anyway."""
    entries = {item.name: getattr(one, item.name) for item in fields(one) if getattr(one, item.name) != item.default}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in entries.items()}
