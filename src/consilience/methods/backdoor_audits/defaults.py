"""Arguments that nobody gave: a tool's own defaults, which a library fills in before a call is decided."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from consilience.methods.backdoor_audits.policy_file import ToolPolicy
from consilience.methods.backdoor_audits.provenance import DEEPEST

__all__ = ["given"]


def given(arguments: Mapping[str, Any], schema: Mapping[str, Any], policy: ToolPolicy) -> dict[str, Any]:
    r"""Return the arguments that a call was given, without those that a library may have filled in.

    An argument that the policy does not name is left out where it is the default that the tool's schema states. One
    that the policy names is left out only where it may be missing, and is null or an empty list, and is so by default.
    Whatever else there is stays, to be decided: any other value, a default of a kind that JSON has not, one that the
    schema does not state or that it requires, and everything where the schema is none.

    What is left out must not go into the call that is made: which of many defaults a call names, and in what form,
    would carry whatever one likes to a server that sees them. The tool's own validator fills in anew.

    Parameters
    ----------
    arguments
        By their names, after the library has filled in what was missing.
    schema
        JSON schema of the tool's parameters.
    policy
        What is allowed of the tool.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.policy_file import parse_policy
    >>> tool = parse_policy("policy = 1\n[tools.finish]\n[[tools.finish.allow]]").tools["finish"]
    >>> schema = {"properties": {"loud": {"type": "boolean", "default": False}}}
    >>> given({"loud": False}, schema, tool), given({"loud": True}, schema, tool), given({"loud": 0}, schema, tool)
    ({}, {'loud': True}, {'loud': 0})
    """
    stated = _stated(schema)
    return {
        name: value
        for name, value in arguments.items()
        if name not in stated or not _unsaid(name, value, stated[name], policy)
    }


def _stated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of what may be left out; none where the schema is not as it has to be."""
    properties, required = schema.get("properties"), schema.get("required") or ()
    if not isinstance(properties, Mapping) or not isinstance(required, list | tuple):
        return {}
    return {
        name: one["default"]
        for name, one in properties.items()
        if isinstance(one, Mapping) and "default" in one and name not in required
    }


def _unsaid(name: str, value: object, default: object, policy: ToolPolicy) -> bool:
    if name in policy.arguments:
        return False
    if name in policy.optional and not (value is None or (isinstance(value, list | tuple) and not value)):
        return False
    return _same(value, default)


def _same(value: Any, default: Any, depth: int = 0) -> bool:
    """Say whether two values are one in JSON; true is no number; what is no JSON, or too deep, is as no other."""
    if depth > DEEPEST:
        return False
    value = value.value if isinstance(value, Enum) else value
    if type(value) in {list, tuple} and isinstance(default, list | tuple):
        alike = (_same(*pair, depth + 1) for pair in zip(value, default, strict=False))
        return len(value) == len(default) and all(alike)
    if type(value) is dict and isinstance(default, dict):
        return value.keys() == default.keys() and all(_same(value[key], default[key], depth + 1) for key in value)
    if type(value) in {int, float} and type(default) in {int, float}:
        return math.isfinite(value) and bool(value == default)
    return type(value) is type(default) and type(value) in {str, bool, type(None)} and bool(value == default)
