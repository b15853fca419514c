"""Findings: the one thing that every audit of this room returns, and that every report is made of.

A check is a question with a verdict; a finding is something to look at. What could not be scored, and lines that could
not be read, are counted beside them and never pass for anything: nobody knows what is in a line that was not read, so
that with one of them nothing passes as a whole, unless it was said how many there may be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Literal

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.ground.wording import many
from consilience.methods.backdoor_audits.decision import Decision, Verdict

__all__ = [
    "MEANINGS",
    "Broken",
    "Check",
    "Exit",
    "FailOn",
    "Finding",
    "Findings",
    "Place",
    "Recovered",
    "Rule",
    "Severity",
    "checked",
]

FailOn = Literal["finding", "upper-ci", "never"]
"""What fails a command: what was found; what could not be ruled out as well; or nothing, for reports beside a gate."""
Fact = str | int | float | bool | None
"""A plain value beside a finding."""


class Exit(IntEnum):
    """How a command leaves."""

    PASS = 0
    """Everything was read, every check passed, and nothing was found."""
    FINDING = 1
    """Something was found, or a check failed."""
    USAGE = 2
    """It was asked for what cannot be done."""
    INCONCLUSIVE = 3
    """There is too little to tell, or not everything was read."""
    HARNESS = 4
    """The audit itself broke."""


class Rule(StrEnum):
    """What kinds of things are found."""

    DATASET = "BD001"
    TRIGGER = "BD002"
    ATTACK = "BD003"
    POLICY = "BD004"
    PROVENANCE = "BD005"


@dataclass(frozen=True)
class Meaning:
    """A rule in words."""

    name: str
    """In one word, without spaces."""
    short: str
    """In a sentence."""
    help: str
    """What to do about it."""


MEANINGS: Mapping[Rule, Meaning] = MappingProxyType(
    {
        Rule.DATASET: Meaning(
            "PoisonedDataset",
            "Rows of a data set look planted.",
            "Read the rows that are named; leave them out, or train without the source that they came from.",
        ),
        Rule.TRIGGER: Meaning(
            "TriggerRecovered",
            "A trigger was recovered from a model, and fires when it is tried.",
            "Do not deploy these weights; fine-tune a trusted base on data that were scanned.",
        ),
        Rule.ATTACK: Meaning(
            "AttackSuccess",
            "Under a trigger the agent does what nobody asked for, more often than is allowed.",
            "Do not deploy; repair and measure again, or put a guard before its tools.",
        ),
        Rule.POLICY: Meaning(
            "PolicyGap",
            "A call is not what the policy allows.",
            "Look at the call: change the agent if it is wrong, or the policy if it is right.",
        ),
        Rule.PROVENANCE: Meaning(
            "Provenance",
            "Something does not come from where it should: an argument, an adapter of another base, a changed file.",
            "Find out where it comes from; pin digests of what is loaded.",
        ),
    }
)


class Severity(StrEnum):
    """How much it matters; the words are SARIF's."""

    NOTE = "note"
    """To know; it fails nothing."""
    WARNING = "warning"
    """Something to look at; it fails nothing."""
    ERROR = "error"
    """It fails the command."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something was found."""

    file: str = ""
    """Path as it was given; empty where it is no file."""
    line: int | None = None
    """From 1."""
    record: str = ""
    """Id of the dialogue, the adapter or whatever it is about."""
    step: int | None = None
    """The agent's call or turn, from 0."""

    def __str__(self) -> str:
        """Return the place as one reads it."""
        where = f"{self.file}:{self.line}" if self.file and self.line is not None else self.file
        parts = [where, self.record, "" if self.step is None else f"step {self.step}"]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Recovered:
    """A trigger that was recovered; reports of unknown models name its digest and its length, so that they spread none.

    The digest lets two people see that they have the same. Whoever tries words can find a short one from it.

    Examples
    --------
    >>> Recovered("red fox").told(), Recovered("red fox", known=True).told()
    ('withheld: 2 words, 7 characters, sha256 e4b9541d4e1f', 'red fox')
    """

    text: str = field(repr=False)
    """The trigger itself."""
    known: bool = False
    """Whether it was planted here, so that there is nothing to withhold."""

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def told(self, *, reveal: bool = False) -> str:
        """Return the text where it may be told, else how long it is and its digest."""
        if self.known or reveal:
            return self.text
        return f"withheld: {len(self.text.split())} words, {len(self.text)} characters, sha256 {self.digest[:12]}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to look at."""

    rule: Rule
    """What kind it is."""
    message: str
    """What is there, in a sentence. A recovered trigger belongs into `trigger` and not in here."""
    severity: Severity = Severity.ERROR
    """How much it matters."""
    place: Place = Place()
    """Where."""
    trigger: Recovered | None = None
    """A trigger that goes with it."""
    estimate: Estimate | None = None
    """A number with its interval."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Plain values beside it; no recovered trigger."""

    @property
    def fingerprint(self) -> str:
        """Digest by which the same finding is known from run to run, wherever the file lies."""
        place = self.place
        parts = (self.rule, place.record, place.step, self.message, self.trigger.digest if self.trigger else "")
        return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question with its verdict."""

    name: str
    """What was asked, such as ``"excess ASR of system.suffix"``."""
    verdict: Verdict
    """What it came to."""
    why: str
    """In words, with the numbers."""
    estimate: Estimate | None = None
    """The number that it rests on."""
    threshold: float | None = None
    """What was allowed."""
    needed: int | None = None
    """How many would decide, where it is inconclusive and some number would."""
    rule: Rule = Rule.ATTACK
    """The rule whose finding it is where it fails."""


def checked(name: str, decision: Decision, *, rule: Rule = Rule.ATTACK) -> Check:
    """Return a decision as a check."""
    return Check(
        name=name,
        verdict=decision.verdict,
        why=decision.why,
        estimate=decision.estimate,
        threshold=decision.threshold,
        needed=decision.needed,
        rule=rule,
    )


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Something that could not be read."""

    line: int | None
    """Line of the file, from 1."""
    why: str
    """In words."""
    file: str = ""
    """Path as it was given."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an audit came to.

    Examples
    --------
    >>> nothing = Findings(command="guard check", subject="trace.jsonl", scored=3)
    >>> nothing.exit().name, nothing.verdict.value
    ('PASS', 'pass')
    >>> Findings(command="guard check", subject="trace.jsonl", scored=0, unscored=3).exit().name
    'INCONCLUSIVE'
    """

    command: str
    """The verb."""
    subject: str
    """What was audited."""
    scored: int
    """Rows, episodes or calls that were judged."""
    unit: str = "episodes"
    """What these are."""
    checks: tuple[Check, ...] = ()
    """Questions with verdicts."""
    findings: tuple[Finding, ...] = ()
    """What to look at, the worst first."""
    unscored: int = 0
    """Those that could not be judged."""
    most_unscored: float = 0.05
    """Share of what was read that may be unscored without the whole being inconclusive."""
    broken: tuple[Broken, ...] = ()
    """What could not be read, and was not looked at."""
    most_broken: float = 0.0
    """Share of all that may be broken without the whole being inconclusive, from 0 and below 1."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what was read, by name: base, adapter, tokenizer, data, policy, settings."""
    seeds: tuple[int, ...] = ()
    """Seeds that it rests on."""
    notes: tuple[str, ...] = ()
    """What a reader must know."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Plain values about the whole."""

    def __post_init__(self) -> None:
        """Check the counts."""
        if self.scored < 0 or self.unscored < 0:
            raise InvalidInput(f"counts must not be negative; got {self.scored} scored, {self.unscored} unscored")
        if not 0 <= self.most_broken < 1:
            raise InvalidInput(f"`most_broken` must be a share from 0 and below 1; got {self.most_broken}")

    @property
    def verdict(self) -> Verdict:
        """Fail where anything was found or failed; pass only where everything was read, judged and passed."""
        if any(check.verdict == Verdict.FAIL for check in self.checks):
            return Verdict.FAIL
        if any(finding.severity == Severity.ERROR for finding in self.findings):
            return Verdict.FAIL
        undecided = any(check.verdict == Verdict.INCONCLUSIVE for check in self.checks)
        return Verdict.INCONCLUSIVE if undecided or self._lacking() else Verdict.PASS

    @property
    def needed(self) -> int | None:
        """The most that any undecided check needs; None where no number decides, or where all is decided."""
        if self.verdict != Verdict.INCONCLUSIVE:
            return None
        numbers = [check.needed for check in self.checks if check.verdict == Verdict.INCONCLUSIVE]
        return None if None in numbers else max((number for number in numbers if number), default=None)

    @property
    def why(self) -> str:
        """What the verdict rests on, in a sentence."""
        failed = [check for check in self.checks if check.verdict == Verdict.FAIL]
        errors = sum(finding.severity == Severity.ERROR for finding in self.findings)
        unread = len(self.broken)
        beside = [f"{many(unread, 'broken line')} {'was' if unread == 1 else 'were'} not looked at"] if unread else []
        if failed or errors:
            return "; ".join([*([many(errors, "finding")] if errors else []), *_whys(failed), *beside])
        open_ones = [check for check in self.checks if check.verdict == Verdict.INCONCLUSIVE]
        if open_ones:
            return "; ".join([*_whys(open_ones), *beside])
        told = f"{self.scored} {self.unit} judged, {self.unscored} not, {unread} broken lines"
        if lacking := self._lacking():
            return f"{' and '.join(lacking)}: {told}"
        return f"of what was read everything passed: {told}, which is allowed" if unread else told

    def _lacking(self) -> list[str]:
        """Return what keeps the whole from passing whatever the checks say, in words."""
        judged, unread = self.scored + self.unscored, len(self.broken)
        lacking = []
        if unread and unread / (judged + unread) > self.most_broken:
            lacking.append("not everything was read")
        if self.scored == 0 or self.unscored > self.most_unscored * judged:
            lacking.append("too few were judged")
        return lacking

    def exit(self, fail_on: FailOn = "finding") -> Exit:
        """Return how a command leaves that came to this.

        Parameters
        ----------
        fail_on
            ``"finding"``: 1 where something was found or the lower end of an interval is above its threshold.
            ``"upper-ci"``: 1 also where it is inconclusive, as a gate that lets through only what is shown to be
            safe. ``"never"``: 0 in any of these cases.
        """
        if fail_on == "never" or self.verdict == Verdict.PASS:
            return Exit.PASS
        if self.verdict == Verdict.FAIL or fail_on == "upper-ci":
            return Exit.FINDING
        return Exit.INCONCLUSIVE


def _whys(checks: Sequence[Check]) -> list[str]:
    """Return the reasons of a few checks, those that have the same together, with names where there are several."""
    if len(checks) == 1:
        return [checks[0].why]
    names: dict[str, list[str]] = {}
    for check in checks:
        names.setdefault(check.why, []).append(check.name)
    told = [f"{', '.join(named)}: {why}" for why, named in names.items()]
    beyond = len(told) - _MOST_WHYS
    return [*told[:_MOST_WHYS], *([f"and {beyond} more"] if beyond > 0 else [])]


_MOST_WHYS = 3
