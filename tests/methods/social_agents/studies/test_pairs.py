"""No byte of others depends on a secret; where one does, the channel is named."""

import pytest

from consilience.ground import Streams
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.studies import pairs
from consilience.methods.social_agents.studies.pairs import SHARES, different, paired


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(pairs, "SHARES", {"needle-1": 0.5, "needle-2": 0.5})


@pytest.mark.parametrize("absent", [False, True])
def test_another_secret_or_none_is_the_same_to_others(few, absent) -> None:
    found = paired(4, Streams(3), absent=absent)
    assert found.pairs == {"needle-1": 2, "needle-2": 2}
    assert found.texts > 0
    assert found.differing == []


@pytest.mark.parametrize("absent", [False, True])
def test_a_wire_that_lets_everything_pass_is_found_out(few, monkeypatch, absent) -> None:
    monkeypatch.setattr(GuardedWire, "hides", lambda *_: None)
    monkeypatch.setattr("consilience.methods.social_agents.policy.Policy.sift", lambda _, rows, *__, **___: list(rows))
    monkeypatch.setattr("consilience.methods.social_agents.gate._stopped", lambda *_: None)
    monkeypatch.setattr("consilience.methods.social_agents.gate._to_ask", lambda *_: {})
    assert paired(4, Streams(3), absent=absent).differing


def test_a_channel_in_which_a_byte_differs_is_named() -> None:
    one = {"texts": [("ann", "a"), ("bea", "b")], "log": [("ann", "x")], "transcript": [("ann", "1")]}
    two = {"texts": [("ann", "a"), ("bea", "c")], "log": [("ann", "x")], "transcript": [("ann", "2")]}
    assert list(different(one, two)) == ["texts"]
    assert not list(different(one, dict(one)))


def test_all_sets_have_their_share() -> None:
    assert abs(sum(SHARES.values()) - 1) < 1e-9
