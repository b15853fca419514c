"""Needles: who was told the fact, how far it is from who asks, and what else is said of it."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person
from consilience.methods.social_agents.worlds.needle import needle

HOPS = (1, 2, 3)


@pytest.fixture(params=HOPS, scope="module")
def hops(request):
    return request.param


@pytest.fixture(scope="module")
def world(hops):
    return needle(6, hops, np.random.default_rng(100), length=10)


def telling(world, text):
    """Return the indices of the messages that state a slot."""
    label, person = label_and_person(text)
    said = list(world.said(range(len(world.messages))))
    return [one.line for one in find(label, said) if one.person == person], label


def distance(world, one, other):
    reached, near = 0, {one}
    while other not in near:
        near |= {contact for handle in near for contact in world.contacts_of(handle)}
        reached += 1
    return reached


def test_each_fact_is_told_once_by_whose_it_is_to_who_holds_it(world):
    for task in world.tasks:
        for one in task.slots:
            (row,), label = telling(world, one.text)
            line = world.messages[row]
            teller = world.by_handle[line.sender].name
            assert one.text == f"the {label} of {teller}"
            assert set(world.conversations[line.chat].members) == {line.sender, one.holder}
            assert one.holder not in (line.sender, *([task.asker] if one.name == "s1" else []))


def test_a_fact_is_as_many_steps_away_as_the_set_says(world, hops):
    for task in world.tasks:
        distances = [distance(world, task.asker, one.holder) for one in task.slots]
        assert distances == {1: [1], 2: [1, 0], 3: [2]}[hops]
        assert [one.holder for one in task.slots].count(task.partner) == (hops != 3)
        assert ("recursion" in task.needs) == (hops == 3)


def test_the_answer_follows_from_what_was_told(world, hops):
    for task in world.tasks:
        values = []
        for one in task.slots:
            (row,), label = telling(world, one.text)
            values += [value for value in RELATIONS[label].values if f" {value}" in world.messages[row].text]
        if hops == 2:
            assert task.answer == ("same" if values[0] == values[1] else "different")
        else:
            assert [task.answer] == values


def test_somebody_else_of_the_circle_says_another_value_of_themselves(world):
    people = {one.name: one.handle for one in world.people}
    said = list(world.said(range(len(world.messages))))
    for task in world.tasks:
        label, teller = label_and_person(task.slots[0].text)
        circle = _circle(world, (task.asker, task.partner))
        values = {one.person: one.value for one in find(label, said) if people[one.person] in circle}
        needed = {label_and_person(one.text)[1] for one in task.slots}
        (other,) = set(values) - needed
        assert values[other] not in {values[one] for one in needed}
        assert {task.partner, people[teller]} <= {
            one
            for line in world.messages
            if values[other] in line.text
            for one in world.conversations[line.chat].members
        } or task.partner not in {one.holder for one in task.slots}


def _circle(world, pair):
    """Return all who are connected with a pair."""
    near = set(pair)
    for _ in world.people[:5]:
        near |= {contact for handle in near for contact in world.contacts_of(handle)}
    return near


def test_everybody_is_of_one_circle_of_five(world):
    assert len(world.people) == 5 * len(world.tasks)
    assert all(len(_circle(world, pair)) == 5 for pair in world.contacts)


def test_comparisons_are_the_same_and_different_in_turn():
    tasks = needle(4, 2, np.random.default_rng(100), length=2).tasks
    assert [task.answer for task in tasks] == ["same", "different"] * 2


@pytest.mark.parametrize(
    ("n", "number", "match"),
    [
        (0, 1, "`n` at least 1"),
        (-1, 1, "`n` at least 1"),
        (1, 0, "`hops` must be 1, 2 or 3"),
        (1, 4, "`hops` must be 1, 2 or 3"),
        (10_000, 1, "for which there are names"),
    ],
)
def test_needles_that_cannot_be_are_refused(n, number, match):
    with pytest.raises(InvalidInput, match=match):
        needle(n, number, np.random.default_rng(0))
