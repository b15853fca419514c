"""The guarded wire: gate, consent and audit log in one place, through which every text of a talk goes.

What passes is logged before it is sent. What has to be asked about waits for its person, as long as the wire has
patience, and is then judged anew; silence is no. What is blocked is logged without a word of it.

What a third party told is told on only if that party's own policy allows it at that moment, under the purpose
`PASSED_ON`; it is logged as theirs. What was told and is forgotten, or redacted, since is not told on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Final, TypeVar

from consilience.methods.social_agents.audit import AuditLog, Event
from consilience.methods.social_agents.consent import ConsentQueue, Request
from consilience.methods.social_agents.gate import Blocked, Gate, Held, Passed
from consilience.methods.social_agents.hiding import Sieve
from consilience.methods.social_agents.labels import coarse
from consilience.methods.social_agents.policy import PASSED_ON, Policy, Ruling
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.values import contains
from consilience.methods.social_agents.wire import Crossed, Forwarded, Outgoing

__all__ = ["MOST_SHOWN", "GuardedWire"]

T = TypeVar("T")

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
        self._told: dict[str, set[int]] = {}
        self._lock = Lock()

    def lets(self, owner: str) -> Callable[[Sequence[Message], str, str], list[Message]]:
        """Return what sifts an owner's messages before a model sees them: for `Party.lets`."""

        def sifted(rows: Sequence[Message], counterpart: str, purpose: str) -> list[Message]:
            policy, granted = self._policy_of(owner), self._granted(owner, counterpart, purpose)
            shown = policy.sift(rows, counterpart, purpose, granted=granted, show_asked=self._show_asked)
            self._remember(owner, counterpart, rows, {row.id for row in shown})
            return shown

        return sifted

    def hides(self, owner: str) -> Callable[[Sequence[Message], str, str], frozenset[int]]:
        """Return what says which of an owner's messages are to be as if they were not there: for `Party.hides`."""

        def hidden(rows: Sequence[Message], counterpart: str, purpose: str) -> frozenset[int]:
            return self._policy_of(owner).hidden(
                rows,
                counterpart,
                purpose,
                granted=self._granted(owner, counterpart, purpose),
                show_asked=self._show_asked,
            )

        return hidden

    def asks_about(self, owner: str) -> Sieve:
        """Return what tells apart which of an owner's messages would have to be asked about: for `Party.asks_about`."""

        def asked(rows: Sequence[Message], counterpart: str, purpose: str) -> frozenset[int]:
            granted = self._granted(owner, counterpart, purpose)
            return self._policy_of(owner).asks(rows, counterpart, purpose, granted=granted)

        def key(counterpart: str, purpose: str) -> Hashable:
            grants = () if self._consent is None else self._consent.grants(owner, counterpart, purpose)
            agreed = tuple(one.id for one in grants)
            return self._policy_of(owner).key, counterpart, purpose, agreed, self._show_asked

        return Sieve(asked, key)

    def forget(self, owner: str, messages: Iterable[int] | None = None) -> int:
        """Forget messages that models were shown; return how many were kept.

        Parameters
        ----------
        owner
            Handle of whose memory they are of.
        messages
            Their numbers; None for all.
        """
        wanted = None if messages is None else frozenset(messages)
        count = 0
        with self._lock:
            for (whose, _), kept in self._shown.items():
                for number in [one for one in kept if whose == owner and (wanted is None or one in wanted)]:
                    del kept[number]
                    count += 1
        return count

    def resume(self, talk: str, owner: str, counterpart: str, said: Sequence[str]) -> None:
        """Take note of what an owner's side had said in a talk that goes on."""
        self.gate.resume(owner, counterpart, said, talk=talk)

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return what crosses of a text; it may wait for its owner to be asked."""
        crossed, request = await self._waits(lambda: self._crossed(outgoing))
        if request is not None and self._consent is not None and self._patience_s > 0:
            await self._consent.wait(request.id, at_most_s=self._patience_s)
            crossed, _ = await self._waits(lambda: self._crossed(outgoing, ask=False))
        return crossed

    async def _waits(self, work: Callable[[], T]) -> T:
        """Do what waits for the database: here at once."""
        return work()

    def _crossed(self, outgoing: Outgoing, *, ask: bool = True) -> tuple[Crossed, Request | None]:
        """Judge a text, write down what becomes of it, and ask its owner where that is needed; return the question."""
        rulings = {one: self._may_forward(one, outgoing.counterpart) for one in outgoing.forwarded}
        judged = self._check(outgoing, rulings)
        if isinstance(judged, Passed):
            self._log_passed(outgoing, judged, rulings)
            return Crossed(text=judged.text), None
        if isinstance(judged, Held):
            request = self._ask(outgoing, judged) if ask else None
            return Crossed(text="", reason=judged.question, refused=True), request
        self._log_blocked(outgoing, judged.reason)
        for one, ruling in rulings.items():
            if ruling.verdict != "allow":
                self._log_blocked(outgoing, f"not to be passed on: {ruling.rule}", about=one.source)
        return Crossed(text="", reason=judged.reason), None

    def _ask(self, outgoing: Outgoing, held: Held) -> Request | None:
        if self._consent is None:
            return None
        return self._consent.ask(
            outgoing.owner,
            outgoing.counterpart,
            outgoing.purpose,
            labels=held.labels,
            messages=held.messages,
            task=outgoing.talk,
        )

    def _check(self, outgoing: Outgoing, rulings: Mapping[Forwarded, Ruling]) -> Passed | Held | Blocked:
        current = {number: self._message_of(outgoing.owner, number) for number in outgoing.declared}
        # What was shown in other turns is guarded as well, and of what was shown coarsely the fine.
        with self._lock:
            shown = dict(self._shown.get((outgoing.owner, outgoing.counterpart), {}))
        rows = {row.id: row for row in outgoing.seen} | shown
        rows |= {one.id: one for one in current.values() if one is not None}
        return self.gate.check(
            outgoing.owner,
            outgoing.counterpart,
            outgoing.purpose,
            outgoing.say,
            declared=[number for number, row in current.items() if row is not None and row.text],
            seen=list(rows.values()),
            public=outgoing.public,
            forwarded=[one.value for one, ruling in rulings.items() if ruling.verdict == "allow"],
            granted=self._granted(outgoing.owner, outgoing.counterpart, outgoing.purpose),
            talk=outgoing.talk,
        )

    def _may_forward(self, one: Forwarded, counterpart: str) -> Ruling:
        """Return what somebody's policy says now of telling on what they told; `allow` or not."""
        policy = self._policy_of(one.source)
        rows = [self._message_of(one.source, number) for number in sorted(self._told_of(one.source))]
        found = []
        for row in rows:
            if row is not None and row.text:
                ruling = policy.on(row.text, counterpart, PASSED_ON, row.label)
                told = coarse(row.text, ruling.labels)
                if contains(row.text, one.value) or contains(told, one.value):
                    coarsely = ruling.verdict == "coarsen" and contains(told, one.value)
                    found.append(replace(ruling, verdict="allow") if coarsely else ruling)
        if not found and any(row is None or not row.text for row in rows):
            return Ruling("never", "what it was read from is gone")
        if not found:  # a person said so, and no message
            found = [policy.on(one.value, counterpart, PASSED_ON)]
        return next((ruling for ruling in found if ruling.verdict != "allow"), found[0])

    def _told_of(self, source: str) -> set[int]:
        """Return the messages of somebody that something was told of."""
        with self._lock:  # what another talk tells meanwhile is not to be overwritten by what was read before
            if source not in self._told:
                entries = [] if self._audit is None else self._audit.revealed_about(source)
                self._told[source] = {
                    number for entry in entries if entry.owner == source for number in entry.messages
                }  # fmt: skip
            return self._told[source]

    def _remember(self, owner: str, counterpart: str, rows: Sequence[Message], shown: set[int]) -> None:
        """Keep what a model was shown, the last of it: it may say it in a later turn."""
        with self._lock:
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

    def _log_passed(self, outgoing: Outgoing, passed: Passed, rulings: Mapping[Forwarded, Ruling]) -> None:
        if passed.disclosed:
            self._told_of(outgoing.owner).update(passed.disclosed)
            self._log(
                "disclosed",
                outgoing,
                messages=passed.disclosed,
                rule="; ".join(passed.rules),
                approver=outgoing.owner if passed.agreed else "policy",
                text=passed.text,
            )
        for one, ruling in rulings.items():
            if contains(passed.text, one.value):
                self._log(
                    "forwarded", outgoing, about=one.source, rule=ruling.rule, approver="policy", text=passed.text
                )

    def _log_blocked(self, outgoing: Outgoing, reason: str, *, about: str = "") -> None:
        self._log("blocked", outgoing, about=about, rule=reason)

    def _log(
        self,
        event: Event,
        outgoing: Outgoing,
        *,
        about: str = "",
        messages: Iterable[int] = (),
        rule: str = "",
        approver: str = "",
        text: str | None = None,
    ) -> None:
        if self._audit is not None:
            self._audit.add(
                event,
                owner=outgoing.owner,
                counterpart=outgoing.counterpart,
                about=about,
                task=outgoing.talk,
                turn=outgoing.number,
                purpose=outgoing.purpose,
                messages=messages,
                rule=rule,
                approver=approver,
                text=text,
            )
