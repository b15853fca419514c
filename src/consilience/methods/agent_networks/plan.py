"""A plan of a run: what it will take, counted on the network before anybody is asked anything.

A source drafts with one call. An edge takes up to R rounds of a critic's and an actor's call; a critic who has nothing
to add at once makes it a single call. What k in-edges bring is merged in groups, and so is what several sinks leave.
All bounds are for a run in which nothing fails and nothing has to be asked again.

Source: "Scaling Large Language Model-based Multi-Agent Collaboration", arXiv:2406.07155, as summaries
and the released code have it; the bounds are derived here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consilience.dialogue.command.forecast import Pace, Span, seconds_with
from consilience.dialogue.messages import Usage
from consilience.dialogue.work.merging import SMALLEST, merge_levels
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.graph import Network

__all__ = ["Lengths", "Plan", "Priorities", "plan", "priorities"]

_Bill = Sequence[tuple[int, Usage]]
"""How many calls of which kind."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long texts are taken to be, in tokens."""

    task: int = 150
    """The task."""
    instructions: int = 250
    """What a role is told: its profile, its duties, the form of an answer."""
    artifact: int = 700
    """A draft, and whatever it is refined to or merged into."""
    comment: int = 120
    """A critic's comment."""
    finished: int = 4
    """A critic's word that there is nothing to add."""

    def __post_init__(self) -> None:
        for name, tokens in vars(self).items():
            if tokens < 0:
                raise InvalidInput(f"`{name}` must be at least 0 tokens; got {tokens}.")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will take, if nothing fails."""

    agents: int
    """Actors and critics."""
    drafts: int
    """Calls of actors who begin."""
    critics: Span
    """Calls of critics."""
    actors: Span
    """Calls of actors who refine."""
    merges: int
    """Calls that make one artifact of several."""
    input_tokens: Span
    """Tokens of all questions."""
    output_tokens: Span
    """Tokens of all answers."""
    usd: Span | None
    """Money; None where no price is known."""
    turns: Span
    """Calls on the longest path, each of which waits for the one before."""
    seconds: Span
    """Time of the slowest path, when as many are asked at once as can be."""
    work_s: Span
    """Time of all answers, one after the other."""
    largest_prompt: int
    """Tokens of the longest question; it does not grow with the network."""
    critical_path: tuple[str, ...]
    """Nodes and edges of the slowest path at most, from a source to a sink, as they are called in a run."""

    @property
    def calls(self) -> Span:
        """All calls."""
        return Span(
            *(
                self.drafts + self.merges + critic + actor
                for critic, actor in zip(self.critics, self.actors, strict=True)
            )
        )

    def seconds_with(self, at_once: int) -> Span:
        r"""Return how long the run takes at least with so many calls at once: :math:`\max(path, work / at\_once)`.

        Examples
        --------
        >>> from consilience.methods.agent_networks.topology import star
        >>> alone = plan(star(9)).seconds_with(1)
        >>> alone == plan(star(9)).work_s
        True
        """
        return seconds_with(self, at_once)


class Priorities(NamedTuple):
    """Calls that remain on the longest path: whoever has most of them goes first."""

    nodes: tuple[float, ...]
    """From each node on, its own draft or merges included."""
    edges: tuple[float, ...]
    """From each edge on, its own rounds included."""


def priorities(network: Network, *, rounds: int = 3, group: int = 2) -> Priorities:
    """Return the longest remaining path of every node and edge, in calls, for critics who are never content.

    The merges that follow the sinks are the same for all and left out. A node counts as many merges one upon the other
    as it has levels of them.

    Parameters
    ----------
    network
        The agents.
    rounds
        Comments and refinements of each edge at most.
    group
        How many artifacts are merged at once.

    Examples
    --------
    >>> priorities(Network.of([(0, 1), (1, 2), (0, 2)]), rounds=1)
    Priorities(nodes=(6.0, 3.0, 1.0), edges=(5.0, 3.0, 3.0))
    """
    _require(rounds, group)
    edge_turns = 2.0 * rounds
    own = [
        float(merge_levels(incoming, group)) if incoming else 1.0
        for incoming in (len(network.incoming(node)) for node in range(len(network)))
    ]
    after = network.remaining(own, edge_turns)
    return Priorities(after, tuple(edge_turns + after[head] for _, head in network.edges))


def plan(
    network: Network,
    *,
    rounds: int = 3,
    group: int = 2,
    lengths: Lengths = Lengths(),
    pace: Pace = Pace(),  # noqa: B008  frozen
    price: Callable[[Usage], float | None] | None = None,
) -> Plan:
    """Count what a run will take.

    Parameters
    ----------
    network
        The agents.
    rounds
        Comments and refinements of each edge at most, at least 1.
    group
        How many artifacts are merged at once, at least 2.
    lengths
        How long texts are taken to be.
    pace
        How fast answers are taken to come.
    price
        What a single call costs in dollars, or None where that is not known.

    Raises
    ------
    InvalidInput
        For settings out of range.

    Examples
    --------
    >>> from consilience.methods.agent_networks.topology import mesh
    >>> told = plan(mesh(16), rounds=1)
    >>> told.calls, told.turns
    (Span(least=226, most=346), Span(least=44, most=59))
    """
    _require(rounds, group)
    merges, calls = _merges(network, group), _Calls.of(lengths)
    drafts, edges = len(network.sources), len(network.edges)
    fixed = [(drafts, calls.draft), *((count, calls.merge(size)) for size, count in merges.items())]
    least = [*fixed, (edges, calls.content)]
    most = [*fixed, (edges * rounds, calls.critic), (edges * rounds, calls.actor)]
    quickest, _ = _slowest_path(network, calls.steps(pace, (calls.content,)), group)
    slowest, path = _slowest_path(network, calls.steps(pace, (calls.critic, calls.actor) * rounds), group)
    return Plan(
        agents=network.agents,
        drafts=drafts,
        critics=Span(edges, edges * rounds),
        actors=Span(0, edges * rounds),
        merges=sum(merges.values()),
        input_tokens=_span(least, most, lambda usage: usage.input_tokens),
        output_tokens=_span(least, most, lambda usage: usage.output_tokens),
        usd=_money(least, most, price),
        turns=Span(*(_slowest_path(network, _Steps(1, turns, 1), group)[0] for turns in (1, 2 * rounds))),
        seconds=Span(quickest, slowest),
        work_s=_span(least, most, lambda usage: pace.seconds(usage.output_tokens)),
        largest_prompt=max(usage.input_tokens for count, usage in most if count),
        critical_path=path,
    )


class _Steps(NamedTuple):
    """What the steps of a path cost, one upon the other."""

    draft: float
    edge: float
    merge: float


class _Calls(NamedTuple):
    """What each kind of call takes."""

    draft: Usage
    content: Usage
    critic: Usage
    actor: Usage

    @classmethod
    def of(cls, lengths: Lengths) -> _Calls:
        start = lengths.instructions + lengths.task
        reading = start + lengths.artifact
        return cls(
            draft=Usage(start, lengths.artifact),
            content=Usage(reading, lengths.finished),
            critic=Usage(reading, lengths.comment),
            actor=Usage(reading + lengths.comment, lengths.artifact),
        )

    def merge(self, size: int) -> Usage:
        start, artifact = self.draft.input_tokens, self.draft.output_tokens
        return Usage(start + size * artifact, artifact)

    def steps(self, pace: Pace, edge: Sequence[Usage]) -> _Steps:
        writing = pace.seconds(self.draft.output_tokens)
        return _Steps(writing, sum(pace.seconds(usage.output_tokens) for usage in edge), writing)


def _require(rounds: int, group: int) -> None:
    if rounds < 1:
        raise InvalidInput(f"`rounds` must be at least 1; got {rounds}.")
    if group < SMALLEST:
        raise InvalidInput(f"`group` must be at least {SMALLEST}, or nothing is ever merged; got {group}.")


def _span(least: _Bill, most: _Bill, of: Callable[[Usage], float]) -> Span:
    return Span(*(sum(count * of(usage) for count, usage in bill) for bill in (least, most)))


def _money(least: _Bill, most: _Bill, price: Callable[[Usage], float | None] | None) -> Span | None:
    if price is None:
        return None
    usages = {usage for count, usage in (*least, *most) if count}
    prices = {usage: price(usage) for usage in usages}
    known = {usage: usd for usage, usd in prices.items() if usd is not None}
    if len(known) < len(prices):
        return None
    return _span([one for one in least if one[0]], [one for one in most if one[0]], known.__getitem__)


def _merges(network: Network, group: int) -> Counter[int]:
    """Return how many merges there are of each number of artifacts."""
    gathered = Counter(len(network.incoming(node)) for node in range(len(network)))
    gathered[len(network.sinks)] += 1
    merges: Counter[int] = Counter()
    for gathered_at_once, times in gathered.items():
        pieces = gathered_at_once
        while pieces > 1:
            whole, rest = divmod(pieces, group)
            merges[group] += whole * times
            if rest > 1:
                merges[rest] += times
            pieces = whole + (rest > 0)
    return +merges


def _slowest_path(network: Network, steps: _Steps, group: int) -> tuple[float, tuple[str, ...]]:
    """Return when a run ends, and the nodes and edges that everything at its end waited for."""
    done = [0.0] * len(network)
    waited_for = [-1] * len(network)
    for node in network.order:
        incoming = network.incoming(node)
        if incoming:
            came = [(done[network.edges[edge][0]] + steps.edge, edge) for edge in incoming]
            done[node], waited_for[node] = _gathered(came, steps.merge, group)
        else:
            done[node] = steps.draft
    end, node = _gathered([(done[node], node) for node in network.sinks], steps.merge, group)
    path = [network.nodes[node]]
    while waited_for[node] >= 0:
        edge = waited_for[node]
        node = network.edges[edge][0]
        path += [network.edge_names[edge], network.nodes[node]]
    return end, tuple(reversed(path))


def _gathered(came: list[tuple[float, int]], merge: float, group: int) -> tuple[float, int]:
    """Return when the last merge of some pieces is done, and whose coming decided that.

    A group is merged as soon as its members are there; one that is alone in its group goes up as it is.
    """
    while len(came) > 1:
        groups = [came[start : start + group] for start in range(0, len(came), group)]
        came = [_merged(members, merge) for members in groups]
    return came[0]


def _merged(members: list[tuple[float, int]], merge: float) -> tuple[float, int]:
    when, who = max(members)
    return (when + merge, who) if len(members) > 1 else (when, who)
