r"""Policy files: which calls of tools are allowed, in TOML, and everything else is denied.

::

    policy = 1                           # version of this format
    name = "clerk"
    mode = "enforce"                     # or "shadow": say what would be denied, and deny nothing
    calls = 20                           # calls in all that a dialogue may make

    [tools.send_mail]                    # a tool that is not here is denied
    arguments = ["to", "body"]           # an argument that is not here is denied
    optional = ["cc"]
    calls = 2

    [[tools.send_mail.allow]]            # one of these has to fit
    name = "to whom the human names"
    asked = "mail {to}"                  # words of the human
    approve = true                       # somebody has to say yes
    [tools.send_mail.allow.where]
    to = { from = "query", pattern = "[a-z.]+@example\\.com" }
    cc = { one_of = ["office@example.com"] }
    body = { max_length = 2000 }

Whatever this reader does not know is refused with its name, so that a word that is spelt wrong is no rule that is
missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from consilience.ground.config import parse_toml
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.backdoor_audits.predicates import Predicate, read_predicates
from consilience.methods.backdoor_audits.templates import Template

__all__ = ["Mode", "Policy", "Rule", "ToolPolicy", "parse_policy", "read_policy"]

Mode = Literal["enforce", "shadow"]
VERSION = 1
LARGEST = 1_000_000
"""Characters of a policy file at most."""
_POLICY = ("policy", "name", "mode", "calls", "tools")
_TOOL = ("arguments", "optional", "calls", "approve", "allow")
_RULE = ("name", "asked", "shown", "after", "approve", "where")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A way in which a tool may be called."""

    name: str
    """How it is named in decisions."""
    asked: tuple[Template, ...] = ()
    """One of these has to be in the human's words; of none, nothing has to be."""
    shown: tuple[Template, ...] = ()
    """One of these has to be in what was observed, with the slots that `asked` has bound."""
    after: tuple[str, ...] = ()
    """Tools of which a call has to have gone ahead before."""
    approve: bool = False
    """Whether somebody has to say yes."""
    where: tuple[tuple[str, tuple[Predicate, ...]], ...] = ()
    """What arguments and slots have to be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolPolicy:
    """What is allowed of a tool."""

    name: str
    arguments: tuple[str, ...]
    """Those that a call has to have, in the order in which they come where they come without names."""
    optional: tuple[str, ...]
    """Those that it may have."""
    calls: int | None
    """Calls of it in a dialogue at most."""
    allow: tuple[Rule, ...]
    """One of these has to fit."""
    known: frozenset[str]
    """All arguments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What is allowed."""

    name: str
    mode: Mode
    calls: int | None
    """Calls in a dialogue at most."""
    tools: Mapping[str, ToolPolicy]
    """By their names; any other is denied."""
    digest: str
    """SHA-256 of the file's text."""

    def check_tools(self, names: Iterable[str]) -> tuple[str, ...]:
        """Hold the policy against the tools that there are, and return those that it denies whatever their arguments.

        A tool that was added since the policy was written is denied, which one should know before an agent does.

        Raises
        ------
        UnknownName
            If the policy is about a tool that there is not.
        """
        there = tuple(names)
        for tool in self.tools:
            if tool not in there:
                raise UnknownName(f"tool in policy {self.name!r}", tool, there)
        return tuple(name for name in there if name not in self.tools)


