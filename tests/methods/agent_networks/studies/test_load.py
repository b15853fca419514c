"""Runs under load, and what they weigh."""

import pytest

from consilience.dialogue.trials.load import WAYS
from consilience.methods.agent_networks.studies.load import network_of, weigh, weigh_apart


@pytest.mark.parametrize("way", WAYS)
def test_every_way_asks_the_same(way: str) -> None:
    weight = weigh("mesh", 6, 1, way)
    assert (weight.agents, weight.edges, weight.calls) == (21, 15, 1 + 2 * 15 + 10)
    assert weight.complete
    assert weight.largest_prompt == weigh("mesh", 6, 1, "bare").largest_prompt
    assert weight.cpu_ms == pytest.approx(1e3 * weight.cpu_s / weight.calls)
    assert weight.cpu_s > 0


def test_a_process_of_its_own_finds_the_same() -> None:
    apart, here = weigh_apart("chain", 5, 2, "session"), weigh("chain", 5, 2, "session")
    assert (apart.calls, apart.tokens, apart.largest_prompt) == (here.calls, here.tokens, here.largest_prompt)
    assert apart.calls == 1 + 4 * 4


def test_what_ends_badly_is_told() -> None:
    with pytest.raises(RuntimeError, match="star"):
        weigh_apart("stra", 5)


def test_networks_have_the_edges_that_they_are_called_for() -> None:
    assert len(network_of("sparse", 50).edges) == 150
    assert len(network_of("random", 50).edges) == round(0.1 * 50 * 49 / 2)
    assert len(network_of("star", 50).edges) == 49
