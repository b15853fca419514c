"""One run of one engine, alone in its process: ours, or one of the peers in a Python that has it.

The file is run through `consilience.dialogue.trials.rival`, so that a Python without this package can run it: a job
as JSON comes in on standard input, and what came of it goes out as the last line. All engines run the same bodies
against the same stand-in: an edge is a critic and an actor, a node merges what comes in pairwise, as soon as both are
there. Latency belongs to an element and the number of its question, so that every engine meets the same.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from consilience.dialogue.trials.rival import Model, Outcome, Run, Visit, answer, compiled, direct, in_session, measured

__all__ = ["ENGINES", "Job", "critical_path_s", "main", "run"]


@dataclass(frozen=True)
class Job:
    """What an engine is to run."""

    engine: str
    """One of `ENGINES`."""
    nodes: int
    """How many there are; they are numbered."""
    edges: Sequence[Sequence[int]]
    """Pairs of numbers, parent first, in rising order."""
    rounds: int = 1
    """Comments and refinements of each edge."""
    mean_s: float = 0.0
    """Mean of the lognormal latency; 0 for none at all."""
    sigma: float = 0.8
    """Deviation of the logarithm of the latency."""
    seed: int = 0
    """Deals out latencies."""


@dataclass
class Bodies:
    """What nodes and edges do, for engines that leave that to their user."""

    job: Job
    model: Model

    def __post_init__(self) -> None:
        """Look up who builds on whom."""
        self.parents: list[list[int]] = [[] for _ in range(self.job.nodes)]
        leads = set()
        for tail, head in self.job.edges:
            self.parents[head].append(tail)
            leads.add(tail)
        self.sinks = [node for node in range(self.job.nodes) if node not in leads]

    async def node(self, node: int, given: Sequence[str]) -> str:
        """Draft, or refine along each in-edge and merge."""
        if not given:
            return await self.model.say(str(node), 0)
        edges = [self.edge(tail, node, artifact) for tail, artifact in zip(self.parents[node], given, strict=True)]
        return await self.merged(str(node), edges)

    async def along(self, tail: int, head: int, given: Sequence[str]) -> str:
        """Comment and refine what the parent alone made."""
        return await self.edge(tail, head, given[0])

    async def edge(self, tail: int, head: int, artifact: str) -> str:
        """Comment and refine."""
        name = f"{tail}->{head}"
        for turn in range(self.job.rounds):
            await self.model.say(name, 2 * turn)
            artifact = await self.model.say(name, 2 * turn + 1)
        return artifact

    async def made(self, node: int, given: Sequence[str]) -> str:
        """Draft, or merge what came of the in-edges."""
        return await (self.merged(str(node), [_itself(one) for one in given]) if given else self.node(node, ()))

    async def end(self, given: Sequence[str]) -> str:
        """Merge what came of the last nodes."""
        return await self.merged("", [_itself(artifact) for artifact in given])

    async def merged(self, name: str, pieces: Sequence[Awaitable[str]]) -> str:
        """Merge pieces in pairs, each pair as soon as both are there."""
        level = 0
        while len(pieces) > 1:
            tasks = [asyncio.ensure_future(piece) for piece in pieces]
            pieces = [
                self._merge(f"{name}+{level}.{at // 2}", tasks[at : at + 2]) if at + 1 < len(tasks) else tasks[at]
                for at in range(0, len(tasks), 2)
            ]
            level += 1
        return await pieces[0]

    async def _merge(self, name: str, pieces: Sequence[Awaitable[str]]) -> str:
        await asyncio.gather(*pieces)
        return await self.model.say(name, 0)


async def _itself(artifact: str) -> str:
    return artifact


async def _ours(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build our own; with a folder, with a session, its journal and its events."""
    room, dialogue = "consilience.methods.agent_networks", "consilience.dialogue"
    network_of = import_module(f"{room}.graph").Network
    traverse, text = import_module(f"{room}.traversal").traverse, import_module(f"{dialogue}.work.kinds.text").Text()

    asked = direct(model)
    network = network_of(tuple(map(str, range(job.nodes))), tuple((tail, head) for tail, head in job.edges))

    async def bare() -> object:
        return await traverse(network, "Say it.", asked, kind=text, rounds=job.rounds)

    async def kept() -> object:
        with in_session(asked, folder) as (session, files):  # type: ignore[arg-type]
            return await traverse(network, "Say it.", session, kind=text, rounds=job.rounds, **files)

    return (bare if folder is None else kept), version("consilience")


