"""A network with what people note on its elements: who they are, what happens when they fail, who has to approve.

`Sketch` collects what a file says, line by line, so that every mistake is told with the line it is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from consilience.ground.errors import InvalidInput, UnknownName, nearest
from consilience.methods.agent_networks.approval import Approvals, approvals_at
from consilience.methods.agent_networks.failure import Failure, Policy
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.profiles import Profiles, standard_profiles

__all__ = ["SETTINGS", "Blueprint", "Note", "Sketch", "as_noted"]

SETTINGS = ("role", "failure", "quorum", "approval")
"""What can be noted on an element, by the names that files use."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_POLICIES: dict[str, Policy] = {policy: policy for policy in get_args(Policy)}
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is noted on a node or an edge; what is left out follows the run.

    Raises
    ------
    InvalidInput
        For an empty role or one with control characters, and a quorum of less than 1.
    UnknownName
        For a policy that is not there.
    """

    role: str | None = None
    """Who the agent is, in words: stands for the profile that it would draw."""
    failure: Policy | None = None
    """What becomes of the run when the element fails."""
    quorum: int | None = None
    """How many in-edges a node needs."""
    approval: bool = False
    """Whether somebody has to approve the artifact."""

    def __post_init__(self) -> None:
        if self.role is not None and (not self.role or self.role != self.role.strip() or _UNWRITABLE.search(self.role)):
            raise InvalidInput(
                f"a role must be text without control characters or blanks around it; got {self.role!r}."
            )
        if self.failure is not None and self.failure not in _POLICIES:
            raise UnknownName("failure policy", self.failure, _POLICIES)
        if self.quorum is not None and self.quorum < 1:
            raise InvalidInput(f"a quorum must be at least 1; got {self.quorum}.")

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """Whatever is noted, by the names that files use."""
        return {name: value for name in SETTINGS if (value := getattr(self, name)) is not None and value is not False}


@dataclass(frozen=True)
class Blueprint:
    """A network and the notes on its elements.

    Parameters
    ----------
    network
        The agents.
    notes
        By element, such as ``"7"`` or ``"3->7"``; empty notes are dropped.

    Raises
    ------
    UnknownName
        For a note on an element that is not there.
    InvalidInput
        For a quorum on an edge, or one of more in-edges than a node has.

    Examples
    --------
    >>> noted = Blueprint(Network.of([(0, 1)]), {"0->1": Note(failure="skip"), "1": Note(role="You test.")})
    >>> noted.failure().of("0->1"), noted.roles
    ('skip', {'1': 'You test.'})
    """

    network: Network
    notes: Mapping[str, Note] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {element: note for element, note in self.notes.items() if note != Note()}
        if kept:
            known = {*self.network.nodes, *self.network.edge_names}
            for element in kept:
                if element not in known:
                    raise UnknownName("element", element, known)
        object.__setattr__(self, "notes", kept)
        for element, note in kept.items():
            if note.quorum is not None and element not in self.network.positions:
                raise InvalidInput(f"a quorum belongs to a node; got one for the edge {element}.")
        self.failure().check(self.network)

    def failure(self, policy: Policy = "fail", quorum: int = 1) -> Failure:
        """Return what becomes of the run when elements fail.

        Parameters
        ----------
        policy, quorum
            Of the elements on which nothing is noted.
        """
        return Failure(
            policy=policy,
            each={element: note.failure for element, note in self.notes.items() if note.failure},
            quorum=quorum,
            quorums={element: note.quorum for element, note in self.notes.items() if note.quorum},
        )

    @property
    def roles(self) -> dict[str, str]:
        """Who the agents are on whom that is noted."""
        return {element: note.role for element, note in self.notes.items() if note.role}

    @property
    def approvals(self) -> tuple[str, ...]:
        """Elements whose artifacts somebody has to approve."""
        return tuple(element for element, note in self.notes.items() if note.approval)


def as_noted(
    graph: Network | Blueprint, profiles: Profiles | None, failure: Failure, approvals: Approvals | None
) -> tuple[Network, Profiles | None, Failure, Approvals | None]:
    """Return what a run takes: the network, and settings in which what is noted on an element stands for it.

    What a setting itself says of an element goes before the note; where approvals are noted, nothing else is submitted.

    Raises
    ------
    InvalidInput
        When somebody has to approve, and nobody is there who does.
    """
    if isinstance(graph, Network):
        return graph, profiles, failure, approvals
    if graph.approvals and approvals is None:
        raise InvalidInput(
            f"somebody has to approve what {', '.join(graph.approvals)} made, as the network says; give `approvals`"
        )
    if graph.approvals and approvals is not None:
        approvals = approvals_at(graph.approvals, approvals)
    if graph.roles:
        profiles = profiles or standard_profiles()
        profiles = replace(profiles, roles={**graph.roles, **profiles.roles})
    noted = graph.failure()
    failure = replace(failure, each={**noted.each, **failure.each}, quorums={**noted.quorums, **failure.quorums})
    return graph.network, profiles, failure, approvals


class Sketch:
    """What was read of a blueprint so far.

    Parameters
    ----------
    open_ended
        Whether edges may name nodes that were not named before.
    """

    def __init__(self, *, open_ended: bool) -> None:
        self._open_ended = open_ended
        self._nodes: dict[str, int | None] = {}
        self._edges: dict[tuple[str, str], int | None] = {}
        self._notes: dict[str, tuple[Note, int | None]] = {}

    def node(self, name: str, line: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Take a node down; again, where a file may name it more than once."""
        self._nodes.setdefault(name, line)
        self._note(name, line, settings)

    def only_node(self, name: str, line: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Take a node down that must not be named again."""
        if name in self._nodes:
            raise InvalidInput(
                f"{_at(line)}every node must be named once; got {name!r} also {_before(self._nodes[name])}."
            )
        self.node(name, line, settings)

    def edge(self, tail: str, head: str, line: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Take an edge down."""
        called = f"{tail}->{head}"
        if tail == head:
            raise InvalidInput(f"{_at(line)}an edge must join two different nodes; got {called}.")
        if (tail, head) in self._edges:
            before = _before(self._edges[tail, head])
            raise InvalidInput(f"{_at(line)}an edge must be given once; got {called} also {before}.")
        for name in (tail, head):
            if name not in self._nodes and not self._open_ended:
                near = nearest(name, self._nodes)
                hint = f"did you mean {near!r}?" if near else "name it among the nodes."
                raise InvalidInput(
                    f"{_at(line)}every edge must join two nodes of the network; got {called}, but no {name!r}; {hint}"
                )
        self._edges[tail, head] = line
        self._note(called, line, settings)

    def blueprint(self, *, in_order: bool) -> Blueprint:
        """Return what was read.

        Parameters
        ----------
        in_order
            Whether nodes stand in the order in which they were named, and not in that of numbers.
        """
        missing = dict.fromkeys(name for edge in self._edges for name in edge if name not in self._nodes)
        network = Network.of(self._edges, [*self._nodes, *missing] if in_order else None)
        try:
            return Blueprint(network, {element: note for element, (note, _) in self._notes.items()})
        except InvalidInput:
            for element, (note, line) in self._notes.items():
                _require_fit(network, element, note, line)
            raise

    def _note(self, element: str, line: int | None, settings: Mapping[str, str] | None) -> None:
        if settings:
            try:
                self._notes[element] = _noted(settings), line
            except (InvalidInput, UnknownName) as error:
                raise InvalidInput(f"{_at(line)}{error}") from error


def _noted(settings: Mapping[str, str]) -> Note:
    policy, quorum, approval = (settings.get(name) for name in ("failure", "quorum", "approval"))
    if policy is not None and policy not in _POLICIES:
        raise UnknownName("failure policy", policy, _POLICIES)
    if quorum is not None and not re.fullmatch("[0-9]{1,9}", quorum):
        raise InvalidInput(f"`quorum` must be a whole number of at least 1; got {quorum!r}.")
    if approval is not None and approval.lower() not in _TRUTH:
        raise InvalidInput(f"`approval` must be true or false; got {approval!r}.")
    return Note(
        role=settings.get("role"),
        failure=None if policy is None else _POLICIES[policy],
        quorum=None if quorum is None else int(quorum),
        approval=approval is not None and _TRUTH[approval.lower()],
    )


def _require_fit(network: Network, element: str, note: Note, line: int | None) -> None:
    try:
        Blueprint(network, {element: note})
    except InvalidInput as error:
        raise InvalidInput(f"{_at(line)}{error}") from error


def _at(line: int | None) -> str:
    return "" if line is None else f"line {line}: "


def _before(line: int | None) -> str:
    return "before" if line is None else f"in line {line}"
