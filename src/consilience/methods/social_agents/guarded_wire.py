"""The guarded wire: gate, consent and audit log in one place, through which every text of a talk goes.

What passes is logged before it is sent. What has to be asked about waits for its person, as long as the wire has
patience, and is then judged anew; silence is no. What is blocked is logged without a word of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.consent import ConsentQueue
from consilience.methods.social_agents.gate import Blocked, Gate, Held, Passed
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.wire import Crossed, Outgoing

__all__ = ["MOST_SHOWN", "GuardedWire"]

MOST_SHOWN: Final = 128
"""Messages that are guarded after the turn in which a model was shown them."""


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
    show_asked
        Whether models see what would have to be asked about (`Policy.sift`).

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
        show_asked: bool = True,
    ) -> None:
        self.gate = Gate(policy_of)
        """What judges."""
        self._policy_of = policy_of
        self._message_of = message_of
        self._consent = consent
        self._audit = audit
        self._patience_s = patience_s
        self._show_asked = show_asked
        self._shown: dict[tuple[str, str], dict[int, Message]] = {}

    def lets(self, owner: str) -> Callable[[Sequence[Message], str, str], list[Message]]:
        """Return what sifts an owner's messages before a model sees them: for `Party.lets`."""

        def sifted(rows: Sequence[Message], counterpart: str, purpose: str) -> list[Message]:
            policy, granted = self._policy_of(owner), self._granted(owner, counterpart, purpose)
            shown = policy.sift(rows, counterpart, purpose, granted=granted, show_asked=self._show_asked)
            self._remember(owner, counterpart, rows, {row.id for row in shown})
            return shown

        return sifted

    def resume(self, talk: str, owner: str, counterpart: str, said: Sequence[str]) -> None:
        """Take note of what an owner's side had said in a talk that goes on."""
        self.gate.resume(owner, counterpart, said, talk=talk)

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
            return Crossed(text="", reason=judged.question, refused=True)
        self._log_blocked(outgoing, judged)
        return Crossed(text="", reason=judged.reason)

    def _check(self, outgoing: Outgoing) -> Passed | Held | Blocked:
        current = {number: self._message_of(outgoing.owner, number) for number in outgoing.declared}
        # What was shown in other turns is guarded as well, and of what was shown coarsely the fine.
        rows = {row.id: row for row in outgoing.seen} | self._shown.get((outgoing.owner, outgoing.counterpart), {})
        rows |= {one.id: one for one in current.values() if one is not None}
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

    def _remember(self, owner: str, counterpart: str, rows: Sequence[Message], shown: set[int]) -> None:
        """Keep what a model was shown, the last of it: it may say it in a later turn."""
        kept = self._shown.setdefault((owner, counterpart), {})
        for row in rows:
            if row.id in shown:
                kept.pop(row.id, None)
                kept[row.id] = row
        for number in list(kept)[: max(0, len(kept) - MOST_SHOWN)]:
            del kept[number]

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
