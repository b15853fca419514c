"""Facts go around among people; nothing else is changed, and answers are those of the new messages."""

import numpy as np
import pytest

from consilience.methods.social_agents.grammar import find, label_and_person
from consilience.methods.social_agents.references import shared_memory
from consilience.methods.social_agents.studies.success import SETS
from consilience.methods.social_agents.studies.swap import swapped


@pytest.mark.parametrize("name", SETS)
def test_values_are_the_same_ones_and_are_other_people_s(name) -> None:
    world = SETS[name](4, np.random.default_rng(3))
    other = swapped(world, np.random.default_rng(4))
    for label in {label_and_person(slot.text)[0] for task in world.tasks for slot in task.slots}:
        before, after = (
            {one.person: one.value for one in find(label, w.said(range(len(w.messages))))} for w in (world, other)
        )
        assert before.keys() == after.keys()
        assert sorted(before.values()) == sorted(after.values())
        assert before != after or len(set(before.values())) == 1


@pytest.mark.parametrize("name", SETS)
def test_only_tasks_whose_answers_change_are_kept_with_what_the_messages_say(name) -> None:
    world = SETS[name](4, np.random.default_rng(3))
    other = swapped(world, np.random.default_rng(4))
    old = {task.id: task.answer for task in world.tasks}
    answers = shared_memory(other)
    assert all(task.answer == answers[task.id] != old[task.id] for task in other.tasks)
    assert [line.sender for line in other.messages] == [line.sender for line in world.messages]
    assert world.people == other.people
