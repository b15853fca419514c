"""Rules of SARIF 2.1.0 that a report of this room could break, each with its place in the standard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["broken_rules"]

_KINDS = ("pass", "open", "informational", "notApplicable", "review", "fail")
_LEVELS = ("none", "note", "warning", "error")


def broken_rules(log: Mapping[str, Any]) -> list[str]:
    """Return what a log breaks, a sentence each; nothing where it is sound.

    Not the whole standard: what this room writes, and what code hosts refuse.

    Parameters
    ----------
    log
        As read from JSON.

    Examples
    --------
    >>> broken_rules({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]})
    []
    >>> broken_rules({"version": "2.0", "runs": []})
    ['3.13.2: the version must be 2.1.0']
    """
    return list(_log(log))


def _log(log: Mapping[str, Any]) -> Iterator[str]:
    if log.get("version") != "2.1.0":
        yield "3.13.2: the version must be 2.1.0"
    if not isinstance(log.get("runs"), list):
        yield "3.13.4: runs must be a list"
        return
    for run in log["runs"]:
        yield from _run(run)


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    driver = run.get("tool", {}).get("driver", {})
    if not driver.get("name"):
        yield "3.19.8: the driver must have a name"
    rules = driver.get("rules", [])
    ids = [rule.get("id") for rule in rules]
    if len(set(ids)) < len(ids) or not all(ids):
        yield "3.19.23: rules must have ids, no two alike"
    for rule in rules:
        if "shortDescription" in rule and not rule["shortDescription"].get("text"):
            yield "3.49.9: a description must have a text"
    for invocation in run.get("invocations", []):
        yield from _invocation(invocation)
    for result in run.get("results", []):
        yield from _result(result, ids)


def _invocation(invocation: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(invocation.get("executionSuccessful"), bool):
        yield "3.20.14: an invocation must say whether it was successful"
    for notification in invocation.get("toolExecutionNotifications", []):
        if not notification.get("message", {}).get("text"):
            yield "3.58.5: a notification must have a message"
        if notification.get("level", "warning") not in _LEVELS:
            yield f"3.58.6: no such level: {notification['level']}"
        yield from _locations(notification.get("locations", []))


def _result(result: Mapping[str, Any], ids: list[Any]) -> Iterator[str]:
    kind, level = result.get("kind", "fail"), result.get("level", "warning")
    if not result.get("message", {}).get("text"):
        yield "3.27.11: a result must have a message"
    if kind not in _KINDS or level not in _LEVELS:
        yield f"3.27.9: no such kind or level: {kind}, {level}"
    if kind != "fail" and result.get("level", "none") != "none":
        yield f"3.27.10: a result of kind {kind} must have the level none; it has {level}"
    at = result.get("ruleIndex", -1)
    if at != -1 and not (0 <= at < len(ids) and ids[at] == result.get("ruleId")):
        yield f"3.27.6: the index {at} must be that of the rule {result.get('ruleId')}"
    yield from _locations(result.get("locations", []))


def _locations(locations: list[Mapping[str, Any]]) -> Iterator[str]:
    for location in locations:
        physical = location.get("physicalLocation")
        if physical is not None:
            uri = physical.get("artifactLocation", {}).get("uri", "")
            if not uri or " " in uri or urlsplit(uri).scheme not in {"", "file"}:
                yield f"3.4.3: an artifact must have an address; got {uri!r}"
            if physical.get("region", {}).get("startLine", 1) < 1:
                yield "3.30.5: lines begin at 1"
        for logical in location.get("logicalLocations", []):
            if not (logical.get("name") or logical.get("fullyQualifiedName")):
                yield "3.33.4: a logical location must have a name"
