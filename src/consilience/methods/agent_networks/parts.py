"""Parts: a network divided among several processes, each of which works on its share as a traversal of its own would.

A node belongs to one part, with the edges and merges that lead to it. What crosses from part to part are artifacts of
nodes and nothing else; what is asked does not depend on the division, so all divisions give one artifact, and fill a
journal alike. A part keeps nothing that would be missed: one that is lost is begun again, on what the others gave it
so far, and the journal answers what it had asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count

from consilience.dialogue.crew import Crew, Stopped
from consilience.dialogue.journal import Journal
from consilience.dialogue.opening import Opening
from consilience.dialogue.relay import Relay
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Event, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import ConsilienceError
from consilience.methods.agent_networks.approval import Decision, Submission
from consilience.methods.agent_networks.failure import Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.profiles import Profiles, standard_profiles
from consilience.methods.agent_networks.prompts import Prompts
from consilience.methods.agent_networks.result import ElementFacts
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.standing import Piece, Standing
from consilience.methods.agent_networks.traversal import Flow
from consilience.methods.agent_networks.turns import Element, Turns

__all__ = [
    "BEGUN",
    "Ended",
    "Failed",
    "Happened",
    "News",
    "Part",
    "Share",
    "SharedRun",
    "Stood",
    "Submitted",
    "came_from",
    "divide",
]

BEGUN = "begun"
"""What events of a part call the beginning of the run, which is not theirs."""

_RUNS = 8
"""About how many runs of neighbouring nodes a part consists of: each end of one costs a message."""
_PAUSE_S = 0.1


@dataclass(frozen=True, kw_only=True)
class SharedRun:
    """A run that is shared among parts; see `consilience.methods.agent_networks.traverse` for what is not told here."""

    network: Network
    task: str
    opening: Opening
    kind: Kind
    parts: tuple[int, ...]
    """Which part each node belongs to, by position; what several last nodes lead to belongs to the last one's."""
    rounds: int = 3
    group: int = 2
    profiles: Profiles | None = None
    temperature: tuple[float, float] = (1.0, 0.0)
    max_tokens: int | None = None
    failure: Failure = field(default_factory=Failure)
    seed: int = 0
    reasks: int = 2
    width: int = 1000
    has_approvals: bool = False
    """Whether artifacts are submitted."""
    tells: bool = False
    """Whether somebody wants to hear of events."""


@dataclass(frozen=True, slots=True)
class Stood:
    """A node came to its end, in one part, and others may build on it."""

    node: int
    """Its position."""
    artifact: Artifact | None
    """What it gave; None for nothing."""
    event: str = ""
    """By which it came to stand, where there are events."""
    waits: bool = False
    """Whether nothing will come of it, as somebody's word is waited for."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a part."""

    event: Event


@dataclass(frozen=True, slots=True)
class Submitted:
    """An artifact that somebody has to look at."""

    number: int
    submission: Submission


@dataclass(frozen=True, slots=True)
class Failed:
    """A part stopped, for a reason that a caller can mend."""

    error: ConsilienceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A part did all it could."""

    elements: Mapping[str, ElementFacts]
    """What its elements did."""
    used: bytes
    """For each edge, and each last node's way to the end, whether what came along it went on."""
    ends: Mapping[str, Artifact]
    """Artifacts of the last nodes that are its own."""
    final: Artifact | None
    """What came of the run, where that is its own to say."""


News = Stood | Happened | Submitted | Failed | Ended
"""What a part has to say."""


def came_from(node: int) -> str:
    """Return what events of a part call the one by which a node of another part came to stand."""
    return f"node {node}"


def divide(network: Network, parts: int, *, rounds: int = 3, group: int = 2) -> tuple[int, ...]:
    """Return which of so many parts each node belongs to.

    In the order of the network a node goes where the last of its parents is, unless another part has clearly less to
    do: each part has its share at every time, and neighbours stay together where they can.

    Parameters
    ----------
    network
        What is divided.
    parts
        How many parts there may be; fewer come of it where there are fewer nodes.
    rounds, group
        Of the run.

    Examples
    --------
    >>> divide(Network.of([(0, 1), (1, 2), (2, 3)]), 2)
    (0, 1, 0, 1)
    """
    parts = max(1, min(parts, len(network)))
    weights = _weights(network, rounds, group)
    slack = sum(weights) / (parts * _RUNS)
    loads = [0] * parts
    least = [(0, part) for part in range(parts)]
    heapify(least)
    owners = [0] * len(network)
    for node in network.order:
        while loads[least[0][1]] != least[0][0]:  # it got more to do since
            heappop(least)
        part, parents = least[0][1], network.parents(node)
        if parents and loads[owners[parents[-1]]] + weights[node] <= least[0][0] + slack:
            part = owners[parents[-1]]
        owners[node] = part
        loads[part] += weights[node]
        heappush(least, (loads[part], part))
    return tuple(owners)


