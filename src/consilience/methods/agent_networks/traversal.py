"""The traversal: an edge works from the moment its parent stands, a node stands when all that comes in is merged.

Nothing waits for a layer. What is ready lies in a heap, the longest remaining path on top, and a bounded number of
workers takes from it. What an agent is told and draws belongs to the seed of the run and the agent's name, and pieces
are merged by their place and not by when they came: so latency, workers and limits change how long a run takes, and
nothing of what comes out of it.

======= ========= ==================================================================================================
element name      what it does
======= ========= ==================================================================================================
node    ``7``     drafts, where nothing leads to it; commits what came of its in-edges, where something does
edge    ``3->7``  its critic comments on the parent's artifact and the child's actor refines it, for some rounds
merge   ``7+0.1`` makes one of a few: on level 0, the group number 1 of what comes into node 7
the end ``+``     is what came of the last nodes, where there are several; its merges are ``+0.0`` and so on
======= ========= ==================================================================================================
"""

from __future__ import annotations

from itertools import chain
from math import inf

from consilience.dialogue.asking import Asks
from consilience.dialogue.crew import Crew
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import ModelError
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.merging import Gathering, Group, merge_calls
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.agent_networks.approval import Approvals
from consilience.methods.agent_networks.blueprint import Blueprint, as_noted
from consilience.methods.agent_networks.failure import END, ElementFailed, Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.plan import priorities
from consilience.methods.agent_networks.profiles import Profiles, standard_profiles
from consilience.methods.agent_networks.prompts import Prompts
from consilience.methods.agent_networks.result import ElementFacts, Outcome, Result
from consilience.methods.agent_networks.standing import Piece, Standing
from consilience.methods.agent_networks.turns import Element, Turns

__all__ = ["Flow", "ancestry", "check_settings", "traverse"]


async def traverse(
    network: Network | Blueprint,
    task: str,
    asks: Asks,
    *,
    kind: Kind,
    rounds: int = 3,
    group: int = 2,
    profiles: Profiles | None = None,
    temperature: tuple[float, float] = (1.0, 0.0),
    max_tokens: int | None = None,
    failure: Failure = Failure(),  # noqa: B008  frozen
    approvals: Approvals | None = None,
    journal: Journal | None = None,
    transcript: Transcript | None = None,
    seed: int = 0,
    reasks: int = 2,
    width: int = 1000,
) -> Result:
    """Let the agents of a network work on a task, each as soon as what it builds on is there.

    A run that stopped, for whatever reason, is resumed by running it again with a session on the same journal. Before
    it stops, replies that are on their way are waited for; only when it is cancelled they are not.

    Parameters
    ----------
    network
        The agents: an actor on each node, a critic on each edge. Of a blueprint, as `read` returns it, what is noted
        on elements holds: roles, failure policies, quorums, and whose artifacts somebody has to approve.
    task
        What they work on.
    asks
        Who is asked.
    kind
        What an answer looks like, and how a reply is read as one.
    rounds
        Comments and refinements of each edge at most; a critic who has nothing to add ends them.
    group
        How many pieces are merged at once, at least 2.
    profiles
        Who the agents are; those of the room if None.
    temperature
        At depth 0 and at the deepest node; it changes linearly between them, to the second decimal.
    max_tokens
        Tokens of a reply at most.
    failure
        What becomes of the run when an element fails.
    approvals
        Who looks at artifacts before anything is built on them.
    journal
        Where artifacts of nodes and decisions about artifacts are kept: that of the session.
    transcript
        Where events are taken down: that of the session.
    seed
        Root of all chance.
    reasks
        How often a reply is asked for again that parses worse than what is there; after that, what is there stands.
    width
        Elements at work at once.

    Returns
    -------
    Result
        The artifact, whose work is in it, and what it cost.

    Raises
    ------
    InvalidInput
        When the task is empty, a setting is out of range, or a blueprint asks for approvals that nobody gives.
    ElementFailed
        When an element fails whose policy is to stop, or when nothing is left in the end.
    ConsilienceError
        Whatever the session raises that is no failure of one element: a budget that is used up, a key that is wrong.

    Examples
    --------
    >>> import asyncio
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> from consilience.dialogue.session import Session
    >>> from consilience.dialogue.work.kinds import Text
    >>> async def run():
    ...     async with Session(rehearse("talker")) as session:
    ...         return await traverse(Network.of([(0, 1), (0, 2), (1, 2)]), "Say it.", session, kind=Text(), rounds=1)
    >>> result = asyncio.run(run())
    >>> result.spent.calls, result.ancestry
    (8, ('0', '1', '2'))
    """
    network, profiles, failure, approvals = as_noted(network, profiles, failure, approvals)
    check_settings(task, rounds, temperature, reasks, width)
    failure.check(network)
    crew = Crew(width)
    prompts = Prompts(task, kind, profiles or standard_profiles(), seed)
    turns = Turns(
        asks,
        kind,
        prompts,
        rounds=rounds,
        reasks=reasks,
        max_tokens=max_tokens,
        seed=seed,
        transcript=transcript,
        proceed=crew.proceed,
    )
    standing = Standing(
        task=task, kind=kind, failure=failure, approvals=approvals, journal=journal, transcript=transcript
    )
    return await Flow(network, crew, turns, standing, rounds=rounds, group=group, temperature=temperature).run()


