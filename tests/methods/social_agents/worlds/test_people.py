"""Worlds, whichever: nobody alone can do the task, all together can, and a seed makes one world."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.concluding import conclude, kind_of
from consilience.methods.social_agents.grammar import find, label_and_person
from consilience.methods.social_agents.references import shared_memory
from consilience.methods.social_agents.sections import needs
from consilience.methods.social_agents.worlds.friends import friends_like, friends_long
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.people import Chat, Line, Resident, World, residents
from consilience.methods.social_agents.worlds.schedule import schedule
from consilience.methods.social_agents.worlds.town import town

MAKERS = {
    "needle-1": lambda rng: needle(4, 1, rng, length=15),
    "needle-2": lambda rng: needle(4, 2, rng, length=15),
    "needle-3": lambda rng: needle(4, 3, rng, length=15),
    "friends": lambda rng: friends_like(4, rng, length=15),
    "friends-long": lambda rng: friends_long(2, rng, facts=12, length=5),
    "schedule-easy": lambda rng: schedule("easy", 4, rng, length=15),
    "schedule-medium": lambda rng: schedule("medium", 4, rng, length=15),
    "schedule-hard": lambda rng: schedule("hard", 4, rng, length=15),
    "town": lambda rng: town(16, 30, 400, rng, recursive=6),
}


@pytest.fixture(params=MAKERS, scope="module")
def world(request):
    return MAKERS[request.param](np.random.default_rng(105))


found_in = lru_cache(find)


def value_of(world, handle, text):
    """What somebody's messages say of a slot."""
    label, person = label_and_person(text)
    seen = tuple(world.said(world.seen_by(handle)))
    found = [one.value for one in found_in(label, seen) if one.person == person]
    return found[-1] if found else None


# --- laws of all worlds --------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_world(world, request):
    name = request.node.callspec.params["world"]
    assert MAKERS[name](np.random.default_rng(105)) == world
    assert MAKERS[name](np.random.default_rng(106)).messages != world.messages


def test_all_messages_together_give_the_answer(world):
    answers = shared_memory(world)
    assert all(answers[task.id] == task.answer for task in world.tasks)


def test_the_holder_of_a_slot_can_read_it(world):
    assert all(value_of(world, one.holder, one.text) for task in world.tasks for one in task.slots)


def test_no_task_can_be_done_by_one_side(world):
    for task in world.tasks:
        texts = [one.text for one in task.slots]
        for handle in (task.asker, task.partner):
            if handle == task.slots[0].holder and len(task.slots) == 1:
                continue  # with one fact, the partner knows it and the asker is who does not
            known = {text: value for text in texts if (value := value_of(world, handle, text))}
            assert conclude(task.kind, texts, known) is None, task.id


def test_only_recursive_tasks_need_somebody_else(world):
    for task in world.tasks:
        outside = {one.holder for one in task.slots} - {task.asker, task.partner}
        assert bool(outside) == ("recursion" in task.needs)
        for holder in outside:
            assert holder in world.contacts_of(task.partner)
            assert holder not in world.contacts_of(task.asker)
            assert all(value_of(world, task.partner, one.text) is None for one in task.slots)


def test_asker_and_partner_know_each_other_and_tasks_say_what_they_need(world):
    pairs = {frozenset(pair) for pair in world.contacts}
    for task in world.tasks:
        assert frozenset((task.asker, task.partner)) in pairs
        assert needs(task.question) == tuple(one.text for one in task.slots)
        assert kind_of(task.question) == task.kind
        assert [one.name for one in task.slots] == [f"s{number}" for number in range(1, len(task.slots) + 1)]
    assert len({task.id for task in world.tasks}) == len(world.tasks)


def test_clocks_go_forward_in_each_conversation_and_ids_differ(world):
    for rows in world.lines_of:
        times = [world.messages[row].sent_at for row in rows]
        assert times == sorted(times)
    assert len({line.source_id for line in world.messages}) == len(world.messages)


def test_no_two_values_are_said_of_one_fact(world):
    said = list(world.said(range(len(world.messages))))
    for label in {label_and_person(one.text)[0] for task in world.tasks for one in task.slots}:
        values = {}
        for one in find(label, said):
            values.setdefault(one.person, set()).add(one.value)
        assert all(len(found) == 1 for found in values.values())


@pytest.mark.parametrize("name", ["needle-1", "needle-2", "friends"])
def test_beside_a_plain_fact_there_are_talks_nearer_to_the_question_that_do_not_state_it(name):
    world = MAKERS[name](np.random.default_rng(0))
    for task in world.tasks:
        for one in task.slots if "clear" in task.needs else ():
            label, person = label_and_person(one.text)
            rows = world.seen_by(one.holder)
            said = list(world.said(rows))
            stating = {found.line for found in find(label, said) if found.person == person}
            assert stating
            assert all(person not in said[row][1] and said[row][0] == person for row in stating)
            near = [row for row, (sender, text) in enumerate(said) if label in text and sender != person]
            days = {world.messages[rows[row]].sent_at.date() for row in near if person in said[row][1]}
            assert len(days) > 5


# --- what a world tells of itself ----------------------------------------------------------------------------------


def test_everybody_sees_what_is_said_where_they_are_and_nothing_else(world):
    for resident in world.people:
        seen = world.seen_by(resident.handle)
        lines = [world.messages[row] for row in seen]
        assert all(resident.handle in world.conversations[line.chat].members for line in lines)
        assert [line.sent_at for line in lines] == sorted(line.sent_at for line in lines)
        unseen = set(range(len(world.messages))) - set(seen)
        assert not any(resident.handle in world.conversations[world.messages[row].chat].members for row in unseen)
        said = list(world.said(seen))
        assert [text for _, text in said] == [line.text for line in lines]


def test_contacts_know_each_other(world):
    for resident in world.people:
        for other in world.contacts_of(resident.handle):
            assert resident.handle in world.contacts_of(other)
            assert other != resident.handle


def test_a_world_of_one_set_has_its_tasks_alone(world):
    names = {task.set for task in world.tasks}
    parts = [world.of_set(name).tasks for name in sorted(names)]
    assert sum(map(len, parts)) == len(world.tasks)
    assert all(len({task.set for task in part}) == 1 for part in parts)


# --- bad input -----------------------------------------------------------------------------------------------------


def test_a_world_refuses_two_of_one_handle_and_senders_who_are_not_there():
    one = Resident("ana", "Ana")
    with pytest.raises(InvalidInput, match="handles must differ"):
        World((one, replace(one, name="Ann")), (), (), ())
    line = Line(0, "ben", datetime(2024, 1, 1, tzinfo=UTC), "hello", "1")
    with pytest.raises(InvalidInput, match="'ben' is none of 0"):
        World((one, Resident("ben", "Ben")), (), (Chat(("ana",)),), (line,))
    with pytest.raises(UnknownName, match="unknown person 'cem'"):
        World((one,), (), (), ()).seen_by("cem")


def test_two_people_may_share_a_name_but_not_a_handle():
    world = World((Resident("ana", "Ana"), Resident("ana2", "Ana")), (), (), ())
    assert world.person("ana2").name == "Ana"


def test_names_differ_and_run_out():
    assert len({one.name for one in residents(600, np.random.default_rng(0))}) == 600
    with pytest.raises(InvalidInput, match="`count` must be from 0"):
        residents(-1, np.random.default_rng(0))
