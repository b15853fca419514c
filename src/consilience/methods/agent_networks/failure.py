"""Failure: what becomes of a run when an element of it fails for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName
from consilience.methods.agent_networks.graph import Network

__all__ = ["END", "ElementFailed", "Failure", "Policy"]

END = "+"
"""Element that makes one artifact of those of several last nodes."""

Policy = Literal["fail", "skip", "fallback"]
"""Stop the run; go on without the element; or let pass, unrefined, what the element was given."""


class ElementFailed(ConsilienceError):
    """An element of a run failed for good, and its policy is to stop.

    Parameters
    ----------
    element
        Which one.
    reason
        Why, in one line.
    """

    def __init__(self, element: str, reason: str) -> None:
        self.element = element
        self.reason = reason
        super().__init__(
            f"{element} failed: {reason}. What was answered is kept where there is a journal: run again to go on, "
            "or have failures of it skipped"
        )

    def __reduce__(self) -> tuple[type[ElementFailed], tuple[str, str]]:
        """Pickle by both arguments, so that the error crosses a process boundary whole."""
        return type(self), (self.element, self.reason)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What to do about elements that fail: a model that does not answer, a draft that never parses, a rejection.

    An edge may fail, be skipped (its child goes on with what else comes in) or fall back (the parent's artifact passes
    unrefined). A node fails when it cannot draft, when too little comes in, or when a merge fails; a merge that is
    skipped or falls back gives its best parsed member, the first of equals. A node that is skipped gives nothing, and
    neither does an edge from it. A run whose last nodes all give nothing fails whatever the policy.

    Parameters
    ----------
    policy
        Of every element that `each` does not name.
    each
        Policies by element, such as ``{"3->7": "skip", "7": "fallback"}``.
    quorum
        How many of its in-edges a node needs, or all of them where it has fewer.
    quorums
        The same by node.

    Examples
    --------
    >>> failure = Failure(each={"3->7": "skip"}, quorums={"7": 2})
    >>> failure.of("3->7"), failure.of("2->7"), failure.needed("7", 3), failure.needed("8", 3)
    ('skip', 'fail', 2, 1)
    """

    policy: Policy = "fail"
    each: Mapping[str, Policy] = field(default_factory=dict)
    quorum: int = 1
    quorums: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for policy in (self.policy, *self.each.values()):
            if policy not in get_args(Policy):
                raise UnknownName("failure policy", policy, get_args(Policy))
        for quorum in (self.quorum, *self.quorums.values()):
            if quorum < 1:
                raise InvalidInput(f"a quorum must be at least 1; got {quorum!r}")

    def of(self, element: str) -> Policy:
        """Return the policy of a node or an edge."""
        return self.each.get(element, self.policy)

    def needed(self, node: str, incoming: int) -> int:
        """Return how many of its in-edges a node needs."""
        return min(self.quorums.get(node, self.quorum), incoming)

    def check(self, network: Network) -> None:
        """See that whatever is named is there.

        Raises
        ------
        UnknownName
            For an element that the network does not have.
        InvalidInput
            For a quorum of more in-edges than a node has.
        """
        _require("element", self.each, {*network.nodes, *network.edge_names, END})
        _require("node", self.quorums, set(network.nodes))
        for node, quorum in self.quorums.items():
            incoming = len(network.incoming(network.positions[node]))
            if quorum > incoming:
                raise InvalidInput(f"the quorum of {node!r} must be at most its {incoming} in-edges; got {quorum}")


def _require(what: str, named: Iterable[str], known: set[str]) -> None:
    for name in named:
        if name not in known:
            raise UnknownName(what, name, known)
