"""Lines for a terminal, that cannot move its cursor."""

import dataclasses

from consilience.methods.backdoor_audits.reporting.findings import Finding, Rule
from consilience.methods.backdoor_audits.reporting.plain import MOST_LINES, to_lines


def test_the_verdict_is_last_and_nothing_is_a_control_sequence(everything, secret: str) -> None:
    lines = to_lines(everything)
    assert all(one.isprintable() for line in lines for one in line)
    assert lines[-1].startswith("fail: 2 findings; more than is allowed")
    assert lines[-1].endswith("(exit 1)")
    assert secret not in "".join(lines)
    assert secret in "".join(to_lines(everything, reveal=True))


def test_what_passes_and_what_is_inconclusive(nothing, too_few) -> None:
    assert to_lines(nothing)[-1] == "pass: 5 calls judged, 0 not, 0 broken lines (exit 0)"
    assert f"{too_few.needed} episodes would decide (exit 3)" in to_lines(too_few)[-1]
    assert to_lines(too_few, fail_on="upper-ci")[-1].endswith("(exit 1)")


def test_many_findings_are_counted(nothing) -> None:
    many = tuple(Finding(rule=Rule.POLICY, message="m") for _ in range(MOST_LINES + 2))
    assert "  and 2 more findings" in to_lines(dataclasses.replace(nothing, findings=many))
