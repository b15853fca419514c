"""Standing: what may be built on, who was asked about it, and what stands in when an element fails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from consilience.dialogue.history import JournalUnavailable
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import Denied
from consilience.dialogue.transcript import Fact, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.agent_networks.approval import (
    Approvals,
    Decision,
    Edited,
    Pending,
    Rejected,
    Submission,
    remembered,
)
from consilience.methods.agent_networks.failure import ElementFailed, Failure, Policy
from consilience.methods.agent_networks.turns import Element

__all__ = ["Piece", "Standing"]


class Piece(NamedTuple):
    """An artifact that may be built on."""

    artifact: Artifact
    """The work."""
    after: tuple[str, ...]
    """The event by which it came to stand."""


class Standing:
    """Decides what of an element's work may be built on, and takes it down.

    Parameters
    ----------
    task
        What the run is about.
    kind
        How an edited text is read.
    failure
        What stands in for elements that fail.
    approvals
        Who looks at artifacts; nobody if None.
    journal
        Where artifacts and decisions are kept.
    transcript
        Where events are taken down.
    """

    def __init__(
        self,
        *,
        task: str,
        kind: Kind,
        failure: Failure,
        approvals: Approvals | None,
        journal: Journal | None,
        transcript: Transcript | None,
    ) -> None:
        self.failure = failure
        self._task = task
        self._kind = kind
        self._approvals = None if approvals is None else self._readable(approvals)
        if self._approvals is not None and journal is not None:
            self._approvals = remembered(self._approvals, journal)
        self._journal = None if journal is None or journal.replay_only else journal
        self._transcript = transcript

    async def submit(self, element: Element, artifact: Artifact) -> Piece | None:
        """Let the work of a node or an edge stand, as it is or as somebody edited it; None while that is pending.

        Raises
        ------
        ElementFailed
            When it is turned down.
        """
        if self._approvals is not None:
            decision = await self._approvals(Submission(element.name, artifact, self._task))
            match decision:
                case Pending():
                    return None
                case Rejected(reason):
                    raise ElementFailed(element.name, reason)
                case Edited(text):
                    artifact = self._edited(element.name, text)
            edited = isinstance(decision, Edited)
            element.after = self.tell("approved", element.name, element.after, digest=artifact.digest, edited=edited)
        return self.stand(element, artifact)

    def stand(self, element: Element, artifact: Artifact) -> Piece:
        """Let an artifact stand."""
        element.facts.state = "done"
        element.facts.digest = artifact.digest
        return Piece(artifact, self.tell("committed", element.name, element.after, digest=element.facts.digest))

    def instead(self, element: Element, error: ConsilienceError, given: Piece | None) -> Piece | None:
        """Return what stands in for the work of an element that failed; None where that is nothing.

        Parameters
        ----------
        element
            Which one.
        error
            Why.
        given
            What passes where the policy is to fall back; None where there is nothing.

        Raises
        ------
        ElementFailed
            Where the policy is to stop.
        """
        if self.forgive(element, error, element.name) == "skip" or given is None:
            return self.skip(element, str(error))
        return self.fall_back(element, str(error), given)

    def forgive(self, element: Element, error: ConsilienceError, of: str) -> Policy:
        """Return what to do about a failure by the policy of node or edge `of`; raise where that is to stop."""
        policy = self.failure.of(of)
        if isinstance(error, Denied):  # it would be so for each element
            raise error
        if policy == "fail":
            self.tell("failed", element.name, element.after, error=type(error).__name__, reason=str(error))
            raise error if isinstance(error, ElementFailed) else ElementFailed(element.name, str(error)) from error
        return policy

    def skip(self, element: Element, reason: str) -> Piece | None:
        """Take down that an element gives nothing, and return that."""
        element.facts.state = "skipped"
        self.tell("skipped", element.name, element.after, reason=reason)
        return None

    def fall_back(self, element: Element, reason: str, given: Piece) -> Piece:
        """Let what an element was given pass in place of its work."""
        element.facts.state = "fallback"
        element.facts.digest = digest = given.artifact.digest
        return given._replace(after=self.tell("committed", element.name, element.after, digest=digest, instead=reason))

    def keep(self, name: str, artifact: Artifact, parents: Sequence[str]) -> None:
        """Have an artifact kept where there is a journal, with the next reply: a replay would make it again."""
        if self._journal is not None:
            self._journal.put_artifact_later(name, artifact.text, parents, self._kind.name)

    def settle(self) -> None:
        """Keep now what is not kept yet; a journal that cannot be written says so when it is closed."""
        if self._journal is not None:
            with suppress(JournalUnavailable):
                self._journal.settle()

    def tell(self, kind: str, name: str, after: tuple[str, ...], **facts: Fact) -> tuple[str, ...]:
        """Take down an event and return its id, where there is a transcript."""
        return () if self._transcript is None else (self._transcript.add(kind, name, after=after, **facts),)

    def _readable(self, approvals: Approvals) -> Approvals:
        """See that an edit is an answer before it is remembered: else no later one would be looked at."""

        async def decide(submission: Submission) -> Decision:
            decision = await approvals(submission)
            if isinstance(decision, Edited):
                self._edited(submission.element, decision.text)
            return decision

        return decide

    def _edited(self, name: str, text: str) -> Artifact:
        artifact = self._kind.read(text)
        if not artifact.grade:
            raise InvalidInput(f"the edited artifact of {name} must be an answer; {artifact.fault}: edit it again")
        return artifact
