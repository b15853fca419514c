"""Findings as lines for a terminal, in which nothing that was audited can move the cursor or change a colour."""

from __future__ import annotations

from consilience.methods.backdoor_audits.reporting.findings import FailOn, Findings

__all__ = ["MOST_LINES", "to_lines"]

MOST_LINES = 20
"""Findings and broken lines that are told; how many there are beyond is said."""


def to_lines(findings: Findings, *, reveal: bool = False, fail_on: FailOn = "finding") -> list[str]:
    """Return what there is to tell, the verdict last."""
    leaves = findings.exit(fail_on)
    lines = [f"{findings.command}: {findings.subject}"]
    lines += [f"  {check.verdict.value:<12} {check.name}: {check.why}" for check in findings.checks]
    for finding in findings.findings[:MOST_LINES]:
        trigger = f" ({finding.trigger.told(reveal=reveal)})" if finding.trigger else ""
        lines.append(f"  {finding.severity.value:<7} {finding.rule.value} {finding.place}: {finding.message}{trigger}")
    lines += _more(len(findings.findings), "findings")
    lines += [f"  not read {one.file}:{one.line}: {one.why}" for one in findings.broken[:MOST_LINES]]
    lines += _more(len(findings.broken), "broken lines")
    lines += [f"  note: {note}" for note in findings.notes]
    needed = f"; {findings.needed} {findings.unit} would decide" if findings.needed else ""
    lines.append(f"{findings.verdict.value}: {findings.why}{needed} (exit {int(leaves)})")
    return [_harmless(line) for line in lines]


def _more(count: int, what: str) -> list[str]:
    return [f"  and {count - MOST_LINES} more {what}"] if count > MOST_LINES else []


def _harmless(line: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)