class Flow:
    """What flows along the edges of a network, and whose work is in it."""

    def __init__(
        self,
        network: Network,
        crew: Crew,
        turns: Turns,
        standing: Standing,
        *,
        rounds: int,
        group: int,
        temperature: tuple[float, float],
    ) -> None:
        self._network = network
        self._crew = crew
        self._turns = turns
        self._standing = standing
        self._group = group
        self._end = len(network)
        self._names = (*network.nodes, "")
        # A last node leads to the end as if by an edge, of a number above those of all edges.
        self._tails = (*(tail for tail, _ in network.edges), *network.sinks)
        self._exits = {sink: len(network.edges) + place for place, sink in enumerate(network.sinks)}
        self._incoming = [*map(network.incoming, range(self._end)), tuple(self._exits.values())]
        self._places = _places(self._incoming, len(self._tails))
        self._temperatures = _temperatures(network, temperature)
        remaining = priorities(network, rounds=rounds, group=group)
        self._edge_priorities = remaining.edges
        self._priorities = (*remaining.nodes, 0.0)
        self._gatherings: dict[int, Gathering[Piece]] = {}
        self._given: list[Piece | None] = [None] * (self._end + 1)
        self._takers = [len(network.outgoing(node)) for node in range(self._end)]
        self._used = bytearray(len(self._tails))
        self._ends: dict[str, Artifact] = {}
        self._facts: dict[str, ElementFacts] = {}

    async def run(self) -> Result:
        """Let all agents work, and return what came of it."""
        network, tell = self._network, self._standing.tell
        merges = sum(merge_calls(len(edges), self._group) for edges in self._incoming if edges)
        begun = tell("run.begins", "", (), elements=network.agents + merges + (len(network.sinks) > 1))
        for node in network.sources:
            self._crew.push(self._priorities[node], self._draft, node, begun)
        try:
            await self._crew.work()
        except ConsilienceError as error:
            tell("run.ends", "", begun, outcome=type(error).__name__)
            raise
        finally:
            self._standing.settle()
        pending = [name for name, facts in self._facts.items() if facts.state == "pending"]
        outcome: Outcome = "pending" if pending else "done"
        tell("run.ends", "", begun, outcome=outcome)
        final = self._given[self._end]
        return Result(
            outcome=outcome,
            artifact=None if final is None else final.artifact,
            ends=self._ends,
            ancestry=ancestry(network, self._used) if final else (),
            pending=tuple(pending),
            elements=self._facts,
        )

    # --- jobs ------------------------------------------------------------------------------------------------------

    async def _draft(self, node: int, begun: tuple[str, ...]) -> None:
        element = self._element(self._names[node], node, self._priorities[node], begun)
        artifact = None
        error: ConsilienceError = ElementFailed(element.name, "no draft could be read as an answer")
        try:
            artifact = await self._turns.draft(element)
        except ModelError as failed:
            error = failed
        piece = self._standing.instead(element, error, None) if artifact is None else Piece(artifact, element.after)
        await self._commit(node, element, piece)

    async def _refine(self, edge: int) -> None:
        network = self._network
        tail, head = network.edges[edge]
        given = self._take(tail)
        after = given.after if given else ()
        element = self._element(network.edge_names[edge], head, self._edge_priorities[edge], after)
        if given is None:
            piece = self._standing.skip(element, f"{network.nodes[tail]} gave nothing")
        else:
            try:
                artifact = await self._turns.exchange(element, network.nodes[head], given.artifact)
                piece = await self._standing.submit(element, artifact)
                if piece is None:
                    return
            except (ModelError, ElementFailed) as error:
                piece = self._standing.instead(element, error, given)
        await self._arrive(head, edge, piece)

    async def _merge(self, node: int, group: Group[Piece]) -> None:
        pieces = [piece for _, piece in group.members]
        element = self._element(
            f"{self._names[node]}+{group.level}.{group.index}",
            node,
            self._priorities[node] - group.level,
            tuple(chain.from_iterable([piece.after for piece in pieces])),
        )
        best = max(range(len(pieces)), key=lambda at: (pieces[at].artifact.grade, -at))
        artifact, reason = None, "no reply parses as well as the best of what was to be merged"
        try:
            artifact = await self._turns.merge(element, self._names[node], [piece.artifact for piece in pieces])
        except ModelError as error:
            self._standing.forgive(element, error, self._names[node] or END)
            reason = str(error)
        if artifact is None:
            self._drop(node, group, best)
            piece = self._standing.fall_back(element, reason, pieces[best])
        else:
            piece = self._standing.stand(element, artifact)
        await self._deliver(node, group.level + 1, group.index, piece)

    # --- what they bring forth -------------------------------------------------------------------------------------

    async def _arrive(self, node: int, edge: int, piece: Piece | None) -> None:
        """Take in what comes along an edge."""
        self._used[edge] = piece is not None
        await self._deliver(node, 0, self._places[edge], piece)

    async def _deliver(self, node: int, level: int, index: int, piece: Piece | None) -> None:
        """Put a piece where it belongs, and go on with what it completes."""
        gathering = self._gatherings.get(node)
        if gathering is None:
            gathering = self._gatherings[node] = Gathering(len(self._incoming[node]), self._group)
        group = gathering.put(level, index, piece)
        if group is not None:
            self._crew.push(self._priorities[node] - group.level, self._merge, node, group)
        elif gathering.complete:
            del self._gatherings[node]
            await (self._conclude(gathering.result) if node == self._end else self._assemble(node, gathering))

    async def _assemble(self, node: int, gathering: Gathering[Piece]) -> None:
        """Commit what came of the in-edges of a node, if that is enough."""
        piece, came, incoming = gathering.result, gathering.present, len(self._incoming[node])
        element = self._element(self._names[node], node, self._priorities[node], piece.after if piece else ())
        needed = self._standing.failure.needed(element.name, incoming)
        if came < needed:
            error = ElementFailed(element.name, f"{came} of its {incoming} in-edges gave something; it needs {needed}")
            if self._standing.forgive(element, error, element.name) == "skip" or piece is None:
                piece = self._standing.skip(element, error.reason)
        await self._commit(node, element, piece)

    async def _commit(self, node: int, element: Element, piece: Piece | None) -> None:
        """Let the work of a node stand, and whatever builds on it begin."""
        if piece is not None:
            try:
                piece = await self._standing.submit(element, piece.artifact)
                if piece is None:
                    return
            except ElementFailed as error:
                piece = self._standing.instead(element, error, None)
        if piece is not None:
            self._standing.keep(element.name, piece.artifact, self._parents(node))
        if node in self._exits:
            if piece is not None:
                self._ends[element.name] = piece.artifact
            await self._arrive(self._end, self._exits[node], piece)
        else:
            self._given[node] = piece
            for edge in self._network.outgoing(node):
                self._crew.push(self._edge_priorities[edge], self._refine, edge)

    async def _conclude(self, piece: Piece | None) -> None:
        """Let the final artifact stand."""
        if piece is None:
            raise ElementFailed("the run", "none of its last nodes gave anything")
        if len(self._network.sinks) > 1:
            element = self._element(END, self._end, 0.0, piece.after)
            piece = self._standing.stand(element, piece.artifact)
            self._standing.keep(END, piece.artifact, self._parents(self._end))
        self._given[self._end] = piece

    # --- what they look up -----------------------------------------------------------------------------------------

    def _element(self, name: str, node: int, priority: float, after: tuple[str, ...]) -> Element:
        facts = self._facts[name] = ElementFacts()
        return Element(name, self._temperatures[node], priority, after, facts)

    def _take(self, node: int) -> Piece | None:
        """Return what a node gave; it is held until all have taken it."""
        piece = self._given[node]
        self._takers[node] -= 1
        if not self._takers[node]:
            self._given[node] = None
        return piece

    def _drop(self, node: int, group: Group[Piece], kept: int) -> None:
        """Note that of all members of a group, only one went on."""
        span = self._group**group.level
        for at, (place, _) in enumerate(group.members):
            if at != kept:
                for edge in self._incoming[node][place * span : (place + 1) * span]:
                    self._used[edge] = False

    def _parents(self, node: int) -> list[str]:
        """Return the nodes whose work is in what came into a node."""
        return [self._names[self._tails[edge]] for edge in self._incoming[node] if self._used[edge]]


