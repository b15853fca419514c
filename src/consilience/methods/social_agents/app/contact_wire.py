"""A wire between contacts: what is said is guarded, and nothing goes to who is no contact at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from consilience.methods.social_agents.app.waiting import waited
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.consent import ConsentQueue, Request
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.wire import Crossed, Outgoing

__all__ = ["ContactWire"]

T = TypeVar("T")


class ContactWire(GuardedWire):
    """A guarded wire over which nothing goes between people who are not in contact at that moment.

    What it looks up and writes down is done in threads: its loop serves others, too.

    Parameters
    ----------
    store
        Who is in contact with whom, and the messages that are declared as evidence.
    policy_of, consent, audit, patience_s
        As of `GuardedWire`.
    """

    def __init__(
        self,
        store: Store,
        policy_of: Callable[[str], Policy],
        *,
        consent: ConsentQueue | None = None,
        audit: AuditLog | None = None,
        patience_s: float = 0.0,
    ) -> None:
        def message_of(owner: str, number: int) -> Message | None:
            return store.memory(owner).message(number)

        super().__init__(policy_of, message_of, consent=consent, audit=audit, patience_s=patience_s)
        self._store = store

    def _crossed(self, outgoing: Outgoing, *, ask: bool = True) -> tuple[Crossed, Request | None]:
        if not self._store.are_contacts(outgoing.owner, outgoing.counterpart):
            return Crossed(text="", reason="you are not in contact any more"), None
        return super()._crossed(outgoing, ask=ask)

    async def _waits(self, work: Callable[[], T]) -> T:
        return await waited(work)
