"""The account of a run of teams: what became of each team in each phase, what was said there and what it cost.

Made from what a run leaves behind, its journal and its transcript, while it goes on or afterwards. How works were
merged is known when the run has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from consilience.dialogue.command.bill import Bill, bill_of
from consilience.dialogue.command.courses import Course, followed
from consilience.dialogue.graph_run import GraphEdge, GraphNode, Run, State, Turn
from consilience.dialogue.history import Call
from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.transcript import Event
from consilience.methods.cross_team.grid import Grid, place_of
from consilience.methods.cross_team.prompts import AGGREGATOR
from consilience.methods.cross_team.spec import Key, Plan, Team
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["END", "Account", "merges_of"]

END = "result"
"""The node of the final work."""

_NUMBER = re.compile(r"(\d+)")
_AGAIN = "asked again, as the reply before could not be used"


@dataclass(frozen=True)
class _Node:
    """A node before it is drawn: some elements that belong together."""

    id: str
    label: str
    kind: str
    elements: tuple[str, ...]


class Account:
    """What became of a run so far.

    Parameters
    ----------
    plan
        The teams and what they do.
    journal
        What was said.
    events
        What happened, of all sittings.
    meetings
        What happened at each key phase, as a result is kept.
    winner
        The team or the merge whose work the final one is; empty where that is not known.
    over
        Whether nobody works on the run any more: what had begun then waits.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        events: Sequence[Event],
        *,
        meetings: Sequence[Mapping[str, Any]] = (),
        winner: str = "",
        over: bool = True,
    ) -> None:
        self._plan = plan
        self._meetings = meetings
        self._winner = winner
        self._calls: dict[str, list[Call]] = {}
        for call in journal.calls():
            self._calls.setdefault(call.question.element, []).append(call)
        self._made = {artifact.element: artifact for artifact in journal.artifacts()}
        self.grid = Grid(plan)
        """The cells, as the events tell of them."""
        for event in events:
            self.grid(event)
        told = dict.fromkeys(event.element for event in events if event.element)
        self._elements = sorted({*self._calls, *told}, key=_natural)
        self._courses = followed(events, self._elements, over=over)

    # --- bills -----------------------------------------------------------------------------------------------------

    @cached_property
    def bills(self) -> dict[str, Bill]:
        """What each element cost that said anything."""
        return {element: bill_of(self._calls[element]) for element in self._elements if element in self._calls}

    @cached_property
    def cells(self) -> dict[tuple[str, str], Bill]:
        """What each cell cost, by team, or `AGGREGATE` for merges, and column."""
        calls: dict[tuple[str, str], list[Call]] = {}
        for element, some in self._calls.items():
            calls.setdefault(tuple(place_of(element)), []).extend(some)  # type: ignore[arg-type]
        return {place: bill_of(some) for place, some in calls.items()}

    @cached_property
    def rows(self) -> dict[str, Bill]:
        """What each team cost, and merges under `AGGREGATE`."""
        calls: dict[str, list[Call]] = {name: [] for name in (*self.grid.rows, AGGREGATE)}
        for element, some in self._calls.items():
            calls[place_of(element).row].extend(some)
        return {name: bill_of(some) for name, some in calls.items()}

    @property
    def bill(self) -> Bill:
        """What all of it cost, in every sitting."""
        return bill_of(chain.from_iterable(self._calls.values()))

    @property
    def notice(self) -> str:
        """What has to be said of who answered."""
        calls = chain.from_iterable(self._calls.values())
        return notice_for({name for call in calls for name in (call.model, call.reply.model)})

    def digests(self) -> dict[str, str]:
        """Return the digest of each work of a team or a merge, and of the final one."""
        return {
            name: artifact.digest.hex()
            for name, artifact in self._made.items()
            if artifact.kind not in ("meeting", "decision")
        }

    # --- what was said ---------------------------------------------------------------------------------------------

    @property
    def elements(self) -> tuple[str, ...]:
        """Everything that asked or of which something was told, in order."""
        return tuple(element for element in self._elements if "/" in element or _is_merge(element))

    def state(self, element: str) -> State:
        """Return how an element stands."""
        return self._courses.get(element, Course()).state

    def said(self, element: str) -> list[Turn]:
        """Return what was said at an element, or in all cycles of a loop, in the order of its questions."""
        inside = [name for name in self._elements if name == element or place_of(name) == place_of(element)]
        names = [element] if element in self._calls else inside if "/" in element else []
        return list(self._turns(names))

    # --- the graph -------------------------------------------------------------------------------------------------

    @cached_property
    def run(self) -> Run:
        """The run as its page sees it."""
        return Run(tuple(self.nodes), tuple(self.edges), dict(self.turns))

    @cached_property
    def nodes(self) -> list[GraphNode]:
        """A node for each team in each of its steps, one for each merge, and one for the final work."""
        return [self._drawn(node) for node in self._skeleton]

    @cached_property
    def turns(self) -> dict[str, list[Turn]]:
        """What was said at each node."""
        said = {node.id: list(self._turns(node.elements)) for node in self._skeleton}
        return {name: turns for name, turns in said.items() if turns}

    @cached_property
    def edges(self) -> list[GraphEdge]:
        """From step to step of a team, and from works to what they were merged to."""
        pairs = dict.fromkeys(self._pairs())
        states = {node.id: node.state for node in self.nodes}
        passing: Mapping[State, State] = {"done": "done", "skipped": "done", "failed": "failed"}
        return [
            GraphEdge(source=source, target=target, state=passing.get(states[source], "waiting"))
            for source, target in pairs
        ]

    @cached_property
    def _skeleton(self) -> list[_Node]:
        nodes = [
            _Node(f"{team.name}/{step.name}", f"{team.name} {step.name}", "team", self._inside(team, step.name))
            for team in self._plan.teams
            for step in self._steps(team)
        ]
        nodes += [_Node(element, element, "merge", (element,)) for element in self._merges]
        return [*nodes, _Node(END, "result", "result", (AGGREGATE,))]

    @cached_property
    def _merges(self) -> tuple[str, ...]:
        """The merges, each after those that it builds on."""
        told = [merge["element"] for merge in merges_of(self._meetings)]
        return tuple(dict.fromkeys((*told, *(element for element in self._elements if _is_merge(element)))))

    def _steps(self, team: Team) -> Iterator[Any]:
        return (step for step in self._plan.chain.steps if not isinstance(step, Key) and step.name not in team.skip)

    def _inside(self, team: Team, step: str) -> tuple[str, ...]:
        """Return the elements of a step of a team: itself, or cycles of a loop."""
        whole = f"{team.name}/{step}"
        return tuple(name for name in self._elements if name == whole or name.startswith(f"{whole}."))

    def _drawn(self, node: _Node) -> GraphNode:
        courses = [self._courses[element] for element in node.elements if element in self._courses]
        starts = [course.started_s for course in courses if course.started_s is not None]
        ends = [course.finished_s for course in courses if course.finished_s is not None and starts]
        made = [self._made[element] for element in node.elements if element in self._made]
        facts = next((merge for merge in merges_of(self._meetings) if merge["element"] == node.id), None)
        note = "; ".join(dict.fromkeys(course.note for course in courses if course.note))
        state: State = "waiting"
        for course in courses:
            state = course.state if course.state != "waiting" or state == "waiting" else state
        if facts is not None and not facts["accepted"]:
            state, note = "skipped", f"{facts['gives']} passes instead: {facts['reason']}"
        dead = self._courses.get(node.id.partition("/")[0])
        if state == "waiting" and starts and dead is not None and dead.state == "failed":
            state, note = "failed", dead.note
        return GraphNode(
            id=node.id,
            label=node.label,
            kind=node.kind,
            state=state,
            artifact=made[-1].text if made else None,
            note=note,
            started_s=min(starts) if starts else None,
            finished_s=max(ends) if ends else None,
        )

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Iterate over the edges: a team goes on from its last step, or from what it was given at a meeting."""
        at = dict.fromkeys((team.name for team in self._plan.teams), "")
        told = {meeting["key"]: meeting for meeting in self._meetings}
        for step in self._plan.chain.steps:
            if isinstance(step, Key):
                yield from self._meet(told.get(step.name), at)
                continue
            for team in self._plan.teams:
                if step.name not in team.skip:
                    here = f"{team.name}/{step.name}"
                    if at[team.name]:
                        yield at[team.name], here
                    at[team.name] = here
        final = dict(at)
        yield from self._meet(told.get(""), final)
        yield from self._choice(at, final)

    def _meet(self, meeting: Mapping[str, Any] | None, at: dict[str, str]) -> Iterator[tuple[str, str]]:
        """Iterate over what leads to the merges of a meeting, and move each team to what it goes on from."""
        if meeting is None:
            return
        carrier = dict(at)
        for merge in meeting["merges"]:
            yield from ((carrier.get(parent, parent), merge["element"]) for parent in merge["parents"])
            carrier[merge["element"]] = merge["element"]
            if self._plan.shared:  # what passes has come through here
                carrier[merge["gives"]] = merge["element"]
        at.update({team: carrier.get(name, name) for team, name in meeting["gave"].items()})

    def _choice(self, at: Mapping[str, str], final: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Iterate over what leads to the final work: whose it is, or whatever is there where that is not known yet."""
        if at.get(self._winner):
            yield at[self._winner], END
            return
        kept = self._made.get(AGGREGATE)
        makers = () if kept is None else kept.parents
        nodes = {node.id for node in self._skeleton}
        found = [self._node_of(maker) for maker in makers]
        ends = [name for name in found if name in nodes] or [*dict.fromkeys(final.values())] or [*at.values()]
        yield from ((end, END) for end in ends if end)

    def _node_of(self, element: str) -> str:
        """Return the node that an element belongs to."""
        team, _, step = element.partition("/")
        return f"{team}/{step.partition('/')[0].partition('.')[0]}" if step else element

    def _turns(self, elements: Iterable[str]) -> Iterator[Turn]:
        for element in elements:
            for call in sorted(self._calls.get(element, ()), key=lambda one: one.question.occurrence):
                yield Turn(
                    speaker=self._speaker(call),
                    messages=call.question.messages,
                    reply=replace(call.reply, replayed=False),
                    note="; ".join(filter(None, (_which(element), _AGAIN if _is_again(call) else ""))),
                )

    def _speaker(self, call: Call) -> str:
        system = call.question.messages[0].text if call.question.messages else ""
        if system.startswith(AGGREGATOR):
            return "aggregator"
        roles = self._plan.chain.roles.items()
        found = [name for name, told in roles if told and system.startswith(told)]
        return max(found, key=lambda name: len(self._plan.chain.roles[name]), default="assistant")


def merges_of(meetings: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Iterate over the merges of meetings, each after those that it builds on."""
    return (merge for meeting in meetings for merge in meeting["merges"])


def _is_merge(element: str) -> bool:
    return bool(element.partition(AGGREGATE)[2]) and place_of(element).column != "" and element != AGGREGATE


def _is_again(call: Call) -> bool:
    return any(message.role == "assistant" for message in call.question.messages)


def _which(element: str) -> str:
    """Return the cycle of a loop that an element belongs to."""
    _, _, step = element.partition("/")
    loop, cycle, phase = step.partition("/")
    return f"{phase}, cycle {loop.rpartition('.')[2]}" if cycle else ""


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort numbers within names as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(name)]
