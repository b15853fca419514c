"""The office: all parts of the application, made from a store and a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from consilience.dialogue.budget import Budget
from consilience.dialogue.models import ChatModel
from consilience.dialogue.rehearsal import notice_for
from consilience.methods.social_agents.app.accounts import Accounts, Strength
from consilience.methods.social_agents.app.agent_keys import AgentKeys
from consilience.methods.social_agents.app.chats import Chats
from consilience.methods.social_agents.app.contact_wire import ContactWire
from consilience.methods.social_agents.app.desk import Desk
from consilience.methods.social_agents.app.groups import Groups
from consilience.methods.social_agents.app.introductions import Introductions
from consilience.methods.social_agents.app.live import Live
from consilience.methods.social_agents.app.policies import Policies
from consilience.methods.social_agents.app.rates import Rates
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.app.uploads import Uploads
from consilience.methods.social_agents.app.waiting import waited
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.consent import ConsentQueue, Request
from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.store import Store

__all__ = ["Manner", "Office"]


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How the application is served."""

    address: str = ""
    """Address at which people reach it, such as ``"https://agents.example"``; it decides about cookies."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """Names by which it may be asked for; others are refused, so that no foreign name leads here."""
    strength: Strength = Strength()  # noqa: RUF009  frozen
    """Of passwords' hashes."""
    patience: timedelta = timedelta(minutes=10)
    """How long people are waited for who are asked something."""
    limits: PursuitLimits = PursuitLimits()  # noqa: RUF009  frozen
    """How far a task may go."""
    budget: Budget = Budget()  # noqa: RUF009  frozen
    """What all tasks together may spend while the server runs."""

    demo: bool = False
    """Whether those who are in it are made up, and are let in without a password."""

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.address.startswith("https://")


class _TellingQueue(ConsentQueue):
    """A queue that tells the pages of who is asked, and keeps no loop waiting."""

    tell: Callable[[Iterable[str]], None]

    def ask(
        self,
        owner: str,
        counterpart: str,
        purpose: str,
        *,
        labels: Iterable[str],
        messages: Iterable[int],
        task: str = "",
    ) -> Request:
        request = super().ask(owner, counterpart, purpose, labels=labels, messages=messages, task=task)
        self.tell([owner])
        return request

    async def _looked_at(self, number: int) -> Request:
        return await waited(self.request, number)


class Office:
    """The parts of the application.

    Parameters
    ----------
    store
        Everybody's messages; the application's tables are made in it.
    model
        Who is asked.
    manner
        How it is served.
    key
        Of the audit log, kept outside the store.
    """

    def __init__(self, store: Store, model: ChatModel, *, manner: Manner | None = None, key: bytes = b"") -> None:
        self.store = store
        self.manner = manner or Manner()
        self.model = model.name
        self.notice = notice_for([model.name])
        self.rates = Rates()
        self.live = Live()
        self.accounts = Accounts(store, strength=self.manner.strength)
        self.chats = Chats(store)
        self.groups = Groups(store)
        self.introductions = Introductions(store)
        self.keys = AgentKeys(store)
        self.uploads = Uploads(store)
        self.policies = Policies(store)
        self.tasks = Tasks(store)
        self.audit = AuditLog(store, key=key)
        consent = _TellingQueue(
            store, person_of=self.accounts.person_of, audit=self.audit, patience=self.manner.patience
        )
        consent.tell = lambda handles: self.live.tell(handles, "me", "consent")
        self.consent: ConsentQueue = consent
        patience_s = self.manner.patience.total_seconds()
        wire = ContactWire(store, self.policies.of, consent=consent, audit=self.audit, patience_s=patience_s)
        self.wire = wire
        self.desk = Desk(
            store=store,
            accounts=self.accounts,
            chats=self.chats,
            tasks=self.tasks,
            policies=self.policies,
            live=self.live,
            wire=wire,
            model=model,
            budget=self.manner.budget,
            limits=self.manner.limits,
            patience_s=patience_s,
        )

    async def open(self, *, resume: bool = True) -> None:
        """Begin, in the running loop.

        Parameters
        ----------
        resume
            Whether to go on with what was under way; not where another process may be at it.
        """
        self.live.open()
        await self.desk.open(resume=resume)

    async def close(self) -> None:
        """End; what is under way goes on the next time."""
        self.live.end()
        await self.desk.close()
