"""Findings as one page of HTML that asks nothing of anybody: no script, no request, light and dark, fit for a phone."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, StrictUndefined

from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.reporting.findings import MEANINGS, FailOn, Findings, Severity

__all__ = ["MOST_SHOWN", "to_html"]

MOST_SHOWN = 200
"""Findings and broken lines that the page shows; how many there are beyond is said."""
_WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "finding", Verdict.INCONCLUSIVE: "inconclusive"}


def to_html(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> str:
    """Return the report as a page.

    Everything that comes from what was audited is written as text and never as markup.

    Parameters
    ----------
    findings
        What was found.
    reveal
        Whether triggers that were recovered from unknown models are told.
    fail_on
        What fails the command.
    """
    style = _file("report.css")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        _file("report.html.j2")
    )
    by_severity = {
        severity: sum(one.severity == severity for one in findings.findings)
        for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    }
    text = page.render(
        found=findings,
        exit=findings.exit(fail_on),
        fail_on=fail_on,
        word=_WORDS[findings.verdict],
        words=_WORDS,
        meanings=MEANINGS,
        counts=[(severity.value, count) for severity, count in by_severity.items() if count],
        shown=findings.findings[:MOST_SHOWN],
        more=max(0, len(findings.findings) - MOST_SHOWN),
        broken=findings.broken[:MOST_SHOWN],
        more_broken=max(0, len(findings.broken) - MOST_SHOWN),
        reveal=reveal,
        bar=_bar,
        spelt=_spelt,
        style=style,
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return text.encode("utf-8", "replace").decode()  # half a character, as hostile JSON may have, is none


def _bar(estimate: Estimate, threshold: float | None) -> dict[str, float] | None:
    """Return where interval, value and threshold stand on a line from 0 to 100; None where it is no share."""
    numbers = [estimate.low, estimate.high, estimate.value, *([] if threshold is None else [threshold])]
    if not all(0 <= one <= 1 for one in numbers):
        return None
    places = {"low": estimate.low, "width": max(estimate.high - estimate.low, 0.006), "value": estimate.value}
    if threshold is not None:
        places["threshold"] = threshold
    return {name: round(100 * place, 2) for name, place in places.items()}


def _spelt(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