def read_policy(path: Path | str) -> Policy:
    """Read a policy file.

    Raises
    ------
    InvalidInput
        If there is no such file, it is no TOML, or something in it is not as it has to be.
    UnknownName
        If something in it is not known.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the policy must be a file; {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the policy must be text in UTF-8; {path}: {error}") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str = "policy") -> Policy:
    r"""Read a policy from its text.

    Parameters
    ----------
    text
        TOML.
    source
        What it is called in messages.

    Examples
    --------
    >>> policy = parse_policy("policy = 1\n[tools.finish]\n[[tools.finish.allow]]")
    >>> list(policy.tools), policy.mode
    (['finish'], 'enforce')
    """
    if len(text) > LARGEST:
        raise InvalidInput(f"{source} must have at most {LARGEST} characters; got {len(text)}")
    table = parse_toml(text, source)
    _known(table, _POLICY, f"field of {source}")
    if type(table.get("policy")) is not int or table["policy"] != VERSION:
        raise InvalidInput(f"{source} must begin with 'policy = {VERSION}'; got {table.get('policy')!r}")
    mode = _text(table, "mode", source, "enforce")
    if mode not in ("enforce", "shadow"):
        raise UnknownName(f"mode of {source}", mode, ("enforce", "shadow"))
    tools = _table(table, "tools", source)
    return Policy(
        name=_text(table, "name", source, "policy"),
        mode="shadow" if mode == "shadow" else "enforce",
        calls=_count(table, source),
        tools=MappingProxyType({name: _tool(name, value, tools, source) for name, value in tools.items()}),
        digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _tool(name: str, table: Any, tools: Mapping[str, Any], source: str) -> ToolPolicy:
    where = f"tool {name!r} in {source}"
    if not isinstance(table, dict):
        raise InvalidInput(f"{where} must be a table; got {table!r}")
    _known(table, _TOOL, f"field of {where}")
    arguments, optional = _texts(table, "arguments", where), _texts(table, "optional", where)
    both = [*arguments, *optional]
    if len(set(both)) < len(both):
        raise InvalidInput(f"{where} names an argument twice; got {', '.join(both)}")
    rules = table.get("allow")
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, dict) for rule in rules):
        raise InvalidInput(f"{where} must have [[tools.{name}.allow]] at least once; leave the tool out to deny it")
    approve = _switch(table, "approve", where)
    return ToolPolicy(
        name=name,
        arguments=arguments,
        optional=optional,
        calls=_count(table, where),
        allow=tuple(_rule(rule, at, both, tools, where, approve=approve) for at, rule in enumerate(rules, 1)),
        known=frozenset(both),
    )


def _rule(
    table: Mapping[str, Any], at: int, arguments: Sequence[str], tools: Mapping[str, Any], tool: str, *, approve: bool
) -> Rule:
    name = _text(table, "name", f"rule {at} of {tool}", f"rule {at}")
    where = f"rule {name!r} of {tool}"
    _known(table, _RULE, f"field of {where}")
    asked, shown = _templates(table, "asked", where), _templates(table, "shown", where)
    after = _texts(table, "after", where)
    for other in after:
        if other not in tools:
            raise UnknownName(f"tool in 'after' of {where}", other, tools)
    conditions = _table(table, "where", where) if "where" in table else {}
    bound = _bound(asked, shown, arguments, where)
    for subject in conditions:
        if subject not in arguments and subject not in bound:
            raise UnknownName(f"argument or slot of {where}", subject, {*arguments, *bound})
    for argument in arguments:
        if argument not in conditions and argument not in bound:
            raise InvalidInput(
                f"{where} says nothing of argument {argument!r}; write {argument} = {{ any = true }} if it may be "
                "anything"
            )
    read = []
    for subject, predicates in conditions.items():
        if not isinstance(predicates, dict):
            raise InvalidInput(f"{where}: {subject!r} must be a table such as {{ from = 'query' }}; got {predicates!r}")
        read.append((subject, read_predicates(predicates, f"{subject!r} in {where}")))
    return Rule(
        name=name,
        asked=asked,
        shown=shown,
        after=after,
        approve=approve or _switch(table, "approve", where),
        where=tuple(read),
    )


def _bound(
    asked: Sequence[Template], shown: Sequence[Template], arguments: Sequence[str], where: str
) -> frozenset[str]:
    """Return slots that every way of fitting binds; refuse a template that nothing holds in its place."""
    heard = frozenset.intersection(*(one.slots for one in asked)) if asked else frozenset[str]()
    for template in asked:
        if not template.has_word and not template.slots & set(arguments):
            raise InvalidInput(f"{where}: 'asked' {template.text!r} must have a word or an argument in it")
    for template in shown:
        if not template.has_word and not template.slots & (set(arguments) | heard):
            raise InvalidInput(f"{where}: 'shown' {template.text!r} must have a word, an argument or a slot of 'asked'")
    seen = frozenset.intersection(*(one.slots for one in shown)) if shown else frozenset[str]()
    return heard | seen


def _templates(table: Mapping[str, Any], key: str, where: str) -> tuple[Template, ...]:
    value = table.get(key, [])
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines) or (key in table and not lines):
        raise InvalidInput(f"{where}: {key!r} must be a line of words or a list of them; got {value!r}")
    try:
        return tuple(Template.of(line) for line in lines)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {key!r}: {error}") from error


def _known(table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for name in table:
        if name not in known:
            raise UnknownName(what, name, known)


def _table(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = table.get(key)
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} must have a table [{key}]; got {value!r}")
    return value


def _text(table: Mapping[str, Any], key: str, where: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{where}: {key!r} must be a text; got {value!r}")
    return value


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise InvalidInput(f"{where}: {key!r} must be a list of names; got {value!r}")
    return tuple(value)


def _count(table: Mapping[str, Any], where: str) -> int | None:
    value = table.get("calls")
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidInput(f"{where}: 'calls' must be a number of calls, 0 or more; got {value!r}")
    return value


def _switch(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise InvalidInput(f"{where}: {key!r} must be true or false; got {value!r}")
    return value
