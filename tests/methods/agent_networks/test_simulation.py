import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.simulation import ASPECTS, merged, simulate, simulated_player
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.topology import TOPOLOGIES, topology
from consilience.methods.agent_networks.traversal import traverse
from consilience.methods.agent_networks.workshop import Workshop

PERFECT = Solver(knows=1, tail=0, keeps=1, crowding=0, breaks=0, false_alarm=0)


def run(network, solver, number, *, seed, rounds=3, group=2):
    async def work():
        async with Session(Rehearsal(simulated_player(solver, seed), name="simulated")) as session:
            kind = Workshop(number=number, features=ASPECTS)
            result = await traverse(network, kind.task, session, kind=kind, seed=seed, rounds=rounds, group=group)
            return result, kind.right(result.artifact)

    return asyncio.run(work())


def turns_of(network, result, group):
    """The longest path of questions, from what each element asked, in the order of the network."""
    when = {}

    def gathered(came):
        while len(came) > 1:
            groups = [came[start : start + group] for start in range(0, len(came), group)]
            came = [max(members) + (len(members) > 1) for members in groups]
        return came[0]

    for node in network.order:
        came = [
            when[network.edges[edge][0]] + result.elements[network.edge_names[edge]].calls
            for edge in network.incoming(node)
        ]
        when[node] = gathered(came) if came else result.elements[network.nodes[node]].calls
    return gathered([when[sink] for sink in network.sinks])


@pytest.mark.parametrize("solver", [Solver(), Solver(rollback=0.1, keeps=0.7, false_alarm=0.9)])
@pytest.mark.parametrize("shape", TOPOLOGIES)
@settings(max_examples=3)
@given(agents=st.integers(1, 7), seed=st.integers(0, 2**31), at_most=st.tuples(st.integers(1, 4), st.integers(2, 4)))
def test_a_simulation_is_the_run_from_prompt_to_artifact(shape, solver, agents, seed, at_most):
    rounds, group = at_most
    network = topology(shape, agents, seed=seed)
    simulated = simulate(network, solver, range(seed % 1000, seed % 1000 + 2), rounds=rounds, group=group, seed=seed)
    result, right = run(network, solver, seed % 1000 + 1, seed=seed, rounds=rounds, group=group)
    assert [bool(int(simulated.right[1]) >> at & 1) for at in range(ASPECTS)] == list(right)
    assert simulated.calls[1] == result.spent.calls
    assert simulated.turns[1] == turns_of(network, result, group)


def test_several_beginnings_and_ends_are_merged_as_in_a_run():
    network = Network.of([("a", "c"), ("b", "c"), ("b", "d"), ("b", "e"), ("c", "f")])
    simulated = simulate(network, Solver(), range(40, 44), seed=3)
    for at, number in enumerate(range(40, 44)):
        result, right = run(network, Solver(), number, seed=3)
        assert simulated.quality[at] == np.mean(right)
        assert simulated.calls[at] == result.spent.calls


def test_who_knows_and_keeps_all_has_all_right_at_once():
    simulated = simulate(topology("mesh", 6), PERFECT, range(4))
    assert (simulated.quality == 1).all()
    edges, merges = 15, 10
    assert (simulated.calls == 1 + edges + merges).all()


def test_who_forgets_all_at_each_hop_has_nothing_left():
    forgets = replace(PERFECT, rollback=1, false_alarm=1)
    assert (simulate(topology("chain", 2), forgets, range(4), rounds=1).quality == 1 / ASPECTS).sum() == 0
    assert (simulate(topology("chain", 2), forgets, range(4), rounds=1).quality == 0).all()


def test_tasks_do_not_depend_on_those_beside_them():
    network = topology("layer", 6)
    together, apart = simulate(network, Solver(), range(10)), simulate(network, Solver(), range(7, 8))
    assert together.right[7] == apart.right[0]
    assert len(set(together.right.tolist())) > 1


def test_a_merge_keeps_what_any_has_but_for_what_it_loses():
    keys = np.arange(2000, dtype=np.uint64) * np.uint64(7919)
    ones, none = np.full(2000, 2**64 - 1, dtype=np.uint64), np.zeros(2000, dtype=np.uint64)
    assert (merged(PERFECT, [ones, none], keys) == ones).all()
    assert (merged(PERFECT, [none, none], keys) == none).all()
    kept = np.bitwise_count(merged(Solver(), [ones, none, none, none], keys)).mean() / ASPECTS
    assert kept == pytest.approx(0.985 - 0.02, abs=0.002)


def test_a_simulated_player_wants_a_workshop():
    question = Question("0", (Message("system", ("You act.",)), Message("user", ("Write a poem.",))))
    with pytest.raises(InvalidInput, match="workshops only"):
        simulated_player(Solver(), 0)(question, np.random.default_rng(0))