class Part:
    """One part of a run: works on its nodes, says what came of them, and is told what came of others.

    Parameters
    ----------
    job
        The run.
    number
        Which part.
    """

    def __init__(self, job: SharedRun, number: int) -> None:
        self._job = job
        self._number = number
        self._news: list[News] = []
        self._bell = asyncio.Event()
        self._came: dict[int, Stood] = {}
        self._share: Share | None = None
        self._stopped = False
        self._submissions: dict[int, asyncio.Future[Decision]] = {}
        self._numbers = count()

    async def run(self, given: Iterable[Stood] = ()) -> AsyncIterator[list[News]]:
        """Work, and say what happens in batches; the last of the news is `Ended` or `Failed`.

        Parameters
        ----------
        given
            What came of nodes of other parts so far.
        """
        for stood in given:
            self._came[stood.node] = stood
        working = asyncio.create_task(self._work())
        working.add_done_callback(lambda _: self._bell.set())
        try:
            while not working.done() or self._news:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PAUSE_S):  # events alone ring no bell
                        await self._bell.wait()
                self._bell.clear()
                if self._news:
                    news, self._news = self._news, []
                    yield news
        finally:
            working.cancel()
        working.result()

    async def take(self, stood: Stood) -> None:
        """Take in what came of a node of another part."""
        self._came[stood.node] = stood
        if self._share is not None:
            self._share.take(stood)

    async def decide(self, number: int, decision: Decision) -> None:
        """Take in what somebody says of an artifact."""
        waiting = self._submissions.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision)

    async def stop(self) -> None:
        """Begin nothing new; what was begun comes to its end first."""
        self._stopped = True
        if self._share is not None:
            self._share.stop()

    async def _work(self) -> None:
        job = self._job
        transcript = Relay(self._happened) if job.tells else None
        try:
            with Journal.open(job.opening.journal, job.opening.run) as journal:
                async with job.opening.session(journal, transcript, self._fraction(), players=PLAYERS) as session:
                    await self._traverse(session, journal, transcript)
        except ConsilienceError as error:
            self._say(Failed(error))

    async def _traverse(self, session: Session, journal: Journal, transcript: Transcript | None) -> None:
        job, crew = self._job, _OpenCrew(self._job.width)
        prompts = Prompts(job.task, job.kind, job.profiles or standard_profiles(), job.seed)
        turns = Turns(
            session,
            job.kind,
            prompts,
            rounds=job.rounds,
            reasks=job.reasks,
            max_tokens=job.max_tokens,
            seed=job.seed,
            transcript=transcript,
            proceed=crew.proceed,
        )
        standing = Standing(
            task=job.task,
            kind=job.kind,
            failure=job.failure,
            approvals=self._submit if job.has_approvals else None,
            journal=journal,
            transcript=transcript,
        )
        share = self._share = Share(job, self._number, crew, turns, standing, say=self._say)
        for stood in self._came.values():
            share.take(stood)
        if self._stopped:
            share.stop()
        self._say(await share.work())

    async def _submit(self, submission: Submission) -> Decision:
        number = next(self._numbers)
        waiting: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._submissions[number] = waiting
        self._say(Submitted(number, submission))
        return await waiting

    def _happened(self, event: Event) -> None:
        self._news.append(Happened(event))

    def _say(self, news: News) -> None:
        self._news.append(news)
        self._bell.set()

    def _fraction(self) -> tuple[int, int]:
        """Return which share of all calls is this part's, as far as may be."""
        weights = _weights(self._job.network, self._job.rounds, self._job.group)
        mine = sum(weight for weight, part in zip(weights, self._job.parts, strict=True) if part == self._number)
        return mine, sum(weights)


