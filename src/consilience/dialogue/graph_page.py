"""The page of a run: its graph to look at, and behind every element what was said, what it cost and what it changed.

One file without any request: the drawing is made here, texts travel once each as data that cannot become markup, and
the content policy lets no script run but the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from consilience.dialogue.graph_drawing import Drawing, Pair, draw, layers_of, longest_path
from consilience.dialogue.messages import Message, Reply
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.folder import write_whole

__all__ = ["STATES", "GraphEdge", "GraphNode", "State", "Turn", "page", "write"]

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
MOST_TEXT = 24_000_000
"""Characters of prompts, replies and artifacts in one page; the same text counts once."""
MOST_BARS = 900
"""Bars of the timeline; beyond them it shows how many elements ran at a time."""
MOST_DIFFED = 60_000
"""Characters of an artifact that is compared with its parent's."""

MOST_COMPARED = 64
"""Artifacts that one is compared with."""

_CONTEXT = 3
_DOTTED = 320
_ROUND_MINUTES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440, 2880)
_ARROWED = 200
_COLUMNS = 48
_BINS = 240


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


def write(
    path: Path | str,
    *,
    title: str,
    notice: str = "",
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge] = (),
    turns: Mapping[str, Sequence[Turn]] | None = None,
    facts: Mapping[str, str] | None = None,
) -> Path:
    """Write the page of a run to `path` and return it; see `page`."""
    content = page(title=title, notice=notice, nodes=nodes, edges=edges, turns=turns, facts=facts)
    return write_whole(path, content.encode("utf-8", "replace"))


def page(
    *,
    title: str,
    notice: str = "",
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge] = (),
    turns: Mapping[str, Sequence[Turn]] | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """Render the page of a run.

    Parameters
    ----------
    title
        The task, in a line.
    notice
        What every reader has to know before anything else, such as that no language model was at work.
    nodes, edges
        The graph, which has no circles. Of thousands of nodes the page shows a summary.
    turns
        What was said, by the id of a node or an edge.
    facts
        About the run as a whole, such as the model; shown beneath the title.

    Raises
    ------
    InvalidInput
        When an id is there twice, an edge leads nowhere, or edges run in a circle.
    UnknownName
        When turns belong to no element.

    Examples
    --------
    >>> nodes = [GraphNode(id="0", artifact="draft"), GraphNode(id="1", artifact="better")]
    >>> html = page(title="A poem", nodes=nodes, edges=[GraphEdge(source="0", target="1", kind="critic")])
    >>> html.startswith("<!doctype html>"), "http://" in html
    (True, False)
    """
    run = _Run(tuple(nodes), tuple(edges), dict(turns or {}))
    environment = _environment()
    script, style = _own(environment, "graph_page.js"), _own(environment, "graph_page.css")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    texts = _Texts()
    data = {"elements": [_behind(run, element, texts) for element in run.shown], "texts": texts.kept}
    return environment.get_template("graph_page.html.j2").render(
        title=title,
        notice=notice,
        facts=facts or {},
        run=run,
        states=STATES,
        texts=texts,
        script=script,
        style=style,
        policy=policy,
        data=_island(data),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("consilience.dialogue", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=_seconds, usd=_usd, count="{:,}".format, times=_times)
    return environment


def _own(environment: Environment, name: str) -> Markup:
    loader = environment.loader
    assert loader is not None  # noqa: S101  for the type checker; the environment is our own
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704  a file of the house, not of a run


class _Run:
    """A graph and all that the page shows of it."""

    def __init__(
        self, nodes: tuple[GraphNode, ...], edges: tuple[GraphEdge, ...], turns: dict[str, Sequence[Turn]]
    ) -> None:
        self.nodes, self.edges, self.turns = nodes, edges, turns
        self.elements: tuple[GraphNode | GraphEdge, ...] = (*nodes, *edges)
        counts = Counter(element.id for element in self.elements)
        twice = next((name for name, count in counts.items() if count > 1), None)
        if twice is not None:
            raise InvalidInput(f"ids must be unique among nodes and edges; {twice!r} is there {counts[twice]} times")
        for name in turns:
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
        return sum(reply.usage.input_tokens + reply.usage.output_tokens for reply in self.replies(element))

    def usd(self, element: GraphNode | GraphEdge) -> float | None:
        replies = self.replies(element)
        return sum(reply.usage.usd for reply in replies) if all(reply.priced for reply in replies) else None

    @cached_property
    def critical(self) -> tuple[float, list[str]]:
        """The costliest way through the graph: its seconds and its elements, in order."""
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
        """Which element the page opens at: the first that failed, or the end of the critical path."""
        failed = [element.id for element in self.shown if element.state == "failed"]
        wanted = failed[0] if failed else next(reversed(self.critical[1]), "")
        return self.places.get(wanted, 0)

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
        rows, lanes = _packed([(span[0], span[1]) for span in spans])
        found: dict[str, Any] = {"rows": rows, "ticks": _ticks(length)}
        if len(spans) > MOST_BARS:
            found["area"] = _area(spans, start, length)
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


class _Texts:
    """Texts by number, each kept once, as long as there is room."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.left_out = 0
        self._numbers: dict[str, int] = {}
        self._room = MOST_TEXT

    def number(self, text: str) -> int:
        """Return the number of a text, or -1 where there was no room for it."""
        if text not in self._numbers:
            if len(text) > self._room:
                self.left_out += 1
                return -1
            self._room -= len(text)
            self._numbers[text] = len(self.kept)
            self.kept.append(text)
        return self._numbers[text]


def _behind(run: _Run, element: GraphNode | GraphEdge, texts: _Texts) -> dict[str, Any]:
    """Return what the page shows when an element is chosen."""
    if isinstance(element, GraphNode):
        before: list[GraphNode | GraphEdge] = list(run.incoming[element.id])
        after: list[GraphNode | GraphEdge] = list(run.outgoing[element.id])
    else:
        before, after = [run.by_id[element.source]], [run.by_id[element.target]]
    return {
        "id": element.id,
        "label": element.label or element.id,
        "kind": element.kind,
        "state": element.state,
        "note": element.note,
        "critical": element.id in run.on_path,
        "latency": round(run.latency(element), 4),
        "tokens": run.tokens(element),
        "usd": run.usd(element),
        "span": [element.started_s, element.finished_s],
        "before": [run.places[other.id] for other in before if other.id in run.places],
        "after": [run.places[other.id] for other in after if other.id in run.places],
        "artifact": None if element.artifact is None else texts.number(element.artifact),
        "changes": _changes(run, element, texts),
        "turns": [_turn(turn, texts) for turn in run.turns.get(element.id, ())],
    }


def _turn(turn: Turn, texts: _Texts) -> dict[str, Any]:
    reply = turn.reply
    return {
        "speaker": turn.speaker,
        "note": turn.note,
        "prompt": [[message.role, [texts.number(part) for part in message.parts]] for message in turn.messages],
        "reply": None if reply is None else texts.number(reply.text),
        "model": "" if reply is None else reply.model,
        "facts": None
        if reply is None
        else [
            round(reply.latency_s, 4),
            reply.usage.input_tokens,
            reply.usage.output_tokens,
            reply.usage.usd if reply.priced else None,
            reply.finish,
            reply.replayed,
        ],
    }


def _changes(run: _Run, element: GraphNode | GraphEdge, texts: _Texts) -> list[dict[str, Any]]:
    """Compare an artifact with what it came from: what met here, if several did, and what the parents made."""
    if element.artifact is None:
        return []
    if isinstance(element, GraphEdge):
        origins = [(element.source, run.by_id[element.source].artifact)]
    else:
        incoming = run.incoming[element.id]
        met = [(edge.label, edge.artifact) for edge in incoming if len(incoming) > 1]
        origins = [*met, *((edge.source, run.by_id[edge.source].artifact) for edge in incoming)]
    return [
        {"of": name, "text": texts.number(origin), "hunks": _hunks(origin, element.artifact)}
        for name, origin in origins[:MOST_COMPARED]
        if origin is not None
    ]


def _hunks(before: str, after: str) -> list[list[list[Any]]] | None:
    """Return a unified diff as operations on lines, or None where the texts are too long to compare here."""
    if before == after:
        return []
    if len(before) + len(after) > 2 * MOST_DIFFED:
        return None
    old, new = before.split("\n"), after.split("\n")
    # What begins and ends alike is left out but for the context: most changes are small, and matching is quadratic.
    head = max(0, _alike(old, new) - _CONTEXT)
    tail = max(0, min(_alike(old[::-1], new[::-1]), len(old) - head, len(new) - head) - _CONTEXT)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    return [
        [[kind, *(place + head for place in places)] for kind, *places in group]
        for group in matcher.get_grouped_opcodes(_CONTEXT)
    ]


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, yours) in pairs if mine != yours), min(len(one), len(other)))


def _island(data: object) -> Markup:
    """Return data as JSON that can stand in a page: nothing in it can end the element that holds it."""
    written = json.dumps(data, separators=(",", ":"))
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        written = written.replace(character, escape)
    return Markup(written)  # noqa: S704  no character of markup is left


def _packed(spans: Sequence[tuple[float, float]]) -> tuple[int, list[int]]:
    """Give spans, sorted by start, rows so that none overlap: as many rows as ever run at once, lowest first."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    rows, lanes = 0, []
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, rows)
            rows += 1
        lane = heapq.heappop(free)
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return rows, lanes


