"""The account of a run: what became of each element, when, what was said there and what it cost.

Made from what a run leaves behind, its journal and its transcript, while it goes on or afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from consilience.dialogue.command.bill import Bill, bill_of
from consilience.dialogue.command.courses import Course, followed
from consilience.dialogue.graph_run import GraphEdge, GraphNode, Run, State, Turn
from consilience.dialogue.history import Call
from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.transcript import Event
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.methods.agent_networks.failure import END
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.prompts import AGGREGATOR, CRITIC

__all__ = ["Account"]

_MERGE = re.compile(r"(.*)\+\d+\.\d+", re.DOTALL)


class Account:
    """What became of a run so far.

    Parameters
    ----------
    network
        The agents.
    kind
        How replies are read.
    journal
        What was said.
    events
        What happened, of all sittings.
    group
        How many pieces were merged at once.
    pending
        Elements that wait for somebody's word.
    over
        Whether nobody works on the run any more: what had begun then waits.
    """

    def __init__(
        self,
        network: Network,
        kind: Kind,
        journal: Journal,
        events: Iterable[Event],
        *,
        group: int = 2,
        pending: Iterable[str] = (),
        over: bool = True,
    ) -> None:
        self._network = network
        self._kind = kind
        self._names = {*network.nodes, *network.edge_names, END}
        self._group = group
        self._calls: dict[str, list[Call]] = {}
        self._took: dict[str, float] = {}
        for call in journal.calls():
            element = call.question.element
            self._calls.setdefault(self.owner(element), []).append(call)
            self._took[element] = self._took.get(element, 0.0) + call.reply.latency_s
        self._made = {artifact.element: artifact for artifact in journal.artifacts()}
        self._courses = followed(events, self._names, owner=self.owner, asks=pending, over=over)

    def owner(self, element: str) -> str:
        """Return the node or edge that an element belongs to: a merge belongs to its node."""
        if element in self._names:
            return element
        merge = _MERGE.fullmatch(element)
        return element if merge is None else merge[1] or END

    @cached_property
    def run(self) -> Run:
        """The run as its page sees it."""
        return Run(tuple(self.nodes), tuple(self.edges), dict(self.turns), self.critical_path)

    @cached_property
    def nodes(self) -> list[GraphNode]:
        """The nodes, and the end where there are several last ones."""
        network = self._network
        nodes = [self._node(name, "actor") for name in network.nodes]
        if len(network.sinks) > 1:
            nodes.append(self._node(END, "aggregator", "the end"))
        return nodes

    @cached_property
    def edges(self) -> list[GraphEdge]:
        """The edges, and those to the end."""
        network = self._network
        edges = [self._edge(tail, head) for tail, head in network.edges]
        if len(network.sinks) > 1:
            over = self._courses.get(END, Course()).state
            ends = [network.nodes[sink] for sink in network.sinks]
            edges += [GraphEdge(source=end, target=END, kind="hand over", state=over) for end in ends]
        return edges

    @cached_property
    def turns(self) -> dict[str, list[Turn]]:
        """What was said at each element, in the order of its questions."""
        return {
            element: [
                Turn(
                    speaker=_speaker(call),
                    messages=call.question.messages,
                    reply=replace(call.reply, replayed=False),
                    note=_note(call, element),
                )
                for call in sorted(calls, key=lambda call: (call.question.element, call.question.occurrence))
            ]
            for element, calls in self._calls.items()
            if element in self._names
        }

    @cached_property
    def bills(self) -> dict[str, Bill]:
        """What each element cost that said anything."""
        return {element: bill_of(calls) for element, calls in self._calls.items()}

    @property
    def bill(self) -> Bill:
        """What all of them cost together, in every sitting."""
        return bill_of([call for calls in self._calls.values() for call in calls])

    @property
    def notice(self) -> str:
        """What has to be said of who answered."""
        return notice_for(
            {name for calls in self._calls.values() for call in calls for name in (call.model, call.reply.model)}
        )

    @property
    def states(self) -> dict[str, State]:
        """How each agent stands, and the end where there are several last nodes."""
        return {element.id: element.state for element in self.run.elements if element.id in self._names}

    @cached_property
    def critical_path(self) -> tuple[float, list[str]]:
        """What everything at the end waited for, by what calls took: seconds, and nodes and edges in order.

        Merges of a node run side by side as far as they can, so they count as deep as they are and not one by one.
        """
        network, took = self._network, self._took
        done, waited_for = [0.0] * len(network), [-1] * len(network)
        for node in network.order:
            name, incoming = network.nodes[node], network.incoming(node)
            came = [(done[network.edges[edge][0]] + took.get(network.edge_names[edge], 0.0), edge) for edge in incoming]
            done[node], waited_for[node] = self._gathered(name, came) if came else (took.get(name, 0.0), -1)
        ends = [(done[node], node) for node in network.sinks]
        if any(network.nodes[node] not in self._made for node in network.sinks):  # then it got as far as it got
            furthest = max(
                network.order, key=done.__getitem__
            )  # the first of equals: no further than something was said
            ends = [(done[furthest], furthest)]
        seconds, node = self._gathered("", ends)
        path = [END, f"{network.nodes[node]}->{END}"] if len(ends) > 1 else []
        path.append(network.nodes[node])
        while waited_for[node] >= 0:
            edge = waited_for[node]
            node = network.edges[edge][0]
            path += [network.edge_names[edge], network.nodes[node]]
        return seconds, path[::-1]

    def _gathered(self, node: str, came: list[tuple[float, int]]) -> tuple[float, int]:
        """Return when the last merge of some pieces was done, and whose coming decided that."""
        level = 0
        while len(came) > 1:
            groups = [came[start : start + self._group] for start in range(0, len(came), self._group)]
            came = [
                (when + self._took.get(f"{node}+{level}.{index}", 0.0), who)
                for index, (when, who) in enumerate(map(max, groups))
            ]
            level += 1
        return came[0]

    def digests(self) -> dict[str, str]:
        """Return the digest of what each node made, and of the end."""
        return {name: artifact.digest.hex() for name, artifact in self._made.items() if name in self._names}

    def _node(self, name: str, kind: str, label: str = "") -> GraphNode:
        course, made = self._courses[name], self._made.get(name)
        started_s = course.started_s
        at = self._network.positions.get(name)
        if at is not None and started_s is not None and course.finished_s is not None:
            # Merges begin with the first pieces; what is shown is the time after the last piece came.
            came = [self._courses[self._network.edge_names[edge]].finished_s for edge in self._network.incoming(at)]
            started_s = min(max([started_s, *(when for when in came if when is not None)]), course.finished_s)
        return GraphNode(
            id=name,
            label=label,
            kind=kind,
            state=course.state,
            artifact=None if made is None else made.text,
            note=course.note,
            started_s=started_s,
            finished_s=course.finished_s,
        )

    def _edge(self, tail: int, head: int) -> GraphEdge:
        source, target = self._network.nodes[tail], self._network.nodes[head]
        name = f"{source}->{target}"
        course = self._courses[name]
        return GraphEdge(
            source=source,
            target=target,
            kind="critic",
            state=course.state,
            artifact=self._passed(name, source),
            note=course.note,
            started_s=course.started_s,
            finished_s=course.finished_s,
        )

    def _passed(self, edge: str, source: str) -> str | None:
        """Return what passed along an edge where it is not what its parent made."""
        decided = self._made.get(f"{edge}+approval")
        if decided is not None and decided.kind == "edited":
            return decided.text
        made = self._made.get(source)
        given = None if made is None else self._kind.read(made.text)
        passed: Artifact | None = None
        for call in sorted(self._calls.get(edge, ()), key=lambda call: call.question.occurrence):
            if _speaker(call) == "actor":
                read = self._kind.read(call.reply.text)
                floor = (passed or given or read).grade
                passed = read if read.grade >= floor else passed
        return None if passed is None else passed.text


def _speaker(call: Call) -> str:
    told = call.question.messages[0].text if call.question.messages else ""
    return "critic" if CRITIC in told else "aggregator" if AGGREGATOR in told else "actor"


def _note(call: Call, element: str) -> str:
    again = any(message.role == "assistant" for message in call.question.messages)
    merge = f"merge {call.question.element}" if call.question.element != element else ""
    return "; ".join(filter(None, (merge, "asked again, as the reply before could not be used" if again else "")))
