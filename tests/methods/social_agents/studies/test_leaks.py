"""With a gate nothing crosses, without one the study sees that it does; a difference is a difference."""

import numpy as np
import pytest

from consilience.methods.social_agents.gate import Blocked, Gate
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.studies.leaks import allowed_and_blocked
from consilience.methods.social_agents.studies.overhearing import overheard
from consilience.methods.social_agents.studies.secrets import spelling
from consilience.methods.social_agents.studies.success import SETS


def heard(play, *, guarded):
    world = SETS["needle-1"](2, np.random.default_rng(0))
    return overheard(world, play, np.random.default_rng(1), guarded=guarded)


@pytest.mark.parametrize(
    "play", [PLAYERS["neighbour-leaky"], spelling("plain"), spelling("base64")], ids=["leaky", "plain", "base64"]
)
def test_what_leaks_without_a_gate_does_not_with_it(play) -> None:
    without, behind = heard(play, guarded=False), heard(play, guarded=True)
    assert without.exposed == without.leaked == 2
    assert behind.exposed == 2
    assert not behind.crossings
    assert behind.withheld > 0


def test_honest_models_leak_nothing_and_nothing_of_theirs_is_withheld() -> None:
    for guarded in (True, False):
        found = heard(PLAYERS["neighbour"], guarded=guarded)
        assert found.solved == 2
        assert not found.crossings
        assert found.withheld == 0


def test_a_gate_that_lets_everything_pass_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr("consilience.methods.social_agents.gate._stopped", lambda *_: None)
    monkeypatch.setattr("consilience.methods.social_agents.gate._to_ask", lambda *_: {})
    assert heard(PLAYERS["neighbour-leaky"], guarded=True).crossings


def test_what_is_allowed_is_not_stopped_and_a_gate_that_stops_all_is_counted(monkeypatch) -> None:
    assert allowed_and_blocked(40, np.random.default_rng(0)) == (0, 40)
    monkeypatch.setattr(Gate, "check", lambda *_, **__: Blocked("no"))
    assert allowed_and_blocked(40, np.random.default_rng(0)) == (40, 40)
