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
    r"""Return the arguments that a call was given, without those that leaving them out would have come to.

    An argument that the policy does not name is left out where it is the default that the tool's schema states: a
    library fills it in, and a call that says so does what one does that says nothing. One that the policy names is left
    out only where it may be missing, is null and is so by default, since no policy can write null. Whatever else there
    is stays, to be decided: any other value, a default of a kind that JSON has not, one that the schema does not state
    or that it requires.

    Parameters
    ----------
    arguments
        By their names, after the library has filled in what was missing.
    schema
        JSON schema of the tool's parameters.
    policy
        What is allowed of the tool.

    Raises
    ------
    RecursionError
        If a value is too deep to be compared.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.policy_file import parse_policy
    >>> tool = parse_policy("policy = 1\n[tools.finish]\n[[tools.finish.allow]]").tools["finish"]
    >>> schema = {"properties": {"loud": {"type": "boolean", "default": False}}}
    >>> given({"loud": False}, schema, tool), given({"loud": True}, schema, tool), given({"loud": 0}, schema, tool)
    ({}, {'loud': True}, {'loud': 0})
    """
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: value
        for name, value in arguments.items()
        if name in required or not _unsaid(name, value, properties.get(name, {}), policy)
    }


def _unsaid(name: str, value: object, stated: Mapping[str, Any], policy: ToolPolicy) -> bool:
    if "default" not in stated or name in policy.arguments:
        return False
    if name in policy.optional:
        return value is None and stated["default"] is None
    return _same(value, stated["default"])


def _same(value: Any, default: Any, depth: int = 0) -> bool:
    """Say whether two values are one in JSON; true is no number, and what is no JSON is the same as no other."""
    if depth > DEEPEST:
        raise RecursionError(f"a value has more than {DEEPEST} lists within lists")
    value = value.value if isinstance(value, Enum) else value
    if type(value) in {list, tuple} and isinstance(default, list | tuple):
        alike = (_same(*pair, depth + 1) for pair in zip(value, default, strict=False))
        return len(value) == len(default) and all(alike)
    if type(value) is dict and isinstance(default, dict):
        return value.keys() == default.keys() and all(_same(value[key], default[key], depth + 1) for key in value)
    if type(value) in {int, float} and type(default) in {int, float}:
        return math.isfinite(value) and bool(value == default)
    return type(value) is type(default) and type(value) in {str, bool, type(None)} and bool(value == default)
