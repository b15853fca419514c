"""The rules of a person are theirs, and the last one that they add comes first."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

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
    never, allow = Rule(who="ben", verdict="never"), Rule(who="ben", verdict="allow")
    policies.add("ann", never)
    policies.add("ann", allow)
    policies.drop("ann", 0, str(allow))
    for place, rule in ((0, allow), (1, never), (-1, never), (0, "")):  # what a page that is old may send
        with pytest.raises(InvalidInput, match="place"):
            policies.drop("ann", place, str(rule))
    assert policies.of("ann").rules == (never,)
    policies.drop("ann", 0, str(never))
    assert policies.of("ann").rules == ()


@pytest.mark.parametrize("kind", ["file", "server"])
def test_of_changes_at_once_none_is_lost(kind: str, request: pytest.FixtureRequest, tmp_path) -> None:
    place = tmp_path / "x.sqlite" if kind == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as store, ThreadPoolExecutor(4) as threads:
        policies = Policies(store)
        rules = [Rule(who=f"p{n}", label=label, verdict="ask") for n, label in product(range(6), ("health", "money"))]
        work = [threads.submit(policies.add, "ann", rule) for rule in rules]
        work += [threads.submit(policies.put_in_group, "ann", f"p{n}", "work") for n in range(6)]
        for one in work:
            one.result()
        policy = policies.of("ann")
    assert set(policy.rules) == set(rules)
    assert policy.groups == {"work": frozenset(f"p{n}" for n in range(6))}


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
