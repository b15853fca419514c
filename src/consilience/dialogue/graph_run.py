"""A run as its page sees it: a graph of elements, what was said at each, and what follows from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from consilience.dialogue.graph_drawing import Drawing, Pair, draw, layers_of, longest_path
from consilience.dialogue.graph_timeline import area, packed, ticks
from consilience.dialogue.messages import Message, Reply
from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["STATES", "GraphEdge", "GraphNode", "Run", "State", "Turn"]

State = Literal["waiting", "running", "done", "failed", "skipped", "asks"]

STATES: Mapping[State, tuple[str, str]] = {
    "done": ("✓", "done"),
    "running": ("▸", "running"),
    "waiting": ("○", "waiting"),
    "asks": ("?", "asks a person"),
    "skipped": ("–", "skipped"),
    "failed": ("✗", "failed"),
}
"""A symbol and a word for every state, since a colour is not enough."""

MOST_DRAWN = 400
"""Nodes beyond which the drawing becomes a summary of how many of each depth are in which state."""
MOST_EDGES = 4000
"""Edges beyond which it does."""
MOST_ROWS = 3000
"""Elements in the table and behind the drawing; those that failed and those on the critical path come first."""
MOST_BARS = 900
"""Bars of the timeline; beyond them it shows how many elements ran at a time."""

_DOTTED = 320
_ARROWED = 200
_COLUMNS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node: an agent, a team, a person."""

    id: str
    """Unique among nodes and edges."""
    label: str = ""
    """What it is called; its id unless given."""
    kind: str = ""
    """What it is, such as ``"actor"``."""
    state: State = "done"
    """How it stands."""
    artifact: str | None = None
    """What it made."""
    note: str = ""
    """Why it failed or was skipped, or whatever else is worth a line."""
    started_s: float | None = None
    """Seconds since the start of the run."""
    finished_s: float | None = None
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """An edge, which may be an agent of its own: something that passes from one node to another."""

    source: str
    """Id of the node that it leaves."""
    target: str
    """Id of the node that it leads to."""
    kind: str = ""
    """What it is, such as ``"critic"``."""
    state: State = "done"
    """How it stands."""
    artifact: str | None = None
    """What passed, if it is not what the source made."""
    note: str = ""
    """Why it failed or was skipped, or whatever else is worth a line."""
    started_s: float | None = None
    """Seconds since the start of the run."""
    finished_s: float | None = None
    """Likewise."""

    @property
    def id(self) -> str:
        """Source and target with an arrow between."""
        return f"{self.source}->{self.target}"

    @property
    def label(self) -> str:
        """Likewise, with an arrow to look at."""
        return f"{self.source} → {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its reply."""

    speaker: str
    """Who speaks, such as ``"critic"``."""
    messages: tuple[Message, ...] = ()
    """What was asked."""
    reply: Reply | None = None
    """What was said; None while it is awaited, or where it failed."""
    note: str = ""
    """Why there is no reply, how often it was asked, or whatever else is worth a line."""


