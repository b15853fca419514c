"""The rules of a person are theirs, and the last one that they add comes first."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app import policies as module
from consilience.methods.social_agents.app.policies import Policies
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.store import Store


def test_who_has_said_nothing_has_the_defaults(store: Store) -> None:
    policy = Policies(store).of("ann")
    assert policy.on("I am at home.", "ben").verdict == "ask"
    assert policy.on("My password is tulip.", "ben").verdict == "never"


def test_the_last_rule_comes_first_and_is_kept(store: Store) -> None:
    policies = Policies(store)
    never, allow = Rule(who="ben", verdict="never"), Rule(who="ben", verdict="allow")
    policies.add("ann", never)
    policies.add("ann", allow)
    policies.add("ann", never)
    assert Policies(store).of("ann").rules == (never, allow)
    assert policies.of("cyd").rules == ()


def test_a_rule_is_taken_away_by_its_place(store: Store) -> None:
    policies = Policies(store)
    policies.add("ann", Rule(who="ben", verdict="never"))
    policies.drop("ann", 0)
    assert policies.of("ann").rules == ()
    with pytest.raises(InvalidInput, match="place"):
        policies.drop("ann", 0)


def test_there_is_an_end_to_rules(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_RULES", 2)
    policies = Policies(store)
    for label in ("health", "money"):
        policies.add("ann", Rule(label=label, verdict="never"))
    with pytest.raises(InvalidInput, match="the most"):
        policies.add("ann", Rule(label="place", verdict="never"))


def test_somebody_is_in_one_group_or_in_none(store: Store) -> None:
    policies = Policies(store)
    policies.put_in_group("ann", "ben", "family")
    policies.put_in_group("ann", "ben", "work")
    policies.put_in_group("ann", "cyd", "work")
    assert [policies.group("ann", other) for other in ("ben", "cyd", "dan")] == ["work", "work", ""]
    policies.put_in_group("ann", "ben", "")
    assert policies.of("ann").on("I am at home.", "ben").verdict == "ask"
    with pytest.raises(InvalidInput, match="group"):
        policies.put_in_group("ann", "ben", "new")
