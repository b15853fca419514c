"""Findings as SARIF 2.1.0, which code hosts show beside the code."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from consilience import __version__
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.reporting.findings import (
    MEANINGS,
    Broken,
    Check,
    FailOn,
    Finding,
    Findings,
    Place,
    Rule,
    Severity,
)

__all__ = ["SCHEMA", "to_sarif"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = tuple(Rule)
_KIND = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.INCONCLUSIVE: "review"}


def to_sarif(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> str:
    """Return the report as SARIF text.

    Findings are results of kind ``fail``; checks are results of kind ``pass``, ``fail`` or ``review``; what could not
    be read or judged is a notification of the invocation, so that it is nowhere taken for a pass.
    """
    leaves = findings.exit(fail_on)
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": int(leaves),
                "exitCodeDescription": f"{leaves.name.lower()}: {findings.why}",
                "toolExecutionNotifications": _notifications(findings),
            }
        ],
        "results": [
            *(_result(finding, reveal=reveal) for finding in findings.findings),
            *(_check(check, findings) for check in findings.checks),
        ],
        "properties": {"digests": dict(findings.digests), "seeds": list(findings.seeds)},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def _driver() -> dict[str, Any]:
    return {
        "name": "consilience backdoor-audits",
        "version": __version__,
        "rules": [
            {
                "id": rule.value,
                "name": MEANINGS[rule].name,
                "shortDescription": {"text": MEANINGS[rule].short},
                "help": {"text": MEANINGS[rule].help},
                "defaultConfiguration": {"level": "error"},
            }
            for rule in _RULES
        ],
    }


def _result(finding: Finding, *, reveal: bool) -> dict[str, Any]:
    told = finding.message if finding.trigger is None else f"{finding.message} ({finding.trigger.told(reveal=reveal)})"
    return {
        "ruleId": finding.rule.value,
        "ruleIndex": _RULES.index(finding.rule),
        "kind": "fail" if finding.severity != Severity.NOTE else "informational",
        "level": finding.severity.value if finding.severity != Severity.NOTE else "none",
        "message": {"text": told},
        "locations": _locations(finding.place),
        "partialFingerprints": {"finding/v1": finding.fingerprint},
    }


def _check(check: Check, findings: Findings) -> dict[str, Any]:
    return {
        "ruleId": check.rule.value,
        "ruleIndex": _RULES.index(check.rule),
        "kind": _KIND[check.verdict],
        "level": "error" if check.verdict == Verdict.FAIL else "none",
        "message": {"text": f"{check.name}: {check.why}"},
        "locations": _locations(Place(record=findings.subject)),
    }


def _notifications(findings: Findings) -> list[dict[str, Any]]:
    told = [_broken(one) for one in findings.broken]
    if findings.unscored:
        text = f"{findings.unscored} {findings.unit} could not be judged; they are neither safe nor unsafe"
        told.append({"level": "warning", "message": {"text": text}})
    return told


def _broken(one: Broken) -> dict[str, Any]:
    place = Place(file=one.file, line=one.line)
    return {"level": "warning", "message": {"text": f"not read: {one.why}"}, "locations": _locations(place)}


def _locations(place: Place) -> list[dict[str, Any]]:
    location: dict[str, Any] = {}
    if place.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(place.file)}}
        if place.line is not None:
            physical["region"] = {"startLine": place.line}
        location["physicalLocation"] = physical
    named = place.record and f"{place.record}{'' if place.step is None else f', step {place.step}'}"
    if named:
        location["logicalLocations"] = [{"name": named, "kind": "object"}]
    return [location] if location else []


def _uri(file: str) -> str:
    """Return a path as an address: relative where it is, with its special characters written out."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="replace")
