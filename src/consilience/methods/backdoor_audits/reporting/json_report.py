"""Findings as JSON, by the schema that is shipped beside this file."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any

from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.reporting.findings import (
    MEANINGS,
    Check,
    FailOn,
    Finding,
    Findings,
    Place,
)

__all__ = ["VERSION", "schema", "to_json", "to_record"]

VERSION = 1
"""Version of the schema."""


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a report."""
    text = resources.files(__package__).joinpath("findings.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def to_json(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> str:
    """Return the report as text; the same findings give the same bytes.

    Parameters
    ----------
    findings
        What was found.
    reveal
        Whether triggers that were recovered from unknown models are told.
    fail_on
        What fails the command.
    """
    record = to_record(findings, reveal=reveal, fail_on=fail_on)
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=True) + "\n"


def to_record(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> dict[str, Any]:
    """Return the report as plain values."""
    leaves = findings.exit(fail_on)
    return {
        "schema": VERSION,
        "command": findings.command,
        "subject": findings.subject,
        "verdict": findings.verdict.value,
        "why": findings.why,
        "exit": int(leaves),
        "fail_on": fail_on,
        "needed": findings.needed,
        "counts": {
            "unit": findings.unit,
            "scored": findings.scored,
            "unscored": findings.unscored,
            "broken": len(findings.broken),
        },
        "checks": [_check(check) for check in findings.checks],
        "findings": [_finding(finding, reveal=reveal) for finding in findings.findings],
        "broken": [{"file": one.file, "line": one.line, "why": one.why} for one in findings.broken],
        "digests": dict(findings.digests),
        "seeds": list(findings.seeds),
        "notes": list(findings.notes),
        "facts": {name: _number(value) for name, value in findings.facts.items()},
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "rule": check.rule.value,
        "verdict": check.verdict.value,
        "why": check.why,
        "estimate": _estimate(check.estimate),
        "threshold": check.threshold,
        "needed": check.needed,
    }


def _finding(finding: Finding, *, reveal: bool) -> dict[str, Any]:
    return {
        "rule": finding.rule.value,
        "name": MEANINGS[finding.rule].name,
        "severity": finding.severity.value,
        "message": finding.message,
        "place": _place(finding.place),
        "trigger": None if finding.trigger is None else finding.trigger.told(reveal=reveal),
        "estimate": _estimate(finding.estimate),
        "facts": {name: _number(value) for name, value in finding.facts.items()},
        "fingerprint": finding.fingerprint,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "record": place.record, "step": place.step}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": _number(estimate.value),
        "low": _number(estimate.low),
        "high": _number(estimate.high),
        "of": estimate.of,
    }


def _number(value: Any) -> Any:
    """Return a value that JSON has: what is no number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
