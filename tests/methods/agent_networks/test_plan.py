"""Plans: the paper's counts, an engine of events beside the critical path, and bounds that hold."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.command.forecast import Pace, Span
from consilience.dialogue.messages import Usage
from consilience.dialogue.work.merging import Gathering, merge_calls, merge_levels
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.plan import Lengths, plan, priorities
from consilience.methods.agent_networks.topology import TOPOLOGIES, chain, mesh, random, star, topology


@pytest.mark.parametrize(
    ("name", "agents", "calls", "turns"),
    [
        ("chain", 16, 31, 31),
        ("chain", 64, 127, 127),
        ("star", 16, 45, 7),
        ("star", 64, 189, 9),
        ("tree", 16, 38, 12),
        ("tree", 64, 158, 18),
        ("layer", 16, 139, 15),
        ("layer", 64, 1593, 35),
        ("mesh", 16, 346, 76),
        ("mesh", 64, 5986, 442),
    ],
)
def test_counts_of_the_shapes_at_two_turns_an_edge(name: str, agents: int, calls: int, turns: int) -> None:
    network = topology(name, agents)
    told = plan(network, rounds=1)
    assert told.calls.most == calls
    # when merges wait until everything is there, as the priorities assume
    waiting = max(priorities(network, rounds=1).nodes) + merge_levels(len(network.sinks), 2)
    assert waiting == turns
    # merges that start when their members are there are never later; in a mesh, parents come one by one
    assert told.turns.most == turns if name != "mesh" else told.turns.most < 0.8 * turns


def ends_of_a_run(network: Network, group: int, edge_turns: int) -> int:
    """The last turn of a run by the traversal's own gatherings, event by event, with as many workers as it takes."""
    gatherings = [Gathering(max(len(network.parents(node)), 1), group) for node in range(len(network))]
    final = Gathering(len(network.sinks), group)
    events = [(1, "commit", node, 0, 0) for node in network.sources]
    end = 0
    while events:
        events.sort()
        now, what, node, level, index = events.pop(0)
        end = max(end, now)
        if what == "commit":
            for edge in network.outgoing(node):
                head = network.edges[edge][1]
                place = network.incoming(head).index(edge)
                events.append((now + edge_turns, "put", head, 0, place))
            if node not in network.sinks:
                continue
            what, node, index = "put", -1, network.sinks.index(node)
        gathering = gatherings[node] if node >= 0 else final
        completed = gathering.put(level, index, "work")
        if completed is not None:
            events.append((now + 1, "put", node, completed.level + 1, completed.index))
        elif gathering.complete and node >= 0:
            events.append((now, "commit", node, 0, 0))
    assert final.complete
    return end


SHAPES = st.tuples(st.sampled_from(sorted(TOPOLOGIES)), st.integers(1, 20), st.integers(0, 99))


@given(SHAPES, st.booleans(), st.integers(2, 4), st.integers(1, 3))
def test_the_critical_path_is_that_of_the_run(
    shape: tuple[str, int, int], turned: bool, group: int, rounds: int
) -> None:
    name, agents, seed = shape
    network = topology(name, agents, reverse=turned, seed=seed)
    told = plan(network, rounds=rounds, group=group)
    assert told.turns.most == ends_of_a_run(network, group, 2 * rounds)
    assert told.turns.least == ends_of_a_run(network, group, 1)


@given(st.integers(2, 30), st.integers(0, 99), st.integers(2, 5), st.integers(1, 4))
def test_calls_add_up_and_bounds_are_in_order(agents: int, seed: int, group: int, rounds: int) -> None:
    network = random(agents, seed=seed)
    told = plan(network, rounds=rounds, group=group, price=lambda usage: usage.output_tokens * 1e-6)
    gathered = [len(network.parents(node)) or 1 for node in range(agents)] + [len(network.sinks)]
    assert told.merges == sum(merge_calls(count, group) for count in gathered)
    edges = len(network.edges)
    assert told.calls == (told.drafts + told.merges + edges, told.drafts + told.merges + 2 * rounds * edges)
    assert told.usd is not None
    for span in (told.calls, told.input_tokens, told.output_tokens, told.usd, told.turns, told.seconds, told.work_s):
        assert 0 < span.least < span.most
    assert told.usd.most == pytest.approx(told.output_tokens.most * 1e-6)
    assert told.seconds.most <= told.work_s.most + 1e-9


