"""Schedules: answers reckoned again by brute force on 48 half-hours, and halves of a circle that do not have them."""

import re
from itertools import chain, combinations

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.references import own_knowledge
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.worlds.schedule import ALONE, schedule

LEVELS = ("easy", "medium", "hard")
TOLD = re.compile(r"(\d+):(\d\d)-(\d+):(\d\d) (\w+)")
PARTS = {"morning": (7, 12), "afternoon": (12, 17), "evening": (17, 22)}


@pytest.fixture(scope="module")
def worlds():
    return {level: schedule(level, 8, np.random.default_rng(100), length=6) for level in LEVELS}


def days_of(world, task):
    """Return what each of the six does, as the raw messages tell it: name, first and last half-hour."""
    host, other = task.asker, task.partner
    guests = [[one for one in world.contacts_of(side) if one not in (host, other)] for side in (host, other)]
    days = {handle: [] for handle in (host, other, *chain(*guests))}
    for line in world.messages:
        if line.sender in days:
            for begin, half, end, last_half, name in TOLD.findall(line.text):
                first, last = (2 * int(hour) + (minute == "30") for hour, minute in ((begin, half), (end, last_half)))
                days[line.sender].append((name, first, last))
    return days, [{host, *guests[0]}, {other, *guests[1]}]


def busy(day):
    marked = [False] * 48
    for _, first, last in day:
        for moment in range(first, last):
            assert not marked[moment]  # nobody does two things at once
            marked[moment] = True
    return marked


def free(days):
    return {moment for moment in range(14, 44) if not any(busy(day)[moment] for day in days)}


def longest(days):
    most = max(last - first for day in days for _, first, last in day)
    return {name for day in days for name, first, last in day if last - first == most}


def deletions(one, two):
    """Return the fewest activities without which two days never overlap, by trying all."""
    everything = [(0, each) for each in one] + [(1, each) for each in two]
    for count in range(len(everything) + 1):
        for gone in combinations(everything, count):
            left = [[each for side, each in everything if side == who and (side, each) not in gone] for who in (0, 1)]
            if not any(mine and theirs for mine, theirs in zip(*map(busy, left), strict=True)):
                return count
    raise AssertionError("with nothing left nothing overlaps")


def moments(answer):
    found = set()
    for begin, half, end, last_half in re.findall(r"(\d+):(\d\d)-(\d+):(\d\d)", answer):
        found |= set(range(2 * int(begin) + (half == "30"), 2 * int(end) + (last_half == "30")))
    return found


def test_easy_answers_are_the_fewest_deletions(worlds):
    for task in worlds["easy"].tasks:
        days, _ = days_of(worlds["easy"], task)
        assert str(deletions(days[task.asker], days[task.partner])) == task.answer


def test_medium_answers_are_all_that_is_longest_and_no_half_has_them(worlds):
    for task in worlds["medium"].tasks:
        days, halves = days_of(worlds["medium"], task)
        answer = set(task.answer.split("; "))
        assert longest(days.values()) == answer
        assert all(longest([days[one] for one in half]) != answer for half in halves)


def test_hard_answers_are_when_all_are_free_and_no_half_comes_near(worlds):
    for task in worlds["hard"].tasks:
        days, halves = days_of(worlds["hard"], task)
        answer = moments(task.answer)
        assert answer
        assert free(days.values()) == answer
        for half in halves:
            alone = free([days[one] for one in half])
            assert answer < alone
            assert len(answer) / len(alone) < ALONE


@pytest.mark.parametrize("level", LEVELS)
def test_days_are_of_six_people_in_their_parts_and_each_activity_of_one(worlds, level):
    for task in worlds[level].tasks:
        days, halves = days_of(worlds[level], task)
        assert [len(half) for half in halves] == [3, 3]
        names = [name for day in days.values() for name, _, _ in day]
        assert len(names) == len(set(names)) == (6 * 5 if level == "easy" else 6 * 3)
        for day in days.values():
            counts = [sum(2 * a <= first and last <= 2 * b for _, first, last in day) for a, b in PARTS.values()]
            assert counts == ([1, 2, 2] if level == "easy" else [1, 1, 1])


@pytest.mark.parametrize("level", LEVELS)
def test_each_side_is_told_of_its_own_three_and_of_nobody_else(worlds, level):
    world = worlds[level]
    for task in world.tasks:
        _, halves = days_of(world, task)
        for side, half in zip((task.asker, task.partner), halves, strict=True):
            told = {world.messages[row].sender for row in world.seen_by(side) if TOLD.search(world.messages[row].text)}
            assert told == half
        asked = {one.text.partition(" of ")[2] for one in task.slots}
        assert len(asked) == (2 if level == "easy" else 6)


def test_easy_answers_are_spread_evenly(worlds):
    assert sorted(task.answer for task in worlds["easy"].tasks) == sorted(["1", "2", "3", "4"] * 2)


def test_the_longest_of_a_medium_schedule_are_on_both_sides(worlds):
    world = worlds["medium"]
    for task in world.tasks:
        days, halves = days_of(world, task)
        answer = set(task.answer.split("; "))
        assert all(any(name in answer for one in half for name, _, _ in days[one]) for half in halves)


def test_no_two_tasks_of_a_medium_schedule_share_an_answer():
    answers = [task.answer for task in schedule("medium", 100, np.random.default_rng(100), length=0).tasks]
    assert len(set(answers)) == 100  # by chance six of them would be there twice


def test_what_the_asker_would_answer_alone_is_not_near(worlds):
    world = worlds["hard"]
    assert all(mark(task, own_knowledge(world, task)).score < ALONE for task in world.tasks)
    world = worlds["medium"]
    assert not any(mark(task, own_knowledge(world, task)).exact for task in world.tasks)


@pytest.mark.parametrize(("level", "n"), [("easy", 0), ("easy", -1), ("simple", 1)])
def test_schedules_that_cannot_be_are_refused(level, n, past_the_types):
    with pytest.raises(InvalidInput, match="`level` must be 'easy', 'medium' or 'hard' and `n` at least 1"):
        schedule(level, n, np.random.default_rng(0))
