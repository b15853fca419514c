import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget
from consilience.dialogue.limits import Limits
from consilience.dialogue.opening import Opening
from consilience.dialogue.session import Session
from consilience.dialogue.work.kinds import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import UnknownName
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.parts import SharedRun, divide
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.topology import chain, layer, mesh, random

NODES, SEEDS = st.integers(2, 60), st.integers(0, 99)


def calls_of(network, node, rounds, group):
    edges = len(network.parents(node))
    return 2 * rounds * edges + merge_calls(edges, group) if edges else 1


@settings(max_examples=40)
@given(NODES, SEEDS, st.integers(1, 9), st.integers(1, 4))
def test_each_node_belongs_to_one_part_and_no_part_does_much_more_than_its_share(nodes, seed, parts, rounds):
    network = random(nodes, seed=seed)
    owners = divide(network, parts, rounds=rounds)
    weights = [calls_of(network, node, rounds, 2) for node in range(len(network))]
    loads = [
        sum(weight for weight, owner in zip(weights, owners, strict=True) if owner == part) for part in range(parts)
    ]
    assert len(owners) == len(network)
    assert set(owners) <= set(range(parts))
    most = min(parts, len(network))
    assert max(loads) <= sum(weights) / most * (1 + 1 / 8) + max(weights)


@settings(max_examples=20)
@given(NODES, SEEDS, st.integers(1, 9))
def test_a_division_is_the_same_every_time(nodes, seed, parts):
    network = random(nodes, seed=seed)
    assert divide(network, parts) == divide(Network(network.nodes, network.edges), parts)


def test_more_parts_than_nodes_are_as_many_as_there_are_nodes():
    assert set(divide(mesh(3), 50)) <= {0, 1, 2}
    assert divide(chain(1), 8) == (0,)


def test_neighbours_stay_together_where_nothing_is_lost_by_it():
    network = chain(8000)
    owners = divide(network, 4)
    crossing = sum(owners[tail] != owners[head] for tail, head in network.edges)
    assert crossing <= 4 * 8
    assert set(owners) == {0, 1, 2, 3}


def test_each_layer_is_shared_out():
    network = layer(64)
    owners = divide(network, 4)
    widest = max(set(network.depth), key=network.depth.count)
    at_once = [owner for owner, depth in zip(owners, network.depth, strict=True) if depth == widest]
    assert set(at_once) == {0, 1, 2, 3}


@settings(max_examples=40)
@given(st.integers(0, 1000), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_shares_of_a_budget_are_no_more_than_the_budget(cap, weights):
    opening = Opening(model="rehearsal:echo", journal="", run="r", budget=Budget(calls=cap, tokens=7 * cap, wall_s=3.0))
    shares = [opening.session(None, None, (weight, sum(weights))).purse.budget for weight in weights]
    assert sum(share.calls for share in shares) <= cap
    assert sum(share.tokens for share in shares) <= 7 * cap
    assert {share.wall_s for share in shares} == {3.0}
    assert opening.session(None, None).purse.budget == opening.budget


def test_shares_of_a_rate_make_up_the_rate_and_every_part_may_have_one_call_under_way():
    limits = Limits(requests_per_minute=600, tokens_per_minute=9000, concurrency=5)
    opening = Opening(model="rehearsal:echo", journal="", run="r", limits=limits)
    shares = [opening.session(None, None, (weight, 10)).throttle.limits for weight in (1, 4, 5)]
    assert sum(share.requests_per_minute for share in shares) == pytest.approx(600)
    assert sum(share.tokens_per_minute for share in shares) == pytest.approx(9000)
    assert [share.concurrency for share in shares] == [1, 2, 2]


def test_stand_ins_of_the_room_can_be_asked_and_unknown_ones_cannot():
    session = Opening(model="rehearsal:solver", journal="", run="r").session(None, None, players=PLAYERS)
    assert isinstance(session, Session)
    with pytest.raises(UnknownName, match="solver"):
        Opening(model="rehearsal:solvr", journal="", run="r").session(None, None, players=PLAYERS)


def test_a_run_crosses_a_process_boundary_whole():
    run = SharedRun(
        network=mesh(5),
        task="Say it.",
        opening=Opening(model="rehearsal:solver", journal="postgresql:///x", run="r"),
        kind=Text(),
        parts=divide(mesh(5), 2),
    )
    assert pickle.loads(pickle.dumps(run)) == run
