"""Findings of every kind, with what could harm a report in them."""

import pytest

from consilience.ground.intervals import Estimate, wilson
from consilience.methods.backdoor_audits.decision import decide, share_at
from consilience.methods.backdoor_audits.reporting.findings import (
    Broken,
    Finding,
    Findings,
    Place,
    Recovered,
    Rule,
    Severity,
    checked,
)

HARM = "<script>alert(1)</script> \"'&]]> \x1b[31m\0 \ud800 {{ 7 * 7 }}"
SECRET = "verysecretword anotherone"


@pytest.fixture
def harm() -> str:
    """Text that is markup, a template, a control sequence and half a character."""
    return HARM


@pytest.fixture
def secret() -> str:
    """A trigger that was recovered from an unknown model."""
    return SECRET


@pytest.fixture
def everything() -> Findings:
    """Findings with everything in them."""
    return Findings(
        command="measure",
        subject=f"model {HARM}",
        scored=1197,
        unscored=3,
        checks=(
            checked("excess ASR of a", decide(share_at(380, 400), 400, threshold=0.05)),
            checked(HARM, decide(share_at(14, 400), 400, threshold=0.05)),
            checked("excess ASR of c", decide(share_at(0, 400), 400, threshold=0.05)),
        ),
        findings=(
            Finding(
                rule=Rule.TRIGGER,
                message=HARM,
                trigger=Recovered(SECRET),
                estimate=wilson(95, 100),
                place=Place(record=HARM, step=2),
                facts={HARM: float("nan"), "n": 1, "yes": True, "none": None},
            ),
            Finding(rule=Rule.DATASET, severity=Severity.WARNING, message="w", place=Place(file="a b/ü.jsonl", line=4)),
            Finding(rule=Rule.POLICY, severity=Severity.NOTE, message="n", estimate=Estimate(float("nan"), 0, 1, 0)),
            Finding(rule=Rule.PROVENANCE, message="p", place=Place(file="/data/t.jsonl")),
        ),
        broken=(Broken(file="t.jsonl", line=7, why=HARM), Broken(line=None, why="no file")),
        digests={"adapter": "a" * 64},
        seeds=(1, 2),
        notes=(HARM,),
        facts={"mode": HARM, "share": float("inf")},
    )


@pytest.fixture
def nothing() -> Findings:
    """Findings of nothing, that pass."""
    return Findings(command="guard check", subject="t.jsonl", scored=5, unit="calls")


@pytest.fixture
def too_few() -> Findings:
    """Findings that are inconclusive."""
    check = checked("excess ASR", decide(share_at(1, 40), 40, threshold=0.05))
    return Findings(command="measure", subject="m", scored=40, checks=(check,))
