from dataclasses import replace

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.references import REFERENCES, best_constant, no_plan, references
from consilience.methods.social_agents.worlds.friends import friends_like
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.schedule import schedule
from consilience.methods.social_agents.worlds.town import town

MAKERS = {
    "needle-1": lambda rng: needle(6, 1, rng, length=15),
    "needle-2": lambda rng: needle(6, 2, rng, length=15),
    "needle-3": lambda rng: needle(6, 3, rng, length=15),
    "friends": lambda rng: friends_like(8, rng, length=15),
    "schedule-easy": lambda rng: schedule("easy", 4, rng, length=15),
    "schedule-medium": lambda rng: schedule("medium", 4, rng, length=15),
    "schedule-hard": lambda rng: schedule("hard", 4, rng, length=15),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_shared_memory_answers_all_and_alone_one_falls_far_short(name):
    found = references(MAKERS[name](np.random.default_rng(2)))
    assert tuple(found) == REFERENCES
    assert found["shared-memory"].score >= 0.99
    assert found["constant"].score <= 0.6
    assert found["own-knowledge"].score <= 0.7


def test_talk_without_a_plan_does_short_tasks_and_loses_long_ones():
    short = needle(6, 1, np.random.default_rng(2), length=15)
    assert all(no_plan(short, task) == task.answer for task in short.tasks)
    long = schedule("hard", 4, np.random.default_rng(2), length=15)
    assert references(long)["no-plan"].score <= 0.8
    third = needle(3, 3, np.random.default_rng(2), length=15)
    assert all(no_plan(third, task) is None for task in third.tasks)


def test_without_talk_there_is_no_answer():
    world = needle(3, 1, np.random.default_rng(2), length=15)
    assert all(no_plan(world, task, turns=0) is None for task in world.tasks)


def test_the_best_constant_of_free_times_is_chosen_by_overlap():
    world = schedule("hard", 1, np.random.default_rng(2), length=5)
    answers = ["7:00-8:00", "7:00-8:30", "7:00-9:00", "20:00-21:00", "20:00-21:00"]
    tasks = [replace(world.tasks[0], id=str(number), answer=answer) for number, answer in enumerate(answers)]
    assert best_constant(tasks) == "7:00-8:30"


def test_several_sets_have_no_common_references():
    with pytest.raises(InvalidInput, match="tasks of one set"):
        references(town(12, 24, 400, np.random.default_rng(0), recursive=3))
