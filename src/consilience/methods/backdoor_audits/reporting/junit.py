"""Findings as JUnit XML, which continuous integration shows as tests.

A check is a test; so is every finding. What is inconclusive is an error and no failure; what was not judged or could
not be read is skipped, and nowhere a success.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.reporting.findings import Check, FailOn, Finding, Findings, Severity

__all__ = ["to_junit"]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> str:
    """Return the report as JUnit text."""
    gate = findings.exit(fail_on)
    cases = [
        *(_checked(check) for check in findings.checks),
        *(_found(finding, reveal=reveal) for finding in findings.findings),
        *_lost(findings),
        _whole(findings),
    ]
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    name = _attribute(f"{findings.command}: {findings.subject}")
    inside = "\n".join(cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites {counts}>\n<testsuite name={name} {counts}>\n"
        f'<properties><property name="exit" value="{int(gate)}"/></properties>\n'
        f"{inside}\n</testsuite>\n</testsuites>\n"
    )


def _whole(findings: Findings) -> str:
    """Return the verdict itself as a test, so that a report without checks has one."""
    return _case("verdict", findings.command, findings.verdict, findings.why)


def _checked(check: Check) -> str:
    return _case(check.name, check.rule.value, check.verdict, check.why)


def _case(name: str, group: str, verdict: Verdict, why: str) -> str:
    if verdict == Verdict.PASS:
        inside = ""
    elif verdict == Verdict.FAIL:
        inside = f"<failure message={_attribute(why)}/>"
    else:
        inside = f'<error type="inconclusive" message={_attribute(why)}/>'
    return _line(name, group, inside)


def _found(finding: Finding, *, reveal: bool) -> str:
    told = finding.message if finding.trigger is None else f"{finding.message} ({finding.trigger.told(reveal=reveal)})"
    if finding.severity == Severity.ERROR:
        inside = f"<failure message={_attribute(told)} type={_attribute(finding.rule.value)}/>"
    else:
        inside = f"<system-out>{_text(f'{finding.severity.value}: {told}')}</system-out>"
    return _line(str(finding.place) or finding.rule.value, finding.rule.value, inside)


def _lost(findings: Findings) -> list[str]:
    lost = [
        _line(f"{one.file}:{one.line}", "reading", f"<skipped message={_attribute(one.why)}/>")
        for one in findings.broken
    ]
    if findings.unscored:
        told = f"{findings.unscored} {findings.unit} could not be judged; they are neither safe nor unsafe"
        lost.append(_line("unscored", "judging", f"<skipped message={_attribute(told)}/>"))
    return lost


def _line(name: str, group: str, inside: str) -> str:
    start = f"<testcase name={_attribute(name)} classname={_attribute(group)}"
    return f"{start}>{inside}</testcase>" if inside else f"{start}/>"


def _attribute(text: str) -> str:
    return quoteattr(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\n": "&#10;"})


def _text(text: str) -> str:
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))