async def _by_hand(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build a task a node that waits for its parents: what there is without an engine."""
    del folder
    bodies = Bodies(job, model)

    async def all_nodes() -> object:
        loop = asyncio.get_running_loop()
        made: list[asyncio.Future[str]] = [loop.create_future() for _ in range(job.nodes)]

        async def edge(tail: int, head: int) -> str:
            return await bodies.edge(tail, head, await made[tail])

        async def node(at: int) -> None:
            parents = bodies.parents[at]
            edges = [edge(tail, at) for tail in parents]
            made[at].set_result(await (bodies.merged(str(at), edges) if parents else bodies.node(at, ())))

        async with asyncio.TaskGroup() as group:
            for at in range(job.nodes):
                group.create_task(node(at))
            end = group.create_task(bodies.merged("", [made[sink] for sink in bodies.sinks]))
        return await end

    return all_nodes, sys.version.split()[0]


async def _langgraph(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build a LangGraph whose steps are nodes; with a folder, with its checkpoints in SQLite."""
    bodies, steps = Bodies(job, model), _Steps()
    for node, parents in enumerate(bodies.parents):
        steps.add(f"n{node}", [f"n{tail}" for tail in parents], partial(bodies.node, node))
    steps.add("end", [f"n{sink}" for sink in bodies.sinks], bodies.end)
    return _state_graph(steps, folder)


async def _langgraph_edges(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build a LangGraph whose steps are nodes and edges, so that an edge need not wait for those beside it."""
    bodies, steps = Bodies(job, model), _Steps()
    for node, parents in enumerate(bodies.parents):
        for tail in parents:
            steps.add(f"e{tail}_{node}", [f"n{tail}"], partial(bodies.along, tail, node))
        steps.add(f"n{node}", [f"e{tail}_{node}" for tail in parents], partial(bodies.made, node))
    steps.add("end", [f"n{sink}" for sink in bodies.sinks], bodies.end)
    return _state_graph(steps, folder)


async def _langgraph_calls(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build a LangGraph whose steps are calls, so that each is kept before anything builds on it, as ours does."""
    bodies, steps = Bodies(job, model), _Steps()

    def call(name: str, after: list[str], element: str, occurrence: int = 0) -> str:
        steps.add(name, after, lambda _: model.say(element, occurrence))
        return name

    def merged(pieces: list[str], node: str) -> str:
        level = 0
        while len(pieces) > 1:
            pieces = [
                call(f"m{node}_{level}_{at // 2}", pieces[at : at + 2], f"{node}+{level}.{at // 2}")
                if at + 1 < len(pieces)
                else pieces[at]
                for at in range(0, len(pieces), 2)
            ]
            level += 1
        return pieces[0]

    stands: dict[int, str] = {}
    for node, parents in enumerate(bodies.parents):
        edges = []
        for tail in parents:
            last = stands[tail]
            for turn in range(2 * job.rounds):
                last = call(f"e{tail}_{node}_{turn}", [last], f"{tail}->{node}", turn)
            edges.append(last)
        stands[node] = merged(edges, str(node)) if edges else call(f"n{node}", [], str(node))
    steps.add("end", [merged([stands[sink] for sink in bodies.sinks], "")], lambda given: _itself(given[0]))
    return _state_graph(steps, folder)


Body = Callable[[Sequence[str]], Awaitable[str]]
"""What a step makes of what its parents made."""


class _Steps(dict[str, tuple[list[str], Body]]):
    """Steps by name: whom they wait for, and what they do."""

    def add(self, name: str, after: list[str], body: Body) -> None:
        self[name] = after, body


def _state_graph(steps: _Steps, folder: Path | None) -> tuple[Run, str]:
    """Build a LangGraph with a channel a step; a step reads the channels of its parents and no other."""
    graphs = import_module("langgraph.graph")
    typed = import_module("typing_extensions").TypedDict
    graph = graphs.StateGraph(typed("State", {f"of_{name}": str for name in steps}, total=False))
    for name, (parents, body) in steps.items():

        async def step(state: Any, name: str = name, parents: Any = tuple(parents), body: Any = body) -> Any:
            return {f"of_{name}": await body([state[f"of_{parent}"] for parent in parents])}

        reads = typed(f"Of_{name}", {f"of_{parent}": str for parent in parents} or {"of_end": str}, total=False)
        graph.add_node(name, step, input_schema=reads)
        if parents:
            graph.add_edge(parents, name)
        else:
            graph.add_edge(graphs.START, name)
    graph.add_edge("end", graphs.END)
    return compiled(graph, folder)


def _autogen_agent() -> Any:
    """Return the class of an agent that says what its body makes, whatever it is told."""
    agents, base = import_module("autogen_agentchat.agents"), import_module("autogen_agentchat.base")
    messages = import_module("autogen_agentchat.messages")

    class Agent(agents.BaseChatAgent):  # type: ignore[misc, name-defined]
        def __init__(self, name: str, body: Callable[[], Awaitable[str]]) -> None:
            super().__init__(name, description="a node")
            self._body = body

        @property
        def produced_message_types(self) -> Any:
            return (messages.TextMessage,)

        async def on_messages(self, messages_given: Any, cancellation_token: Any) -> Any:
            del messages_given, cancellation_token
            return base.Response(chat_message=messages.TextMessage(content=await self._body(), source=self.name))

        async def on_reset(self, cancellation_token: Any) -> None:
            del cancellation_token

    return Agent


async def _autogen(job: Job, model: Model, folder: Path | None) -> tuple[Run, str]:
    """Build an AutoGen GraphFlow with an agent a node; what they made lies where each can read it."""
    del folder
    bodies = Bodies(job, model)
    agent, teams = _autogen_agent(), import_module("autogen_agentchat.teams")
    made: dict[int, str] = {}

    async def node(at: int) -> str:
        made[at] = await bodies.node(at, [made[tail] for tail in bodies.parents[at]])
        return made[at]

    builder, team = teams.DiGraphBuilder(), []
    for at in range(job.nodes):
        team.append(agent(f"n{at}", partial(node, at)))
        builder.add_node(team[at])
    end = agent("end", lambda: bodies.end([made[sink] for sink in bodies.sinks]))
    builder.add_node(end)
    for tail, head in job.edges:
        builder.add_edge(team[tail], team[head])
    for sink in bodies.sinks:
        builder.add_edge(team[sink], end)
    flow = teams.GraphFlow([*team, end], graph=builder.build())

    async def kept() -> object:
        return await flow.run(task="Say it.")

    return kept, version("autogen-agentchat")


ENGINES: dict[str, tuple[Callable[[Job, Model, Path | None], Awaitable[tuple[Run, str]]], bool]] = {
    "ours": (_ours, False),
    "ours, with journal and events": (_ours, True),
    "asyncio by hand": (_by_hand, False),
    "LangGraph": (_langgraph, False),
    "LangGraph, edges as steps": (_langgraph_edges, False),
    "LangGraph, calls as steps": (_langgraph_calls, False),
    "LangGraph with SQLite": (_langgraph, True),
    "LangGraph with SQLite, edges as steps": (_langgraph_edges, True),
    "LangGraph with SQLite, calls as steps": (_langgraph_calls, True),
    "AutoGen": (_autogen, False),
}
"""Engines by name, and whether they keep their run in a folder."""


def run(job: Job) -> Outcome:
    """Run a job in this process."""
    return measured(job, Job(job.engine, 2, [(0, 1)]), ENGINES, _least_s)


def _least_s(job: Job, visits: Sequence[Visit]) -> float:
    return critical_path_s(job.nodes, job.edges, visits)


def critical_path_s(
    nodes: int, edges: Sequence[Sequence[int]], visits: Sequence[Visit], *, group: int = 2, barrier: bool = False
) -> float:
    """Return the least time that the calls of a run take, each as long as it took: the longest path through them.

    Parameters
    ----------
    nodes
        How many there are.
    edges
        Pairs of numbers, parent first; numbers rise along an edge.
    visits
        The calls.
    group
        How many pieces are merged at once.
    barrier
        Whether nodes of a depth begin when all of the depth before are done, as an engine of supersteps has it.

    Examples
    --------
    >>> calls = [Visit("0", 0, 1), Visit("0->1", 1, 2), Visit("0->1", 3, 5)]
    >>> critical_path_s(2, [(0, 1)], calls)
    4
    """
    took: dict[str, float] = {}
    for element, arrived_s, finished_s in visits:
        took[element] = took.get(element, 0) + finished_s - arrived_s
    incoming: list[list[int]] = [[] for _ in range(nodes)]
    for tail, head in edges:
        incoming[head].append(tail)
    ready, depth, gates = [0.0] * nodes, [0] * nodes, [0.0] * (nodes + 1)
    for node, tails in enumerate(incoming):
        depth[node] = 1 + max((depth[tail] for tail in tails), default=-1)
        gate = gates[depth[node]] if barrier else 0.0
        came = [max(gate, ready[tail]) + took[f"{tail}->{node}"] for tail in tails]
        ready[node] = _merged(came, str(node), took, group) if tails else took[str(node)]
        gates[depth[node] + 1] = max(gates[depth[node] + 1], ready[node])
    leads = {tail for tail, _ in edges}
    ends = [ready[node] for node in range(nodes) if node not in leads]
    return _merged([max(ends)] * len(ends) if barrier else ends, "", took, group)


def _merged(came: list[float], name: str, took: dict[str, float], group: int) -> float:
    level = 0
    while len(came) > 1:
        groups = [came[at : at + group] for at in range(0, len(came), group)]
        came = [
            max(members) + (took[f"{name}+{level}.{at}"] if len(members) > 1 else 0.0)
            for at, members in enumerate(groups)
        ]
        level += 1
    return came[0]


def main() -> int:
    """Run the job that standard input holds, and say what came of it."""
    return answer(Job, run)


if __name__ == "__main__":
    sys.exit(main())
