"""Graphs of runs of agents, drawn from what happened and what was said, whichever room they are of.

Elements named ``3->7`` are edges. Where there are none, an element follows another if what happened to it came after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from consilience.dialogue import graph_page
from consilience.dialogue.command.courses import Course, followed
from consilience.dialogue.graph_run import GraphEdge, GraphNode, Turn
from consilience.dialogue.history import Artifact, Call
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.transcript import Event

__all__ = ["Graph", "graph_of"]

_MERGE = re.compile(r"(.+)\+\d+\.\d+", re.DOTALL)
_ARROW = "->"


@dataclass
class Graph:
    """A run as a graph."""

    nodes: list[GraphNode]
    """Who made something."""
    edges: list[GraphEdge]
    """What passed between them."""
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    """What was said at each."""
    notice: str = ""
    """What has to be said of who answered."""

    def page(self, title: str, facts: dict[str, str]) -> str:
        """Render it as one page without any request."""
        return graph_page.page(
            title=title, notice=self.notice, nodes=self.nodes, edges=self.edges, turns=self.turns, facts=facts
        )


def graph_of(
    events: Sequence[Event], calls: Iterable[Call] = (), artifacts: Iterable[Artifact] = (), *, over: bool = True
) -> Graph:
    """Draw the graph of a run.

    Parameters
    ----------
    events
        What happened in all its sittings.
    calls
        What was said.
    artifacts
        What was made.
    over
        Whether nobody works on the run any more: what had begun then waits.

    Examples
    --------
    >>> told = [Event("0", 0.1, "asked", "a"), Event("1", 0.2, "replied", "a", ("0",))]
    >>> told += [Event("2", 0.2, "committed", "a", ("1",)), Event("3", 0.3, "asked", "b", ("2",))]
    >>> graph = graph_of(told, over=False)
    >>> [(node.id, node.state) for node in graph.nodes], [edge.id for edge in graph.edges]
    ([('a', 'done'), ('b', 'running')], ['a->b'])
    """
    spoken: dict[str, list[Call]] = {}
    for call in calls:
        spoken.setdefault(call.question.element, []).append(call)
    told = list(dict.fromkeys([*(event.element for event in events if event.element), *spoken]))
    owners = _owners(told)
    arrows = {name: ends for name in owners.values() if (ends := _ends(name))}
    names = list(dict.fromkeys([*(end for ends in arrows.values() for end in ends), *owners.values()]))
    nodes = [name for name in names if name not in arrows]
    pairs = arrows or {f"{one}{_ARROW}{other}": (one, other) for one, other in _followings(events, owners)}
    courses = followed(events, [*nodes, *pairs], owner=lambda element: owners.get(element, element), over=over)
    made = {artifact.element: artifact.text for artifact in artifacts}
    turns: dict[str, list[Turn]] = {}
    for element, own in spoken.items():
        turns.setdefault(owners[element], []).extend(_turn(call, element, owners[element]) for call in own)
    return Graph(
        nodes=[_node(name, courses[name], made.get(name)) for name in nodes],
        edges=[_edge(ends, courses[name], made.get(name)) for name, ends in pairs.items()],
        turns=turns,
        notice=notice_for({call.model for own in spoken.values() for call in own}),
    )


def _owners(told: Sequence[str]) -> dict[str, str]:
    """Return the node or edge that each element belongs to: the merge ``7+0.1`` belongs to the node ``7``."""
    known = set(told) | {end for name in told for end in _ends(name) or ()}
    owners = {}
    for name in told:
        merge = _MERGE.fullmatch(name)
        owners[name] = merge[1] if merge and merge[1] in known else name
    return owners


def _ends(name: str) -> tuple[str, str] | None:
    source, arrow, target = name.partition(_ARROW)
    return (source, target) if arrow and source and target and source != target else None


def _followings(events: Iterable[Event], owners: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield which element follows which, the earlier one first, so that there are no circles."""
    whose: dict[str, str] = {}
    first: dict[str, int] = {}
    given: set[tuple[str, str]] = set()
    for number, event in enumerate(events):
        element = owners.get(event.element, "")
        whose[event.id] = element
        if not element:
            continue
        first.setdefault(element, number)
        for before in event.after:
            pair = whose.get(before, ""), element
            if pair[0] and pair not in given and first[pair[0]] < first[element]:
                given.add(pair)
                yield pair


def _node(name: str, course: Course, artifact: str | None) -> GraphNode:
    return GraphNode(
        id=name,
        state=course.state,
        artifact=artifact,
        note=course.note,
        started_s=course.started_s,
        finished_s=course.finished_s,
    )


def _edge(ends: tuple[str, str], course: Course, artifact: str | None) -> GraphEdge:
    state = course.state if course.started_s is not None or course.finished_s is not None else "done"
    return GraphEdge(
        source=ends[0],
        target=ends[1],
        state=state,
        artifact=artifact,
        note=course.note,
        started_s=course.started_s,
        finished_s=course.finished_s,
    )


def _turn(call: Call, element: str, owner: str) -> Turn:
    note = "" if element == owner else f"merge {element.removeprefix(owner)}"
    reply = replace(call.reply, replayed=False)  # it was said once, and is only read here
    return Turn(speaker=call.model, messages=call.question.messages, reply=reply, note=note)