class Share(Flow):
    """What flows along those edges of a network that lead to nodes of one part.

    Parameters
    ----------
    job
        The run.
    number
        Which part.
    crew
        Who works.
    turns
        What is asked.
    standing
        What may be built on.
    say
        Called when a node of the part came to its end.
    """

    def __init__(
        self,
        job: SharedRun,
        number: int,
        crew: _OpenCrew,
        turns: Turns,
        standing: Standing,
        *,
        say: Callable[[Stood], None],
    ) -> None:
        super().__init__(
            job.network, crew, turns, standing, rounds=job.rounds, group=job.group, temperature=job.temperature
        )
        self._say = say
        self._open_crew = crew
        self._mine = [part == number for part in (*job.parts, job.parts[job.network.order[-1]])]
        self._missing: set[int] = set()
        self._hopeless: set[int] = set()
        self._came = asyncio.Event()
        for node in range(len(job.network)):
            if not self._mine[node]:
                self._takers[node] = sum(self._mine[head] for head in job.network.children(node))
                if self._takers[node] or (self._mine[self._end] and node in self._exits):
                    self._missing.add(node)

    async def work(self) -> Ended:
        """Work until all is done that can be, whatever has to come from other parts included.

        Raises
        ------
        Stopped
            When somebody stops it.
        ConsilienceError
            As a traversal does.
        """
        for node in self._network.sources:
            if self._mine[node]:
                self._crew.push(self._priorities[node], self._draft, node, (BEGUN,))
        while True:
            await self._crew.work()
            if not self._open_crew.is_ready:
                if not self._missing:
                    break
                self._came.clear()
                await self._came.wait()
        self._standing.settle()
        final = self._given[self._end]
        return Ended(
            elements=self._facts,
            used=bytes(self._used),
            ends=self._ends,
            final=None if final is None else final.artifact,
        )

    def take(self, stood: Stood) -> None:
        """Go on with what came of a node of another part; a second time changes nothing."""
        node = stood.node
        if node not in self._missing:
            return
        self._missing.remove(node)
        if stood.waits:
            self._lose_hope(node)
        else:
            piece = None if stood.artifact is None else Piece(stood.artifact, (came_from(node),))
            if node in self._exits:
                self._open_crew.push_late(0.0, self._arrive, self._end, self._exits[node], piece)
            else:
                self._given[node] = piece
                for edge in self._network.outgoing(node):
                    if self._mine[self._network.edges[edge][1]]:
                        self._open_crew.push_late(self._edge_priorities[edge], self._refine, edge)
        self._came.set()

    def stop(self) -> None:
        """Begin nothing new."""
        self._open_crew.stop()
        self._came.set()

    async def _refine(self, edge: int) -> None:
        tail, head = self._network.edges[edge]
        if not self._mine[head]:
            self._take(tail)
            return
        await super()._refine(edge)
        if self._facts[self._network.edge_names[edge]].state == "pending":
            self._lose_hope_of(head)

    async def _commit(self, node: int, element: Element, piece: Piece | None) -> None:
        await super()._commit(node, element, piece)
        if element.facts.state == "pending":
            self._lose_hope_of(node)
        elif node not in self._exits:
            self._say(_stood(node, self._given[node]))

    async def _arrive(self, node: int, edge: int, piece: Piece | None) -> None:
        if node == self._end and self._mine[self._tails[edge]]:
            self._say(_stood(self._tails[edge], piece))
        if self._mine[node]:
            await super()._arrive(node, edge, piece)

    def _lose_hope_of(self, node: int) -> None:
        """Say that nothing will come of a node of this part for now, nor of what it leads to."""
        if node == self._end or node in self._hopeless:
            return
        self._hopeless.add(node)
        self._say(Stood(node, None, waits=True))
        self._lose_hope(node)

    def _lose_hope(self, node: int) -> None:
        """Have everything wait in this part that a node leads to."""
        waiting = [node]
        while waiting:
            for head in self._network.children(waiting.pop()):
                if self._mine[head] and head not in self._hopeless:
                    self._hopeless.add(head)
                    self._say(Stood(head, None, waits=True))
                    waiting.append(head)


class _OpenCrew(Crew):
    """A crew that is given jobs from outside too."""

    @property
    def is_ready(self) -> bool:
        """Whether there are jobs that nobody has begun."""
        return bool(self._ready)

    def push_late(self, priority: float, job: Callable[..., object], *of: object) -> None:
        """Have a job done that no other job brought forth: there may be nobody about to look for one."""
        self.push(priority, job, *of)  # type: ignore[arg-type]
        if self._working and self._trouble is None:
            self._call(1)

    def stop(self) -> None:
        """Begin nothing new."""
        if self._trouble is None:
            self._trouble = Stopped("the run stopped elsewhere")


def _stood(node: int, piece: Piece | None) -> Stood:
    if piece is None:
        return Stood(node, None)
    return Stood(node, piece.artifact, "".join(piece.after[:1]))


def _weights(network: Network, rounds: int, group: int) -> list[int]:
    """Return how many calls each node may take, with what leads to it."""
    weights = []
    for node in range(len(network)):
        edges = len(network.incoming(node))
        weights.append(2 * rounds * edges + merge_calls(edges, group) if edges else 1)
    return weights