def ancestry(network: Network, used: bytes | bytearray) -> tuple[str, ...]:
    """Return the nodes whose work went into the final artifact, found backwards along the edges that were used.

    Parameters
    ----------
    network
    used
        Whether an edge was used, and after the edges, whether what came of a last node was.
    """
    found = bytearray(len(network))
    waiting = [sink for at, sink in enumerate(network.sinks, len(network.edges)) if used[at]]
    for sink in waiting:
        found[sink] = True
    while waiting:
        for edge in network.incoming(waiting.pop()):
            parent = network.edges[edge][0]
            if used[edge] and not found[parent]:
                found[parent] = True
                waiting.append(parent)
    return tuple(name for name, is_found in zip(network.nodes, found, strict=True) if is_found)


def _places(incoming: list[tuple[int, ...]], count: int) -> list[int]:
    """Return the place of each edge among those that lead to the same node."""
    places = [0] * count
    for edges in incoming:
        for place, edge in enumerate(edges):
            places[edge] = place
    return places


def _temperatures(network: Network, ends: tuple[float, float]) -> list[float]:
    """Return the temperature of each node, and of the end."""
    first, last = ends
    height = max(network.height, 1)
    return [round(first + (last - first) * depth / height, 2) for depth in (*network.depth, network.height)]


def check_settings(task: str, rounds: int, temperature: tuple[float, float], reasks: int, width: int) -> None:
    """Refuse settings of a run that mean nothing, before anybody is asked."""
    if not task.strip():
        raise InvalidInput("the task must say what is to be done; got an empty one")
    for name, value, least in (("rounds", rounds, 1), ("reasks", reasks, 0), ("width", width, 1)):
        if value < least:
            raise InvalidInput(f"`{name}` must be at least {least}; got {value!r}")
    if not all(0 <= one < inf for one in temperature):
        raise InvalidInput(f"`temperature` must be two finite numbers of at least 0; got {temperature!r}")