class Run:
    """A graph and all that the page shows of it."""

    def __init__(
        self,
        nodes: tuple[GraphNode, ...],
        edges: tuple[GraphEdge, ...],
        turns: dict[str, Sequence[Turn]],
        critical: tuple[float, Sequence[str]] | None = None,
    ) -> None:
        self.nodes, self.edges, self.turns = nodes, edges, turns
        self._critical = critical
        self.elements: tuple[GraphNode | GraphEdge, ...] = (*nodes, *edges)
        counts = Counter(element.id for element in self.elements)
        twice = next((name for name, count in counts.items() if count > 1), None)
        if twice is not None:
            raise InvalidInput(f"ids must be unique among nodes and edges; {twice!r} is there {counts[twice]} times")
        for name in (*turns, *(critical[1] if critical else ())):
            if name not in counts:
                raise UnknownName("element", name, counts)
        self.names = [node.id for node in nodes]
        self.pairs: list[Pair] = [(edge.source, edge.target) for edge in edges]
        self.layers = layers_of(self.names, self.pairs)
        self.incoming: dict[str, list[GraphEdge]] = {name: [] for name in self.names}
        self.outgoing: dict[str, list[GraphEdge]] = {name: [] for name in self.names}
        for edge in edges:
            self.incoming[edge.target].append(edge)
            self.outgoing[edge.source].append(edge)
        self.by_id = {element.id: element for element in self.elements}

    def replies(self, element: GraphNode | GraphEdge) -> list[Reply]:
        """Return what was said at an element."""
        return [turn.reply for turn in self.turns.get(element.id, ()) if turn.reply is not None]

    def latency(self, element: GraphNode | GraphEdge) -> float:
        """Seconds that its calls took, or that it was at work where it has no calls."""
        replies = self.replies(element)
        if replies:
            return sum(reply.latency_s for reply in replies)
        if element.started_s is None or element.finished_s is None:
            return 0.0
        return max(0.0, element.finished_s - element.started_s)

    def tokens(self, element: GraphNode | GraphEdge) -> int:
        """Return the tokens of its calls, asked and said."""
        return sum(reply.usage.input_tokens + reply.usage.output_tokens for reply in self.replies(element))

    def usd(self, element: GraphNode | GraphEdge) -> float | None:
        """Return what its calls cost; None where the price of one is not known."""
        replies = self.replies(element)
        return sum(reply.usage.usd for reply in replies) if all(reply.priced for reply in replies) else None

    @cached_property
    def critical(self) -> tuple[float, list[str]]:
        """The costliest way through the graph: its seconds and its elements, in order.

        Unless it was told, an element costs what its calls took one after the other.
        """
        if self._critical is not None:
            return self._critical[0], list(self._critical[1])
        cost = {node.id: self.latency(node) for node in self.nodes}
        edge_cost = {(edge.source, edge.target): self.latency(edge) for edge in self.edges}
        if not any(cost.values()) and not any(edge_cost.values()):
            _, nodes, pairs = longest_path(self.names, self.pairs, dict.fromkeys(cost, 1.0), {})
            length = 0.0
        else:
            length, nodes, pairs = longest_path(self.names, self.pairs, cost, edge_cost)
        path = nodes[:1]
        for source, target in pairs:
            path += (f"{source}->{target}", target)
        return length, path

    @cached_property
    def on_path(self) -> frozenset[str]:
        """The elements of the critical path."""
        return frozenset(self.critical[1])

    @cached_property
    def shown(self) -> list[GraphNode | GraphEdge]:
        """The elements that the table and the data hold, in their order: what matters most where not all fit."""
        if len(self.elements) <= MOST_ROWS:
            return list(self.elements)
        rank = {"failed": 0, "asks": 0, "skipped": 1, "running": 2}
        order = sorted(
            range(len(self.elements)),
            key=lambda index: (
                rank.get(self.elements[index].state, 3 + (self.elements[index].id not in self.on_path)),
                index,
            ),
        )
        return [self.elements[index] for index in sorted(order[:MOST_ROWS])]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where in the data each shown element is."""
        return {element.id: index for index, element in enumerate(self.shown)}

    @cached_property
    def first(self) -> int:
        """Which element the page opens at: the first that failed or asks a person, or the end of the critical path."""
        for state in ("failed", "asks"):
            for element in self.shown:
                if element.state == state:
                    return self.places[element.id]
        return self.places.get(next(reversed(self.critical[1]), ""), 0)

    @cached_property
    def drawing(self) -> Drawing | None:
        """The graph, or None where it is too large to be looked at."""
        if len(self.nodes) > MOST_DRAWN or len(self.edges) > MOST_EDGES:
            return None
        weight = {node.id: self.tokens(node) + sum(map(self.tokens, self.incoming[node.id])) for node in self.nodes}
        most = max(weight.values(), default=0) or 1
        return draw(self.names, self.pairs, {name: tokens / most for name, tokens in weight.items()})

    @cached_property
    def marked(self) -> list[GraphEdge]:
        """The edges that have a dot of their own to click: all, or only those that need a person; these lie on top."""
        urgent = [edge for edge in self.edges if edge.state in ("failed", "asks")]
        calm = [edge for edge in self.edges if edge.state not in ("failed", "asks")]
        return [*(calm if len(self.edges) <= _DOTTED else ()), *urgent]

    @property
    def arrowed(self) -> bool:
        """Whether edges are few enough for arrows."""
        return len(self.edges) <= _ARROWED

    @cached_property
    def columns(self) -> list[dict[str, Any]]:
        """Of a graph that is too large: how many nodes of each depth, or of a range of depths, are in which state."""
        states = {node.id: node.state for node in self.nodes}
        per = -(-len(self.layers) // _COLUMNS)
        columns = []
        for start in range(0, len(self.layers), per):
            names = [name for layer in self.layers[start : start + per] for name in layer]
            end = min(start + per, len(self.layers)) - 1
            counts = Counter(states[name] for name in names)
            columns.append(
                {
                    "depth": str(start) if start == end else f"{start}–{end}",
                    "total": len(names),
                    "states": [(state, counts[state]) for state in STATES if counts[state]],
                }
            )
        return columns

    @cached_property
    def tally(self) -> list[tuple[State, int]]:
        """How many elements are in which state."""
        counts = Counter(element.state for element in self.elements)
        return [(state, counts[state]) for state in STATES if counts[state]]

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Calls, tokens, money and seconds of the run."""
        replies = [reply for element in self.elements for reply in self.replies(element)]
        ends = [element.finished_s for element in self.elements if element.finished_s is not None]
        starts = [element.started_s for element in self.elements if element.started_s is not None]
        return {
            "calls": len(replies),
            "replayed": sum(reply.replayed for reply in replies),
            "input": sum(reply.usage.input_tokens for reply in replies),
            "output": sum(reply.usage.output_tokens for reply in replies),
            "usd": sum(reply.usage.usd for reply in replies) if all(reply.priced for reply in replies) else None,
            "busy": sum(map(self.latency, self.elements)),
            "wall": max(ends) - min(starts) if ends and starts else None,
        }

    @cached_property
    def timeline(self) -> dict[str, Any] | None:
        """When each element ran: bars packed into as few rows as they need, or how many ran at a time."""
        spans = sorted(
            (element.started_s, element.finished_s, place)
            for place, element in enumerate(self.elements)
            if element.started_s is not None
            and element.finished_s is not None
            and element.finished_s > element.started_s
        )
        if not spans:
            return None
        start, end = spans[0][0], max(span[1] for span in spans)
        length = (end - start) or 1.0
        times = [(begun, ended) for begun, ended, _ in spans]
        rows, lanes = packed(times)
        found: dict[str, Any] = {"rows": rows, "ticks": ticks(length)}
        if len(spans) > MOST_BARS:
            found["area"] = area(times, start, length)
            return found
        found["bars"] = [
            {
                "element": self.elements[place],
                "x": round(100 * (begun - start) / length, 3),
                "width": round(max(100 * (ended - begun) / length, 0.12), 3),
                "row": lane,
            }
            for (begun, ended, place), lane in zip(spans, lanes, strict=True)
        ]
        return found
