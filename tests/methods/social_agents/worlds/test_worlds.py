from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.concluding import conclude, kind_of
from consilience.methods.social_agents.grammar import find, label_and_person
from consilience.methods.social_agents.references import own_knowledge, shared_memory
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.sections import needs
from consilience.methods.social_agents.worlds.friends import friends_like, friends_long
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.people import Chat, Line, Resident, World, residents
from consilience.methods.social_agents.worlds.schedule import ALONE, schedule
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
    return MAKERS[request.param](np.random.default_rng(5))


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
    assert MAKERS[name](np.random.default_rng(5)) == world
    assert MAKERS[name](np.random.default_rng(6)).messages != world.messages


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


# --- single worlds -------------------------------------------------------------------------------------------------


def test_comparisons_of_needles_are_the_same_and_different_in_turn():
    assert [task.answer for task in needle(4, 2, np.random.default_rng(0)).tasks] == ["same", "different"] * 2


def test_oblique_facts_stand_apart_from_the_words_that_lead_to_them():
    world = friends_like(8, np.random.default_rng(0))
    for task in world.tasks:
        if "fuzzy" not in task.needs:
            continue
        for one in task.slots:
            label, person = label_and_person(one.text)
            rows = world.seen_by(one.holder)
            stating = [found.line for found in find(label, list(world.said(rows))) if found.person == person]
            chat = world.lines_of[world.messages[rows[stating[0]]].chat]
            place = chat.index(rows[stating[0]])
            near = " ".join(world.messages[row].text for row in chat[place - 1 : place + 2]).lower()
            assert not any(word[:4] in near for word in label.split())
            before = " ".join(world.messages[row].text for row in chat[place - 5 : place]).lower()
            assert any(word[:4] in before for word in label.split())


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


def test_easy_schedules_spread_their_answers():
    answers = [task.answer for task in schedule("easy", 8, np.random.default_rng(0)).tasks]
    assert sorted(answers) == sorted(["1", "2", "3", "4"] * 2)


def test_no_half_of_a_hard_schedule_comes_near():
    world = schedule("hard", 8, np.random.default_rng(0))
    assert all(mark(task, own_knowledge(world, task)).score < ALONE for task in world.tasks)


def test_the_longest_of_a_medium_schedule_are_on_both_sides():
    tasks = schedule("medium", 8, np.random.default_rng(0)).tasks
    assert all("; " in task.answer for task in tasks)
    assert len({task.answer for task in tasks}) == len(tasks)


def test_a_town_has_the_shape_that_was_asked_for():
    world = town(60, 150, 4000, np.random.default_rng(2), recursive=20)
    assert (len(world.people), len(world.contacts), len(world.messages)) == (60, 150, 4000)
    assert len({frozenset(pair) for pair in world.contacts}) == 150
    degrees = sorted(len(world.contacts_of(one.handle)) for one in world.people)
    assert degrees[0] == 1
    assert degrees[-1] > 5 * degrees[30]
    edges = world.of_set("needle-1").tasks
    assert {frozenset((task.asker, task.partner)) for task in edges} == {frozenset(pair) for pair in world.contacts}
    assert len(world.of_set("needle-3").tasks) == 20
    copies = {(line.sender, line.sent_at, line.text) for line in world.messages}
    assert len(copies) < len(world.messages)


def test_the_default_town_has_140_people_588_contacts_and_65800_messages():
    world = town()
    assert (len(world.people), len(world.contacts), len(world.messages)) == (140, 588, 65_800)
    assert (len(world.of_set("needle-1").tasks), len(world.of_set("needle-3").tasks)) == (588, 100)


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda rng: needle(0, 1, rng), "`n` at least 1"),
        (lambda rng: needle(1, 4, rng), "`hops` must be 1, 2 or 3"),
        (lambda rng: needle(10_000, 1, rng), "for which there are names"),
        (lambda rng: friends_like(0, rng), "at least 1 task"),
        (lambda rng: friends_long(1, rng, facts=7), "`facts` even"),
        (lambda rng: friends_long(1, rng, facts=62), "from 2 to 60"),
        (lambda rng: schedule("easy", 0, rng), "`n` at least 1"),
        (lambda rng: town(3, 3, 100, rng), "at least 4 people"),
        (lambda rng: town(10, 8, 1000, rng), "one fewer"),
        (lambda rng: town(10, 46, 1000, rng), "all pairs"),
        (lambda rng: town(10, 20, 100, rng), "`messages` must be at least"),
    ],
)
def test_worlds_that_cannot_be_are_refused(make, match):
    with pytest.raises(InvalidInput, match=match):
        make(np.random.default_rng(0))


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
