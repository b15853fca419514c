"""Friends: two numbers that two people were told, compared again from the raw messages, plain and oblique in turn."""

import re

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person
from consilience.methods.social_agents.references import own_knowledge
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.worlds.friends import friends_like, friends_long


@pytest.fixture(scope="module")
def world():
    return friends_like(16, np.random.default_rng(100), length=8)


def stated(world, one):
    """Return the messages among the holder's that state a slot."""
    label, person = label_and_person(one.text)
    rows = world.seen_by(one.holder)
    return [world.messages[rows[found.line]] for found in find(label, list(world.said(rows))) if found.person == person]


def number(line):
    (found,) = re.findall(r"\d+", line.text)
    return int(found)


def test_the_answer_is_whose_number_is_smaller(world):
    for task in world.tasks:
        lines = [stated(world, one) for one in task.slots]
        assert [len(found) for found in lines] == [1, 1]
        (one,), (two,) = lines
        assert number(one) != number(two)
        smaller = min((one, two), key=number)
        assert task.answer == world.by_handle[smaller.sender].name


def test_each_side_was_told_one_of_the_two_and_not_the_other(world):
    for task in world.tasks:
        assert [one.holder for one in task.slots] == [task.asker, task.partner]
        for one, other in zip(task.slots, task.slots[::-1], strict=True):
            (line,) = stated(world, one)
            assert set(world.conversations[line.chat].members) == {one.holder, line.sender}
            label, person = label_and_person(one.text)
            rows = list(world.said(world.seen_by(other.holder)))
            assert all(found.person != person for found in find(label, rows))


def test_plain_and_oblique_facts_come_in_turn(world):
    for place, task in enumerate(world.tasks):
        label = label_and_person(task.slots[0].text)[0]
        assert RELATIONS[label].numeric
        lines = [line for one in task.slots for line in stated(world, one)]
        assert task.needs == {"fuzzy" if place % 2 else "clear"}
        assert all(any(word in line.text for word in label.split()) == (place % 2 == 0) for line in lines)


def test_oblique_facts_stand_apart_from_the_words_that_lead_to_them(world):
    for task in world.tasks[1::2]:
        for one in task.slots:
            (line,) = stated(world, one)
            words = label_and_person(one.text)[0].split()
            chat = [each for each in world.messages if each.chat == line.chat]
            place = chat.index(line)
            near, before = (
                " ".join(each.text for each in part).casefold().split()
                for part in (chat[place - 1 : place + 2], chat[place - 5 : place])
            )
            assert not any(said.startswith(word[:4]) for said in near for word in words)
            assert any(said.startswith(word[:4]) for said in before for word in words)


def test_a_third_person_of_both_says_another_number(world):
    for task in world.tasks:
        label = label_and_person(task.slots[0].text)[0]
        (other,) = set(world.contacts_of(task.asker)) & set(world.contacts_of(task.partner))
        said = find(label, list(world.said(world.seen_by(other))))
        (noise,) = {found.value for found in said if found.person == world.by_handle[other].name}
        assert int(noise) not in {number(line) for one in task.slots for line in stated(world, one)}


def test_who_guesses_alone_is_right_half_of_the_time(world):
    score = np.mean([mark(task, own_knowledge(world, task)).score for task in world.tasks])
    assert 0.3 <= score <= 0.7


def test_a_long_task_asks_for_the_smallest_of_many_told_to_both_in_turn():
    world = friends_long(2, np.random.default_rng(100), facts=10, length=3)
    for task in world.tasks:
        lines = [line for one in task.slots for line in stated(world, one)]
        assert len(lines) == len({number(line) for line in lines}) == len({line.sender for line in lines}) == 10
        assert task.answer == world.by_handle[min(lines, key=number).sender].name
        assert [one.holder for one in task.slots] == [task.asker, task.partner] * 5


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda rng: friends_like(0, rng), "`n` must be at least 1 task"),
        (lambda rng: friends_like(10_000, rng), "for which there are names"),
        (lambda rng: friends_long(0, rng), "`n` must be at least 1"),
        (lambda rng: friends_long(1, rng, facts=0), "from 2 to 60"),
        (lambda rng: friends_long(1, rng, facts=7), "`facts` even"),
        (lambda rng: friends_long(1, rng, facts=62), "from 2 to 60"),
    ],
)
def test_friends_that_cannot_be_are_refused(make, match):
    with pytest.raises(InvalidInput, match=match):
        make(np.random.default_rng(0))
