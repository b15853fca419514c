"""A policy held against recorded traces: which calls it would have denied.

What a trace records did happen, so that what was observed after a call that would have been denied is heard all the
same; such a call does not count as one that went ahead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import wilson
from consilience.methods.backdoor_audits.decisions_log import verify
from consilience.methods.backdoor_audits.guard import Call, Decision, Guard, Outcome
from consilience.methods.backdoor_audits.policy_file import Policy, read_policy
from consilience.methods.backdoor_audits.provenance import Dialogue
from consilience.methods.backdoor_audits.reading import content_of, lines_in
from consilience.methods.backdoor_audits.reporting.findings import Broken, Finding, Findings, Place, Rule, Severity
from consilience.methods.backdoor_audits.traces import Asked, Trace, read_traces

__all__ = ["check_files", "check_traces", "judged", "verify_log"]


def check_files(policy: Path, trace: Path) -> Findings:
    """Hold a policy file against a file of traces.

    Raises
    ------
    InvalidInput
        If a file cannot be read, the policy is not one, or there is no trace in the file.
    """
    known = read_policy(policy)
    content = content_of(trace, "--trace must be a file")
    digests = {"policy": known.digest, "trace": hashlib.sha256(content).hexdigest()}
    return check_traces(known, lines_in(content), file=str(trace), digests=digests)


def check_traces(
    policy: Policy, lines: Sequence[str], *, file: str = "", digests: Mapping[str, str] | None = None
) -> Findings:
    """Hold a policy against lines of traces.

    Parameters
    ----------
    policy
        What is allowed.
    lines
        A trace each.
    file
        Where they come from.
    digests
        SHA-256 of what was read.

    Raises
    ------
    InvalidInput
        If there is no trace in them.
    """
    read = read_traces(lines)
    if not read.rows:
        why = f"; line {read.broken[0].line}: {read.broken[0].why}" if read.broken else ""
        raise InvalidInput(
            f"{file or 'the trace'} must have one dialogue at least, a line of JSON each; it has none, and "
            f"{len(read.broken)} lines that cannot be read{why}"
        )
    guard = Guard(policy)
    found: list[Finding] = []
    counts = dict.fromkeys(("allowed", "denied", "ask", "unreadable"), 0)
    for row in read.rows:
        for step, (call, decision) in enumerate(judged(guard, row)):
            counts["unreadable" if call is None else decision.outcome.value] += 1
            if call is not None and decision.outcome is not Outcome.ALLOWED:
                found.append(_finding(call, decision, Place(file=file, line=row.line, record=row.id, step=step)))
    calls = counts["allowed"] + counts["denied"] + counts["ask"]
    share = wilson(counts["denied"], calls)
    examples = sum(row.examples for row in read.rows)
    return Findings(
        command="guard check",
        subject=file or "traces",
        scored=calls,
        unit="calls",
        findings=tuple(sorted(found, key=lambda one: one.severity != Severity.ERROR)),
        unscored=counts["unreadable"],
        broken=tuple(Broken(file=file, line=one.line, why=one.why) for one in read.broken),
        digests=digests or {"policy": policy.digest},
        notes=_notes(policy, examples, len(read.broken)),
        facts={
            "policy": policy.name,
            "mode": policy.mode,
            "dialogues": len(read.rows),
            "dialogues without a call": sum(not _calls(row) for row in read.rows),
            "turns taken for examples": examples,
            **{f"calls {name}": count for name, count in counts.items()},
            "share denied": share.value if calls else None,
            "share denied, low": share.low,
            "share denied, high": share.high,
        },
    )


def judged(guard: Guard, trace: Trace) -> list[tuple[Call | None, Decision]]:
    """Return every call of a trace with what a guard says of it; None for a call that cannot be read."""
    dialogue = Dialogue()
    given: dict[str, Mapping[str, Any]] = {}
    last: Mapping[str, Any] | None = None
    decided: list[tuple[Call | None, Decision]] = []
    for turn in trace.turns:
        if turn.kind == "human":
            dialogue.human(turn.text)
        elif turn.kind == "observed":
            dialogue.observed(turn.text, given=given.get(turn.answers, last))
        elif turn.call is None:
            decided.append((None, Decision(Outcome.DENIED, "", turn.text)))
        else:
            call = _named(guard.policy, turn.call)
            decision = guard.check(call, dialogue)
            decided.append((call, decision))
            if decision.outcome is not Outcome.DENIED:  # whoever was asked is taken to have said yes
                dialogue.made(call.tool)
            last = call.arguments
            if call.id:
                given[call.id] = call.arguments
    return decided


def _named(policy: Policy, asked: Asked) -> Call:
    if asked.named is None:
        return Call.positional(policy, asked.tool, asked.values)
    return Call(asked.tool, asked.named, asked.id)


def _finding(call: Call, decision: Decision, place: Place) -> Finding:
    asks = decision.outcome is Outcome.ASK
    severity = Severity.NOTE if asks else Severity.WARNING if decision.shadow else Severity.ERROR
    what = f"rule {decision.rule!r} wants somebody's yes" if asks else decision.reason
    return Finding(
        rule=Rule.POLICY,
        severity=severity,
        message=f"call of {call.tool!r}: {what}",
        place=place,
        facts={"outcome": decision.outcome.value},
    )


def _calls(row: Trace) -> int:
    return sum(turn.kind in {"called", "unreadable"} for turn in row.turns)


def _notes(policy: Policy, examples: int, broken: int) -> tuple[str, ...]:
    notes = [
        "what was observed after a call that would have been denied is heard as it was recorded",
        "a policy bounds what can be done; it cannot tell who asks, where the attacker is who asks",
    ]
    if examples:
        notes.append(f"{examples} turns of agents at the beginning are marked as examples and were not judged")
    if broken:
        notes.append("nobody looked at broken lines, and nothing passes beside them: mend them or leave them out")
    if policy.mode == "shadow":
        notes.append("the policy is in shadow mode: what it would deny is a warning and fails nothing")
    return tuple(notes)


def verify_log(log: Path, *, head: str | None = None) -> Findings:
    """Say whether a log of decisions is what was written.

    Raises
    ------
    InvalidInput
        If there is no such file, or nothing in it.
    """
    verified = verify(log, head=head)
    if not verified.lines and not verified.wrong:
        raise InvalidInput(f"--log must have one decision at least; {log} has none")
    place = Place(file=str(log), line=verified.lines + 1 if verified.lines else 1)
    wrong = Finding(rule=Rule.PROVENANCE, message=f"the log is not what was written: {verified.wrong}", place=place)
    notes = () if head else ("without --head a log whose end was cut off looks whole",)
    return Findings(
        command="guard verify",
        subject=str(log),
        scored=max(verified.lines, 1),
        unit="decisions",
        findings=(wrong,) if verified.wrong else (),
        notes=notes,
        facts={"decisions that are whole": verified.lines, "head": verified.head},
    )
