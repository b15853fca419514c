"""The town: its counts, its degrees, that all are connected, and that nobody was told what they ask for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person
from consilience.methods.social_agents.worlds.town import town

SIZE = (60, 150, 3_000)


@pytest.fixture(scope="module")
def default():
    return town()


@pytest.fixture(scope="module")
def world():
    return town(*SIZE, np.random.default_rng(100), recursive=20)


def degrees(world):
    return sorted(len(world.contacts_of(one.handle)) for one in world.people)


def connected(world):
    reached, fresh = set(), {world.people[0].handle}
    while fresh:
        reached |= fresh
        fresh = {other for one in fresh for other in world.contacts_of(one)} - reached
    return len(reached) == len(world.people)


def told(world):
    """Return who was told which value of each fact, by relation and name: from all raw messages."""
    said = list(world.said(range(len(world.messages))))
    heard = {}
    for label, relation in RELATIONS.items():
        for one in find(label, said) if relation.values else ():
            line = world.messages[one.line]
            heard.setdefault((label, one.person), []).append((one.value, world.conversations[line.chat].members))
    return heard


def test_the_default_has_140_people_588_contacts_and_65800_messages(default):
    assert (len(default.people), len(default.contacts), len(default.messages)) == (140, 588, 65_800)
    assert (len(default.of_set("needle-1").tasks), len(default.of_set("needle-3").tasks)) == (588, 100)
    assert len(default.conversations) == len({frozenset(pair) for pair in default.contacts}) == 588
    assert connected(default)


def test_the_default_has_five_whom_many_know_and_35_whom_one_knows(default):
    found = degrees(default)
    assert sum(found) == 2 * 588
    assert found.count(1) == 35
    assert [one > 40 for one in found].count(True) == 5
    assert found[-6] < 20
    assert 5 <= np.median(found) <= 9
    per_person = sorted(len(default.seen_by(one.handle)) for one in default.people)
    assert per_person[-1] > 8 * np.median(per_person)


def test_a_tenth_of_all_rows_is_said_to_several_at_once(default):
    copies = Counter((line.sender, line.sent_at, line.text) for line in default.messages)
    several = [count for count in copies.values() if count > 1]
    assert 0.09 < sum(several) / len(default.messages) < 0.11
    assert max(several) == 4
    lengths = [len(line.text) for line in default.messages]
    assert 40 < np.mean(lengths) < 75


def test_each_relationship_has_a_task_of_its_own(world):
    assert (len(world.people), len(world.contacts), len(world.messages)) == SIZE
    edges = world.of_set("needle-1").tasks
    asked = [frozenset((task.asker, task.partner)) for task in edges]
    assert sorted(map(sorted, asked)) == sorted(map(sorted, world.contacts))
    assert len(world.of_set("needle-3").tasks) == 20
    assert connected(world)


def test_what_is_asked_was_told_to_the_holder_and_not_to_who_asks(world):
    heard = told(world)
    for task in world.tasks:
        (one,) = task.slots
        facts = heard[label_and_person(one.text)]
        assert {value for value, _ in facts} == {task.answer}
        listeners = {handle for _, members in facts for handle in members}
        assert one.holder in listeners
        assert task.asker not in listeners
        assert (task.partner in listeners) == (one.holder == task.partner)


def test_a_recursive_task_is_two_steps_away(world):
    for task in world.of_set("needle-3").tasks:
        holder = task.slots[0].holder
        assert holder in world.contacts_of(task.partner)
        assert holder not in world.contacts_of(task.asker)
        assert holder not in (task.asker, task.partner)
        assert task.needs == {"recursion"}


def test_messages_are_in_the_order_of_the_whole_town(world):
    times = [line.sent_at for line in world.messages]
    assert times == sorted(times)


def test_without_a_generator_it_is_that_of_seed_0():
    one, two = town(12, 20, 200, recursive=2), town(12, 20, 200, np.random.default_rng(0), recursive=2)
    assert one == two
    assert one != town(12, 20, 200, np.random.default_rng(1), recursive=2)


@settings(max_examples=20)
@given(st.integers(6, 20), st.floats(0.3, 1), st.integers(0, 99))
def test_towns_of_any_size_are_as_large_as_was_asked_for(people, share, seed):
    pairs = people * (people - 1) // 2
    contacts = max(people - 1, int(share * pairs))
    made = town(people, contacts, 4 * contacts + 40, np.random.default_rng(seed), recursive=2)
    assert (len(made.people), len(made.contacts), len(made.messages)) == (people, contacts, 4 * contacts + 40)
    assert len({frozenset(pair) for pair in made.contacts}) == contacts
    assert all(len(pair) == len(set(pair)) for pair in made.contacts)
    assert connected(made)


@pytest.mark.parametrize(
    ("people", "contacts", "messages", "match"),
    [
        (3, 3, 100, "at least 4 people"),
        (10, 8, 1000, "one fewer"),
        (10, 46, 1000, "all pairs"),
        (10, 20, 279, "`messages` must be at least 280"),
        (10, 20, -1, "`messages` must be at least"),
    ],
)
def test_towns_that_cannot_be_are_refused(people, contacts, messages, match):
    with pytest.raises(InvalidInput, match=match):
        town(people, contacts, messages, np.random.default_rng(0))