def test_tokens_are_counted_call_by_call() -> None:
    lengths = Lengths(task=1, instructions=10, artifact=100, comment=1000, finished=3)
    told = plan(star(4), rounds=2, group=2, lengths=lengths)
    # a draft, 3 edges of 2 rounds, 2 merges of two
    assert told.input_tokens.most == 11 + 3 * 2 * (111 + 1111) + 2 * 211
    assert told.output_tokens.most == 100 + 3 * 2 * (1000 + 100) + 2 * 100
    assert told.input_tokens.least == 11 + 3 * 111 + 2 * 211
    assert told.output_tokens.least == 100 + 3 * 3 + 2 * 100
    assert told.largest_prompt == 1111
    assert (
        plan(star(5), group=4, lengths=Lengths(task=1, instructions=10, artifact=100, comment=10)).largest_prompt == 411
    )


def test_the_largest_prompt_does_not_grow_with_the_network() -> None:
    assert plan(mesh(64)).largest_prompt == plan(mesh(16)).largest_prompt


def test_seconds_follow_the_pace() -> None:
    lengths = Lengths(artifact=100, comment=50, finished=0)
    told = plan(chain(3), rounds=1, lengths=lengths, pace=Pace(first_s=1, tokens_per_s=50))
    # a draft of 3 s; two edges of a comment of 2 s and a refinement of 3 s, or only a word of 1 s
    assert told.seconds == pytest.approx((5.0, 13.0))
    assert told.work_s == told.seconds
    assert told.critical_path == ("0", "0->1", "1", "1->2", "2")


def test_fewer_calls_at_once_take_longer() -> None:
    told = plan(star(50))
    assert told.seconds_with(1) == told.work_s
    assert told.seconds_with(10_000) == told.seconds
    assert all(
        slow.most >= fast.most for slow, fast in pairwise(told.seconds_with(at_once) for at_once in (1, 2, 8, 64))
    )
    with pytest.raises(InvalidInput, match="`at_once` must be at least 1; got 0"):
        told.seconds_with(0)


def test_the_critical_path_is_a_path_from_a_source_to_a_sink() -> None:
    network = random(40, edges=90, seed=5)
    path = plan(network).critical_path
    nodes = [network.positions[name] for name in path[::2]]
    assert nodes[0] in network.sources
    assert nodes[-1] in network.sinks
    assert [f"{tail}->{head}" for tail, head in pairwise(path[::2])] == list(path[1::2])
    assert set(path[1::2]) <= set(network.edge_names)


def test_a_single_agent_drafts_and_that_is_all() -> None:
    told = plan(topology("chain", 1))
    assert (told.calls, told.turns, told.merges) == ((1, 1), (1, 1), 0)
    assert told.critical_path == ("0",)
    assert told.largest_prompt == Lengths().task + Lengths().instructions


def test_an_unknown_price_is_no_price() -> None:
    assert plan(chain(3)).usd is None
    assert plan(chain(3), price=lambda usage: None if usage.output_tokens < 100 else 1.0).usd is None
    assert plan(chain(3), rounds=2, price=lambda _: 1.0).usd == Span(3, 9)
    assert plan(topology("chain", 1), price=lambda usage: 1.0 if usage.input_tokens < 500 else None).usd == Span(1, 1)


@given(st.integers(2, 30), st.integers(0, 99))
def test_priorities_fall_along_every_path(agents: int, seed: int) -> None:
    network = random(agents, seed=seed)
    nodes, edges = priorities(network, rounds=2)
    for (tail, head), edge in zip(network.edges, edges, strict=True):
        assert nodes[tail] >= edge == 4 + nodes[head]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rounds": 0}, "`rounds` must be at least 1; got 0"),
        ({"group": 1}, "`group` must be at least 2, or nothing is ever merged; got 1"),
    ],
)
def test_settings_out_of_range(settings: dict, message: str) -> None:
    for count in (plan, priorities):
        with pytest.raises(InvalidInput, match=message):
            count(chain(3), **settings)


def test_lengths_and_paces_out_of_range() -> None:
    with pytest.raises(InvalidInput, match="`comment` must be at least 0 tokens; got -1"):
        Lengths(comment=-1)
    for bad in ({"first_s": -1.0}, {"tokens_per_s": 0.0}, {"first_s": float("nan")}):
        with pytest.raises(InvalidInput, match="`first_s` of at least 0 and `tokens_per_s` above 0"):
            Pace(**bad)


def test_usages_are_priced_once_each() -> None:
    asked: list[Usage] = []
    plan(mesh(10), price=lambda usage: asked.append(usage) or 1.0)
    assert len(asked) == len(set(asked)) == 5