def _steps(spans: Iterable[tuple[float, float, int]]) -> list[tuple[float, int]]:
    return sorted([(start, 1) for start, _, _ in spans] + [(end, -1) for _, end, _ in spans])


def _area(spans: Sequence[tuple[float, float, int]], start: float, length: float) -> list[tuple[float, float]]:
    """How many ran at a time, at most, in each of many slices: (percent of time, percent of the peak)."""
    steps = _steps(spans)
    running, index, tops = 0, 0, []
    for slice_ in range(_BINS):
        top = running
        while index < len(steps) and steps[index][0] <= start + length * (slice_ + 1) / _BINS:
            running += steps[index][1]
            top = max(top, running)
            index += 1
        tops.append(top)
    peak = max(*tops, 1)
    return [(round(100 * place / _BINS, 2), round(100 * top / peak, 2)) for place, top in enumerate(tops)]


def _ticks(length: float) -> list[tuple[float, str]]:
    """Return round times within a length, as (percent, words)."""
    units = [base * 10.0**power for power in range(-4, 2) for base in (1, 2, 5)]
    units = [unit for unit in units if unit < 60] + [60.0 * minutes for minutes in _ROUND_MINUTES]  # noqa: PLR2004
    unit = next((unit for unit in units if length / unit <= 6), length)  # noqa: PLR2004  ticks that fit a phone
    return [(round(100 * unit * step / length, 2), _seconds(unit * step)) for step in range(int(length / unit) + 1)]


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value == 0:
        return "0 s"
    if value < 1:
        return f"{1000 * value:.3g} ms"
    if value < 120:  # noqa: PLR2004
        return f"{value:.3g} s"
    if value < 7200:  # noqa: PLR2004
        return f"{value / 60:.3g} min"
    return f"{value / 3600:.3g} h"


def _times(value: float) -> str:
    return f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"  # noqa: PLR2004


def _usd(value: float | None) -> str:
    if value is None:
        return "no price"
    return f"${value:.2f}" if value >= 1 or value == 0 else f"${value:.2g}"
