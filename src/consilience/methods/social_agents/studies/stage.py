"""The stage of the studies: a world in a store, its people's agents, and the wire between them.

All studies run the same things that the application runs: the guarded wire with a policy for each person, the memory
of the store, and pursuits through the network. What a study leaves out, it leaves out by a switch that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from consilience.dialogue.asking import Asks
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.rehearsal import Rehearsal
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.honesty import foreign_words
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.memory import Memory
from consilience.methods.social_agents.network import Network
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.pursuit import Pursuit, PursuitLimits
from consilience.methods.social_agents.record import OnTurn
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.responder import prompt_of
from consilience.methods.social_agents.resuming import Keeps
from consilience.methods.social_agents.sections import HEARD_LINES
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.wire import Crossed, OpenWire, Outgoing, Wire
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["FULL", "Checked", "Parts", "Stage", "Watched", "asked", "player"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Parts of the method; all of them by default."""

    plan: bool = True
    """InfoNav: a board of each side in its prompts, and the answer from it."""
    heard_lines: int = HEARD_LINES
    """Utterances in each prompt, the last ones."""
    clear: bool = True
    """Search by words."""
    fuzzy: bool = True
    """Recall of episodes."""
    recursion: bool = True
    """Talks with others where the two do not know."""


FULL = Parts()


class Watched:
    """A wire that lets pass what another one does, and takes down what it was given and what crossed.

    Parameters
    ----------
    wire
        The one that decides.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.texts: list[tuple[Outgoing, Crossed]] = []
        """All of them, in the order in which they went out."""

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return what crosses of a text."""
        crossed = await self.wire.send(outgoing)
        self.texts.append((outgoing, crossed))
        return crossed


class Checked:
    """Whom to ask, with a check of every reply: each content word is in its prompt or in the published vocabulary.

    Parameters
    ----------
    asks
        The one that answers.
    """

    def __init__(self, asks: Asks) -> None:
        self.asks = asks
        self.calls = 0
        """Replies that were looked at: all of them."""
        self.foreign: list[frozenset[str]] = []
        """The foreign words of each reply that has any."""

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply to a question."""
        reply = await self.asks.ask(question, priority=priority, caused_by=caused_by)
        self.calls += 1
        if found := foreign_words(prompt_of(question), reply.text):
            self.foreign.append(found)
        return reply

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element, if there is one."""
        return self.asks.last_event(element)


def player(name: str = "neighbour", *, seed: int = 0) -> Rehearsal:
    """Return a rehearsal of this room's."""
    return Rehearsal(PLAYERS[name], name=name, seed=seed)


def asked(task: Task) -> Assignment:
    """Return a task as its asker puts it: the question alone."""
    return Assignment(question=task.question, purpose=task.set)


@dataclass
class Stage:
    """A world in a store, with everybody's agent.

    Parameters
    ----------
    world
        Who there is and what was said.
    asks
        The model.
    parts
        Of the method.
    policy_of
        Everybody's policy, by handle; None puts an open wire between them, as a comparison.
    path
        Of the store; in memory by default.
    journal, on_turn
        As of `Network`.
    limits
        How far a task may go.
    """

    world: World
    asks: Asks
    parts: Parts = FULL
    policy_of: Callable[[str], Policy] | None = Policy.open
    path: str | Path = ":memory:"
    journal: Keeps | None = None
    on_turn: OnTurn | None = None
    limits: PursuitLimits = field(default_factory=PursuitLimits)
    store: Store = field(init=False)
    audit: AuditLog = field(init=False)
    wire: Watched = field(init=False)
    network: Network = field(init=False)

    def __enter__(self) -> Stage:
        self.store = Store.open(self.path)
        self.people = self._people()
        self.audit = AuditLog(self.store)
        self._handles = {person.handle: handle for handle, person in self.people.items()}
        guarded = None
        if self.policy_of is not None:
            guarded = GuardedWire(self.policy_of, self.message, audit=self.audit)
        self._guarded = guarded
        self._memories: dict[str, Memory] = {}
        self.wire = Watched(guarded or OpenWire())
        self.network = Network(
            self.party, self.store.contacts_of, self.wire, journal=self.journal, on_turn=self.on_turn
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def guard(self, wire: GuardedWire) -> None:
        """Put another guarded wire between people."""
        self._guarded = self.wire.wire = wire

    def person(self, handle: str) -> Person:
        """Return somebody of the store by their handle in the world."""
        return self.people[handle]

    def message(self, owner: str, number: int) -> Message | None:
        """Return a message as its owner's memory has it now."""
        memory = self._memories.get(owner)
        if memory is None:
            memory = self._memories[owner] = self.store.memory(owner)
        return memory.message(number)

    def party(self, handle: str) -> Party:
        """Return the side of somebody, by their handle in the store."""
        party = Party(
            person=self.store.person(handle),
            memory=self.store.memory(handle),
            asks=self.asks,
            plan=self.parts.plan,
            heard_lines=self.parts.heard_lines,
            clear=self.parts.clear,
            fuzzy=self.parts.fuzzy,
        )
        return (
            party
            if self._guarded is None
            else replace(
                party,
                lets=self._guarded.lets(handle),
                hides=self._guarded.hides(handle),
                asks_about=self._guarded.asks_about(handle),
            )
        )

    async def solve(self, task: Task, *, name: str = "") -> Pursuit:
        """Pursue a task."""
        limits = self.limits
        if not self.parts.recursion:
            limits = PursuitLimits(depth=0, fan_out=0, talks=1, calls=limits.calls, talk=limits.talk)
        return await self.network.pursue(
            asked(task),
            self.person(task.asker).handle,
            self.person(task.partner).handle,
            limits=limits,
            name=name or task.id,
        )

    async def solve_all(self, tasks: Sequence[Task]) -> dict[str, Pursuit]:
        """Pursue tasks, one after the other."""
        return {task.id: await self.solve(task) for task in tasks}

    def _people(self) -> dict[str, Person]:
        """Return everybody by their handle in the world, put into the store if they are not there."""
        there = {one.handle: one for one in self.store.people()}
        if not there:
            return dict(furnish(self.world, self.store))
        return {one.handle: there[one.handle.replace(" ", "_")] for one in self.world.people}
