"""Approval: somebody looks at an artifact before anything is built on it, and lets it pass, edits it or turns it down.

What was decided is kept in the journal under the digest of what was submitted, so that a run that is resumed asks again
only about what nobody has decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field

from consilience.dialogue.journal import Journal
from consilience.dialogue.work.artifact import Artifact

__all__ = [
    "Approvals",
    "Approved",
    "Decision",
    "Edited",
    "Pending",
    "Rejected",
    "Submission",
    "approvals_at",
    "remembered",
    "reopened",
]


@dataclass(frozen=True, slots=True)
class Submission:
    """An artifact that is about to be committed."""

    element: str
    """The node or edge that made it."""
    artifact: Artifact
    """As it would be committed."""
    task: str
    """What the whole run is about."""


@dataclass(frozen=True, slots=True)
class Approved:
    """It may pass."""

    unasked: bool = field(default=False, compare=False, repr=False)
    """Whether that is so because nobody has to look: then it is not remembered."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Another text passes in its place."""

    text: str
    """Read by the kind of the task, as a reply would be."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It may not pass: the element fails, and its policy says what follows."""

    reason: str = "rejected"
    """Why."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Nobody has decided yet: nothing is built on it, everything else goes on, and the run ends to be resumed."""


Decision = Approved | Edited | Rejected | Pending
Approvals = Callable[[Submission], Awaitable[Decision]]
"""Decides about what is submitted. It is asked for every node and edge, and approves where nobody has to look."""


def approvals_at(elements: Collection[str], approvals: Approvals) -> Approvals:
    """Ask about some elements only; all others are approved.

    Parameters
    ----------
    elements
        Nodes and edges, such as ``{"7", "3->7"}``.
    approvals
        Who decides.
    """

    async def decide(submission: Submission) -> Decision:
        return await approvals(submission) if submission.element in elements else Approved(unasked=True)

    return decide


def remembered(approvals: Approvals, journal: Journal) -> Approvals:
    """Keep edits and rejections in a journal, and approvals too; what was decided there is not asked again.

    What passed because nobody had to look is not kept: a run that goes on with more to look at asks about it.
    """

    async def decide(submission: Submission) -> Decision:
        name, digest = _name(submission.element), submission.artifact.digest
        kept = journal.artifact(name)
        if kept is not None and kept.note == digest:
            return _decision(kept.kind, kept.text)
        decision = await approvals(submission)
        unasked = isinstance(decision, Approved) and decision.unasked
        if not isinstance(decision, Pending) and not unasked and not journal.replay_only:
            kind, text = _record(decision)
            await journal.put_artifact(name, text, (submission.element,), kind, digest)
        return decision

    return decide


def reopened(elements: Iterable[str], journal: Journal) -> None:
    """Have what was decided about elements asked again: somebody has another word to say of them.

    Parameters
    ----------
    elements
        Nodes and edges; of those about which nothing was decided it changes nothing.
    journal
        Where decisions are kept.
    """
    for element in elements:
        kept = journal.artifact(_name(element))
        if kept is not None and kept.note:
            journal.put_artifact_later(_name(element), kept.text, kept.parents, kept.kind)  # of no artifact any more
    journal.settle()


def _name(element: str) -> str:
    return f"{element}+approval"


def _record(decision: Approved | Edited | Rejected) -> tuple[str, str]:
    match decision:
        case Edited(text):
            return "edited", text
        case Rejected(reason):
            return "rejected", reason
        case Approved():
            return "approved", ""


def _decision(kind: str, text: str) -> Decision:
    match kind:
        case "edited":
            return Edited(text)
        case "rejected":
            return Rejected(text)
        case _:
            return Approved()
