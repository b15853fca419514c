"""The guarded wire: gate, consent and audit log in one place, through which every text of a talk goes.

What passes is logged before it is sent. What has to be asked about waits for its person, as long as the wire has
patience, and is then judged anew; silence is no. What is blocked is logged without a word of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.consent import ConsentQueue
from consilience.methods.social_agents.gate import Blocked, Gate, Held, Passed
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.wire import Crossed, Outgoing

__all__ = ["GuardedWire"]


class GuardedWire:
    """Lets pass what the policy of its owner allows, and logs it.

    Parameters
    ----------
    policy_of
        Policy of an owner, by handle.
    message_of
        A message of an owner's memory as it stands now, by handle and number; None where the owner has none. Declared
        evidence is read from there, so that what was edited, redacted or forgotten on the way is judged as it is.
    consent
        Where people are asked; without it, what has to be asked about is not said.
    audit
        Where it is logged.
    patience_s
        How long a talk waits for a person.

    Examples
    --------
    >>> import asyncio
    >>> wire = GuardedWire(Policy.open, lambda _owner, _number: None)
    >>> text = Outgoing(talk="t", number=1, owner="ann", counterpart="bea", purpose="task", say="I keep a parrot.")
    >>> asyncio.run(wire.send(text)).reason
    'it has a word that no message declared has and that is not for everybody'
    """

    def __init__(
        self,
        policy_of: Callable[[str], Policy],
        message_of: Callable[[str, int], Message | None],
        *,
        consent: ConsentQueue | None = None,
        audit: AuditLog | None = None,
        patience_s: float = 0.0,
    ) -> None:
        self.gate = Gate(policy_of)
        """What judges."""
        self._policy_of = policy_of
        self._message_of = message_of
        self._consent = consent
        self._audit = audit
        self._patience_s = patience_s

    def lets(self, owner: str) -> Callable[[Sequence[Message], str, str], list[Message]]:
        """Return what sifts an owner's messages before a model sees them: for `Party.lets`."""

        def sifted(rows: Sequence[Message], counterpart: str, purpose: str) -> list[Message]:
            return self._policy_of(owner).sift(
                rows, counterpart, purpose, granted=self._granted(owner, counterpart, purpose)
            )

        return sifted

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return what crosses of a text; it may wait for its owner to be asked."""
        judged = self._check(outgoing)
        if isinstance(judged, Held) and self._consent is not None:
            request = self._consent.ask(
                outgoing.owner,
                outgoing.counterpart,
                outgoing.purpose,
                labels=judged.labels,
                messages=judged.messages,
                task=outgoing.talk,
            )
            if self._patience_s > 0:
                await self._consent.wait(request.id, at_most_s=self._patience_s)
                judged = self._check(outgoing)
        if isinstance(judged, Passed):
            self._log_passed(outgoing, judged)
            return Crossed(text=judged.text)
        if isinstance(judged, Held):
            return Crossed(text="", reason=judged.question)
        self._log_blocked(outgoing, judged)
        return Crossed(text="", reason=judged.reason)

    def _check(self, outgoing: Outgoing) -> Passed | Held | Blocked:
        current = {number: self._message_of(outgoing.owner, number) for number in outgoing.declared}
        rows = {row.id: row for row in outgoing.seen} | {one.id: one for one in current.values() if one is not None}
        return self.gate.check(
            outgoing.owner,
            outgoing.counterpart,
            outgoing.purpose,
            outgoing.say,
            declared=[number for number, row in current.items() if row is not None and row.text],
            seen=list(rows.values()),
            public=outgoing.public,
            forwarded=outgoing.forwarded,
            granted=self._granted(outgoing.owner, outgoing.counterpart, outgoing.purpose),
            talk=outgoing.talk,
        )

    def _granted(self, owner: str, counterpart: str, purpose: str) -> Callable[[frozenset[str], int], bool]:
        if self._consent is None:
            return lambda _labels, _message: False
        return self._consent.granted(owner, counterpart, purpose)

    def _log_passed(self, outgoing: Outgoing, passed: Passed) -> None:
        if self._audit is None:
            return
        if passed.disclosed:
            self._audit.add(
                "disclosed",
                owner=outgoing.owner,
                counterpart=outgoing.counterpart,
                task=outgoing.talk,
                turn=outgoing.number,
                purpose=outgoing.purpose,
                messages=passed.disclosed,
                rule="; ".join(passed.rules),
                approver=outgoing.owner if passed.agreed else "policy",
                text=passed.text,
            )
        if outgoing.forwarded:
            self._audit.add(
                "forwarded",
                owner=outgoing.owner,
                counterpart=outgoing.counterpart,
                task=outgoing.talk,
                turn=outgoing.number,
                purpose=outgoing.purpose,
                approver="policy",
                text=passed.text,
            )

    def _log_blocked(self, outgoing: Outgoing, blocked: Blocked) -> None:
        if self._audit is not None:
            self._audit.add(
                "blocked",
                owner=outgoing.owner,
                counterpart=outgoing.counterpart,
                task=outgoing.talk,
                turn=outgoing.number,
                purpose=outgoing.purpose,
                rule=blocked.reason,
            )
